import { stateHash } from '../../adapters/codec/hash';
import { decodeSnapshot } from '../../adapters/codec/snapshot';
import { requestWriter, type LmdbLog } from '../../adapters/log/lmdb';
import { verifyLog } from '../../adapters/log/verify';
import type { Canonical } from '../../domain/base/canonical';
import { isFlowgridError } from '../../domain/base/errors';
import type { TopologyEvent } from '../../domain/events';
import { canonicalState, FOLD_VERSION, type GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import { EXIT, type CheckOptions, type Io } from '../../interface/cli/programs';
import { NOW, stateAt, words } from '../../projections';
import { anyBroken, INVARIANTS, judgeLog, type LogEvidence, type Verdicts } from '../../projections/verdicts';
import { readStory, withLog } from './log-reading';

/** What a running grid is asked over the writer's socket, as JSON; it answers with its {@link Verdicts}, as JSON. */
export const VERDICTS_REQUEST = { request: 'verdicts' } as const;

/** How long a running grid may take to answer, in milliseconds. */
const ANSWER_MS = 10_000;

/**
 * `flowgrid check`: asks the grid that runs on the data directory, which judges by its taps; where none runs, judges
 * what the log shows by itself. Exit 4 when an invariant is broken.
 *
 * @throws FlowgridError `not-found` for a directory without a log, `timeout` when the grid does not answer.
 */
export async function check({ data, json }: CheckOptions, io: Io): Promise<number> {
  const running = await askRunning(data);
  const verdicts = running ?? (await withLog(data, judgeStored));
  if (json) {
    io.out(JSON.stringify({ source: running === undefined ? 'log' : 'grid', invariants: verdicts }));
  } else {
    io.out(
      running === undefined ? `No grid here sees the frames of ${data}: what its log shows` : `The grid on ${data}`,
    );
    for (const name of INVARIANTS) io.out(`  ${words(name).padEnd(16)} ${verdicts[name]}`);
  }
  return anyBroken(verdicts) ? EXIT.findings : EXIT.ok;
}

async function askRunning(data: string): Promise<Verdicts | undefined> {
  try {
    const answer = await requestWriter(data, Buffer.from(JSON.stringify(VERDICTS_REQUEST)), { timeoutMs: ANSWER_MS });
    return JSON.parse(Buffer.from(answer).toString()) as Verdicts;
  } catch (error) {
    if (isFlowgridError(error, 'not-found')) return undefined;
    throw error;
  }
}

async function judgeStored(log: LmdbLog): Promise<Verdicts> {
  const { findings } = await verifyLog(log.raw());
  const damage = findings.map(
    ({ chain, seq, reason }) => `${chain} ${seq} is ${reason}; 'flowgrid audit verify' lists all`,
  );
  const { commits, trail, flows } = await readStory(log);
  return judgeLog({
    flows: flows.records(),
    names: trail.names,
    snapshots: await compareSnapshot(log, commits),
    damage,
  });
}

/** The newest snapshot against the state rebuilt without it. */
async function compareSnapshot(
  log: LmdbLog,
  commits: readonly Commit<TopologyEvent>[],
): Promise<LogEvidence['snapshots']> {
  const snapshot = await log.snapshot(log.head().seq);
  const [stored] = snapshot === undefined ? [] : await log.read(snapshot.seq, 1);
  if (snapshot === undefined || stored === undefined) return [];
  const expected = { commitHash: stored.hash, foldVersion: FOLD_VERSION };
  const state = decodeSnapshot<GridState & Canonical>(snapshot, expected);
  if (state === undefined) return [];
  const rebuilt = stateAt(commits, { ...NOW, seq: snapshot.seq });
  const hashOf = (value: GridState): string => stateHash(canonicalState(value));
  return [{ seq: snapshot.seq, live: hashOf(state), rebuilt: hashOf(rebuilt) }];
}
