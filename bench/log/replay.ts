import { join } from 'node:path';
import { open } from 'lmdb';
import { unpack } from 'msgpackr';
import type { Commit } from '../../domain/log/commit';
import type { TopologyEvent } from '../../domain/events';
import { evolve, evolveCommit, initialState, type GridState } from '../../domain/grid-state';
import { decodeFlowBatch } from '../../adapters/codec/flow-batch';
import { decodeCommit } from '../../adapters/codec/records';
import { openLmdbLog, type LmdbLog } from '../../adapters/log/lmdb';
import type { BenchResult } from '../result';
import { inTemporaryDir, seconds, sideBySide } from './measure';
import { appendFlowEvents, BATCH, foundingEvents, nodeCommits } from './workload';

const CHUNK = 1024;
const CHAIN = '1/1@1';

/** Replay of a whole history. */
export async function replay(smoke: boolean): Promise<BenchResult[]> {
  const commits = smoke ? 100 : 10_000;
  const flows = smoke ? BATCH : 1_000_000;
  return inTemporaryDir(async (dir) => {
    const long = join(dir, 'long');
    await fill(long, commits, flows);
    return [
      ...(await foldAgainstScan(dir, long, smoke ? 1 : 7)),
      await wholeReplay(long, commits, flows, smoke ? 1 : 5),
    ];
  });
}

async function fill(dir: string, commits: number, flows: number): Promise<void> {
  const log = await openLmdbLog({ dir, mode: 'writer' });
  for (let done = 0; done < commits; done += CHUNK) {
    await log.append(nodeCommits(log.head(), Math.min(CHUNK, commits - done)).records);
  }
  await appendFlowEvents(log, CHAIN, flows);
  await log.close();
}

/** What a replay takes before anything is folded. */
async function decodeTopology(log: LmdbLog): Promise<number> {
  let events = 0;
  for (let from = 1; ; from += CHUNK) {
    const commits = await log.read(from, CHUNK);
    for (const { bytes } of commits) events += decodeCommit(bytes).events.length;
    if (commits.length < CHUNK) return events;
  }
}

async function foldTopology(log: LmdbLog): Promise<GridState> {
  let state = foundingEvents().reduce(evolve, initialState());
  for (let from = 1; ; from += CHUNK) {
    const commits = await log.read(from, CHUNK);
    for (const { bytes } of commits) state = evolveCommit(state, decodeCommit(bytes) as Commit<TopologyEvent>);
    if (commits.length < CHUNK) return state;
  }
}

/** Reading, checking, decoding and folding, against a bare scan that unpacks the same records. */
async function foldAgainstScan(dir: string, long: string, rounds: number): Promise<BenchResult[]> {
  const log = await openLmdbLog({ dir: long, mode: 'reader' });
  const raw = open<Uint8Array, number>({
    path: join(dir, 'raw'),
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'uint32',
    cache: false,
    compression: false,
  });
  const count = log.head().seq;
  for (const { seq, bytes } of await log.read(1, count)) void raw.put(seq, bytes);
  await raw.flushed;
  const scan = (): Promise<number> =>
    seconds(() => {
      let places = 0;
      for (const { value } of raw.getRange({})) places += (unpack(value) as unknown[]).length;
      return places;
    });
  const unfolded = await sideBySide(rounds, () => seconds(() => decodeTopology(log)), scan);
  const { ours, theirs } = await sideBySide(rounds, () => seconds(() => foldTopology(log)), scan);
  await log.close();
  await raw.close();
  const ratio = theirs / ours;
  return [
    {
      name: 'replay: read, check and decode topology commits',
      unit: 'commits/s',
      value: count / unfolded.ours,
      ratio: { of: 'raw scan and unpack', value: unfolded.theirs / unfolded.ours },
      note: "the log's own share",
    },
    {
      name: 'replay: read, check, decode and fold topology commits',
      unit: 'commits/s',
      value: count / ours,
      ratio: { of: 'raw scan and unpack', value: ratio, budget: '≥ 0.5', ok: ratio >= 0.5 },
    },
  ];
}

async function wholeReplay(dir: string, commits: number, flows: number, rounds: number): Promise<BenchResult> {
  const log = await openLmdbLog({ dir, mode: 'reader' });
  const batches = Math.ceil(flows / BATCH);
  const once = async (): Promise<void> => {
    await foldTopology(log);
    let live = 0;
    for (let number = 1; number <= batches; number++) {
      const [record] = await log.readFlows(CHAIN, number, 1);
      for (const event of decodeFlowBatch((record as { bytes: Uint8Array }).bytes).events) {
        live += event.type === 'FlowStarted' ? 1 : -1;
      }
    }
    if (live !== 0) throw new Error(`${live} flows left over: the replay lost events`);
  };
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) times.push(await seconds(once));
  await log.close();
  const value = times.sort((a, b) => a - b)[times.length >> 1] as number;
  return {
    name: `replay of ${commits} topology commits and ${flows} flow events`,
    unit: 's',
    value,
    note: 'goal under 2 s',
  };
}
