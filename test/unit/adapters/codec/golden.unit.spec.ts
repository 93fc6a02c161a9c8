import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Commit } from '../../../../domain/log/commit';
import { decodeFlowBatch, encodeFlowBatch } from '../../../../adapters/codec/flow-batch';
import { decodeCommit, encodeCommit } from '../../../../adapters/codec/records';
import { fold } from '../../../../adapters/log/acceptance';

interface Golden {
  /** Hash of the last commit. */
  readonly head: string;
  readonly commits: readonly { readonly bytes: string; readonly decoded: Commit }[];
  readonly batches: readonly { readonly bytes: string; readonly decoded: ReturnType<typeof decodeFlowBatch> }[];
}

/** Logs as each released version wrote them: old records stay readable for ever. Files are added, never changed. */
describe.each(['v0.1.0'])('the log recorded by %s', (version) => {
  const golden = JSON.parse(readFileSync(join(__dirname, 'golden', `${version}.json`), 'utf8')) as Golden;
  const records = golden.commits.map(({ bytes }) => Buffer.from(bytes, 'hex'));

  test('is accepted whole, to the same head', () => {
    const folded = fold(records.map((bytes, i) => ({ position: String(i), bytes })));
    expect(folded.orphans).toEqual([]);
    expect(folded.head).toMatchObject({ seq: records.length, hash: golden.head });
  });

  test('decodes to the same commits and flow events', () => {
    expect(records.map(decodeCommit)).toEqual(golden.commits.map(({ decoded }) => decoded));
    const batches = golden.batches.map(({ bytes }) => decodeFlowBatch(Buffer.from(bytes, 'hex')));
    expect(batches).toEqual(golden.batches.map(({ decoded }) => decoded));
  });

  test('is what this version writes, byte for byte, as long as the formats are the same', () => {
    for (const { bytes, decoded } of golden.commits)
      expect(Buffer.from(encodeCommit(decoded)).toString('hex')).toBe(bytes);
    for (const { bytes, decoded } of golden.batches) {
      expect(Buffer.from(encodeFlowBatch(decoded).bytes).toString('hex')).toBe(bytes);
    }
  });
});
