import * as fc from 'fast-check';
import { createPrng } from '../../../../domain/base/prng';
import { fold } from '../../../../adapters/log/acceptance';
import { createMemoryLog, createMemoryStore, type MemoryLog } from '../../../../adapters/log/memory';
import { decodeCommit } from '../../../../adapters/codec/records';
import { commitAfter, commitsAfter } from '../../../contract/log-records';

describe('the memory log with faults', () => {
  test('whatever fails, the accepted commits are one unbroken chain, the same for every reader', async () => {
    let failures = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 40 }), async (seed, appends) => {
        const prng = createPrng(seed);
        const store = createMemoryStore();
        const leaders = ['a', 'b'].map((name) =>
          createMemoryLog({ store, faults: { prng: prng.fork(name), rate: 0.4 } }),
        );
        const seen: string[] = [];
        leaders[0]!.tail(1, (commit) => seen.push(commit.hash));
        for (let i = 0; i < appends; i++) {
          const log = leaders[prng.below(2)] as MemoryLog;
          const stale = prng.below(4) === 0;
          const head = stale ? { ...log.head(), hash: 'ab'.repeat(32) } : log.head();
          const records = commitsAfter(head, 1 + prng.below(3), { commandId: `c${i}` });
          await log.append(records).catch((error: { code?: string; canRetry?: boolean }) => {
            failures++;
            expect(error).toMatchObject({ code: 'log-failed', canRetry: true });
          });
        }
        const folded = fold(store.records.map((bytes, i) => ({ position: String(i), bytes })));
        for (const log of leaders) {
          expect(log.head()).toEqual(folded.head);
          expect((await log.read(1, 1000)).map(({ hash }) => hash)).toEqual(folded.accepted.map(({ hash }) => hash));
          expect((await log.orphans()).length).toBe(store.records.length - folded.accepted.length);
        }
        await Promise.resolve();
        expect(seen).toEqual(folded.accepted.map(({ hash }) => hash));
      }),
    );
    expect(failures).toBeGreaterThan(0);
  });

  test.each([
    ['refused', [], []],
    ['torn', [1], []],
    ['unanswered', [1, 2], []],
    ['late', [], [1, 2]],
  ] as const)('a fault of kind %s leaves just what its name says', async (kind, at_once, later) => {
    const log = createMemoryLog({ faults: { prng: createPrng(1), rate: 1, kinds: [kind] } });
    const records = commitsAfter(log.head(), 2);
    await expect(log.append(records)).rejects.toMatchObject({ code: 'log-failed' });
    expect((await log.read(1, 9)).map(({ seq }) => seq)).toEqual(at_once);
    log.faults = undefined;
    const next = commitAfter(log.head(), { commandId: 'next' });
    const { accepted } = await log.append([next]);
    const ids = (await log.read(1, 9)).map(({ bytes }) => decodeCommit(bytes).commandId);
    // What arrives late takes the place of what was built on the head without it.
    expect(accepted).toEqual(later.length > 0 ? [] : [at_once.length + 1]);
    expect(ids.length).toBe(later.length > 0 ? later.length : at_once.length + 1);
  });

  test('the same seed fails the same way', async () => {
    const outcomes = async (): Promise<string[]> => {
      const log = createMemoryLog({ faults: { prng: createPrng(7), rate: 0.5 } });
      const said: string[] = [];
      for (let i = 0; i < 30; i++) {
        const appended = log.append([commitAfter(log.head(), { commandId: `c${i}` })]);
        said.push(
          await appended.then(
            ({ head }) => head.hash,
            (error: Error) => error.message,
          ),
        );
      }
      return said;
    };
    expect(await outcomes()).toEqual(await outcomes());
  });
});
