import { NO_HASH } from '../../../../../domain/seams/event-log';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FlowAnchor } from '../../../../../domain/log/events';
import { encodeFlowBatch } from '../../../../../adapters/codec/flow-batch';
import { sha256 } from '../../../../../adapters/codec/hash';
import { decodeCommit, encodeCommit } from '../../../../../adapters/codec/records';
import { openLmdbLog, type LmdbLog } from '../../../../../adapters/log/lmdb';
import {
  decodeStoredBatch,
  decodeStoredCommit,
  withHash,
  type Environment,
} from '../../../../../adapters/log/lmdb/environment';
import { verifyLog, type VerifyReport } from '../../../../../adapters/log/verify';
import { commitAfter, commitsAfter, flowEnded } from '../../../../contract/log-records';
import { tamper, temporaryDir } from './temporary-log';

const CHAIN = '2/1@1';
const COMMITS = 8;
const BATCHES = 6;

describe('verifying a log on LMDB', () => {
  let dir: string;

  beforeEach(async () => {
    dir = temporaryDir();
    await withLog(dir, async (log) => {
      await log.append(commitsAfter(log.head(), COMMITS - 1));
      const anchor = await fillChain(log, CHAIN, 4);
      await log.append([commitAfter(log.head(), { events: [anchored([anchor])] })]);
      await fillChain(log, CHAIN, BATCHES - 4);
    });
  });

  const verified = async (): Promise<VerifyReport> => {
    const log = await openLmdbLog({ dir, mode: 'reader' });
    const report = await verifyLog(log.raw());
    await log.close();
    return report;
  };
  const findings = async (): Promise<unknown> => (await verified()).findings;

  test('an untouched log has no findings, and everything was looked at', async () => {
    expect(await verified()).toEqual({ findings: [], trimmed: [], commits: COMMITS, chains: 1, batches: BATCHES });
  });

  test('a byte flipped in the file is named by seq, in the middle and in the last record', async () => {
    for (const seq of [3, COMMITS]) {
      const file = join(dir, 'log', 'data.mdb');
      const pristine = readFileSync(file);
      const stored = await withReader(dir, (log) => log.read(seq, 1));
      const damaged = Buffer.from(pristine);
      const places = occurrences(damaged, stored[0]!.bytes);
      for (const place of places) damaged[place + stored[0]!.bytes.length - 1]! ^= 1;
      writeFileSync(file, damaged);
      expect(await findings()).toEqual([{ chain: 'topology', seq, reason: 'changed' }]);
      await expect(withReader(dir, (log) => log.read(1, 100))).rejects.toThrow(`commit ${seq} was changed`);
      writeFileSync(file, pristine);
    }
  });

  test('every byte of a record counts, also where it names its predecessor', async () => {
    const bytes = (await withReader(dir, (log) => log.read(5, 1)))[0]!.bytes;
    for (let place = 0; place < bytes.length; place += 7) {
      await tamper(dir, (env) => {
        const value = Buffer.from(env.topology.get(5)!);
        value[32 + place]! ^= 0x10;
        env.topology.putSync(5, value);
      });
      const [finding, ...others] = (await verified()).findings;
      expect(others).toEqual([]);
      expect(finding).toMatchObject({ chain: 'topology', seq: 5, reason: expect.stringMatching(/changed|misplaced/) });
      await tamper(dir, (env) => {
        const value = Buffer.from(env.topology.get(5)!);
        value[32 + place]! ^= 0x10;
        env.topology.putSync(5, value);
      });
    }
    expect(await findings()).toEqual([]);
  });

  test.each([4, COMMITS])('commit %i rewritten together with its stored hash is named', async (seq) => {
    await tamper(dir, (env) => rewriteCommit(env, seq));
    expect(await findings()).toEqual([{ chain: 'topology', seq, reason: 'changed' }]);
  });

  test('deleted records are named, one and several', async () => {
    await tamper(dir, (env) => [2, 5, 6].forEach((seq) => env.topology.removeSync(seq)));
    expect(await findings()).toEqual([
      { chain: 'topology', seq: 2, reason: 'missing' },
      { chain: 'topology', seq: 5, through: 6, reason: 'missing' },
    ]);
    await expect(withReader(dir, (log) => log.read(1, 100))).rejects.toThrow('commit 2 is missing');
  });

  test('swapped records are both named', async () => {
    await tamper(dir, (env) => {
      const [three, six] = [env.topology.get(3)!, env.topology.get(6)!];
      env.topology.putSync(3, six);
      env.topology.putSync(6, three);
    });
    expect(await findings()).toEqual([
      { chain: 'topology', seq: 3, reason: 'misplaced' },
      { chain: 'topology', seq: 6, reason: 'misplaced' },
    ]);
  });

  test('a truncated log is named from where it ends, and no writer goes on from it', async () => {
    await tamper(dir, (env) => [COMMITS - 1, COMMITS].forEach((seq) => env.topology.removeSync(seq)));
    expect(await findings()).toEqual([
      { chain: 'topology', seq: COMMITS - 1, through: COMMITS, reason: 'truncated' },
      // The anchor went with commit 8: nothing is wrong with the chain itself.
    ]);
    await expect(openLmdbLog({ dir, mode: 'writer' })).rejects.toMatchObject({ code: 'invalid-record' });
  });

  test('a lost head is found, and no writer takes the log for an empty one', async () => {
    await tamper(dir, (env) => env.meta.removeSync('head'));
    expect((await verified()).findings.length).toBe(COMMITS);
    await expect(openLmdbLog({ dir, mode: 'writer' })).rejects.toThrow('the stored head is lost');
  });

  describe('flow chains', () => {
    test('a changed, a deleted and the last changed batch are named by number', async () => {
      for (const number of [2, BATCHES]) {
        const pristine = await changeBatch(dir, number);
        expect(await findings()).toEqual([{ chain: CHAIN, seq: number, reason: 'changed' }]);
        await tamper(dir, (env) => env.flows.putSync([CHAIN, number], pristine));
      }
      await tamper(dir, (env) => env.flows.removeSync([CHAIN, 3]));
      expect(await findings()).toEqual([{ chain: CHAIN, seq: 3, reason: 'missing' }]);
    });

    test('swapped batches are both named', async () => {
      await tamper(dir, (env) => {
        const [two, four] = [env.flows.get([CHAIN, 2])!, env.flows.get([CHAIN, 4])!];
        env.flows.putSync([CHAIN, 2], four);
        env.flows.putSync([CHAIN, 4], two);
      });
      expect((await verified()).findings).toEqual([
        { chain: CHAIN, seq: 2, reason: 'misplaced' },
        { chain: CHAIN, seq: 4, reason: 'misplaced' },
      ]);
    });

    test('batches missing at the end are named', async () => {
      await tamper(dir, (env) => [5, 6].forEach((number) => env.flows.removeSync([CHAIN, number])));
      expect(await findings()).toEqual([{ chain: CHAIN, seq: 5, through: 6, reason: 'truncated' }]);
    });

    test('what an anchor covers and retention let go of reads trimmed, not tampered', async () => {
      await withLog(dir, (log) => log.trimFlows(CHAIN, 4));
      const report = await verified();
      expect(report.findings).toEqual([]);
      expect(report.trimmed).toEqual([{ chain: CHAIN, from: 1, through: 3 }]);
      expect(report.batches).toBe(BATCHES - 3);
    });

    test('what is gone beyond the last anchor is missing', async () => {
      await withLog(dir, (log) => log.trimFlows(CHAIN, BATCHES));
      expect(await findings()).toEqual([{ chain: CHAIN, seq: 1, through: BATCHES - 1, reason: 'missing' }]);
    });

    test('a whole chain deleted is missing as far as its anchor knows', async () => {
      await tamper(dir, (env) => {
        env.chains.removeSync(CHAIN);
        for (let number = 1; number <= BATCHES; number++) env.flows.removeSync([CHAIN, number]);
      });
      expect(await findings()).toEqual([{ chain: CHAIN, seq: 1, through: 4, reason: 'missing' }]);
    });

    test('a chain forged from its beginning is betrayed by the anchor', async () => {
      await tamper(dir, (env) => {
        env.chains.removeSync(CHAIN);
        for (let number = 1; number <= BATCHES; number++) env.flows.removeSync([CHAIN, number]);
      });
      await withLog(dir, (log) => fillChain(log, CHAIN, BATCHES, 900));
      // Number 4 is not what was anchored, and number 5 does not follow what was.
      expect(await findings()).toEqual([
        { chain: CHAIN, seq: 4, reason: 'changed' },
        { chain: CHAIN, seq: 5, reason: 'changed' },
      ]);
    });
  });
});

async function withLog<Result>(dir: string, use: (log: LmdbLog) => Promise<Result>): Promise<Result> {
  const log = await openLmdbLog({ dir, mode: 'writer' });
  return use(log).finally(() => log.close());
}

async function withReader<Result>(dir: string, use: (log: LmdbLog) => Promise<Result>): Promise<Result> {
  const log = await openLmdbLog({ dir, mode: 'reader' });
  return use(log).finally(() => log.close());
}

/** Appends `count` batches to a chain; returns the anchor of the last. */
async function fillChain(log: LmdbLog, chain: string, count: number, firstFlow = 1): Promise<FlowAnchor> {
  let head = (await log.chains()).find((known) => known.chain === chain) ?? { number: 0, hash: NO_HASH };
  for (let i = 0; i < count; i++) {
    const number = head.number + 1;
    const batch = encodeFlowBatch({ chain, number, prev: head.hash, lost: 0, events: [flowEnded(firstFlow + number)] });
    await log.appendFlows(batch);
    head = { number, hash: sha256(batch.bytes) };
  }
  return { chain, number: head.number, hash: head.hash };
}

function anchored(anchors: readonly FlowAnchor[]) {
  return { type: 'FlowsAnchored', v: 1, data: { anchors } } as const;
}

/** Replaces a commit by another valid one and makes its stored hash fit. */
function rewriteCommit(env: Environment, seq: number): void {
  const { bytes } = decodeStoredCommit(seq, env.topology.get(seq)!);
  const forged = encodeCommit({ ...decodeCommit(bytes), by: 'operator:mallory' });
  env.topology.putSync(seq, withHash(sha256(forged), forged));
}

/** Changes the last byte of a batch; returns what was stored. */
async function changeBatch(dir: string, number: number): Promise<Uint8Array> {
  let pristine: Uint8Array | undefined;
  await tamper(dir, (env) => {
    pristine = env.flows.get([CHAIN, number])!;
    const { prev, bytes } = decodeStoredBatch([CHAIN, number], pristine);
    const changed = new Uint8Array(bytes);
    changed[changed.length - 1]! ^= 1;
    env.flows.putSync([CHAIN, number], withHash(prev, changed));
  });
  return pristine!;
}

function occurrences(file: Buffer, bytes: Uint8Array): number[] {
  const places: number[] = [];
  for (let at = file.indexOf(bytes); at >= 0; at = file.indexOf(bytes, at + 1)) places.push(at);
  return places;
}
