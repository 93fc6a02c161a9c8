import { decodeFlowBatch } from '../../adapters/codec/flow-batch';
import { decodeCommit } from '../../adapters/codec/records';
import { openLmdbLog, type LmdbLog } from '../../adapters/log/lmdb';
import { FlowgridError } from '../../domain/base/errors';
import type { ChainId, Seq } from '../../domain/base/ids';
import type { TopologyEvent } from '../../domain/events';
import type { FlowEvent } from '../../domain/flow/events';
import { evolveCommit, initialState, type GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import type { EventLog, StoredCommit } from '../../domain/seams/event-log';
import { timeText } from '../../interface/cli/text';
import { formatWhen } from '../../interface/cli/when';
import { AuditTrail, FlowsProjection, momentOf, stateAt, type When } from '../../projections';
import { topologyUpcasters } from '../control/upcasters';

/** Commits, or flow batches, read from the log at a time. */
const READ_LIMIT = 512;

const upcasters = topologyUpcasters();

/**
 * Opens the log in a data directory for reading, also while a grid runs there, and closes it whatever happens.
 *
 * @throws FlowgridError `not-found` where there is no log.
 */
export async function withLog<Result>(dir: string, use: (log: LmdbLog) => Promise<Result>): Promise<Result> {
  const log = await openLmdbLog({ dir, mode: 'reader' });
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}

/** A stored commit as this program knows its events. */
export function decoded(stored: StoredCommit): Commit<TopologyEvent> {
  return upcasters.commit(decodeCommit(stored.bytes)) as Commit<TopologyEvent>;
}

/** Every accepted commit with its hash, from `from` on, up to the head of when it is reached. */
export async function* storedCommits(log: EventLog, from: Seq = 1): AsyncGenerator<StoredCommit> {
  for (let next = from; ;) {
    const commits = await log.read(next, READ_LIMIT);
    yield* commits;
    if (commits.length < READ_LIMIT) return;
    next = commits.at(-1)!.seq + 1;
  }
}

/**
 * The state of the grid at an instant; absent: as it is.
 *
 * @param data the log's directory, for messages
 * @throws FlowgridError `not-found` for an instant at which there was no grid.
 */
export async function gridAt(log: EventLog, at: When | undefined, data: string): Promise<GridState> {
  const commits = await readCommits(log);
  const state = stateAt(commits, momentOf(at, commits));
  if (state.seq > 0) return state;
  const begin = commits[0] === undefined ? 'is empty' : `begins at ${timeText(commits[0].at)}`;
  const then = at === undefined ? '' : ` at ${formatWhen(at)}`;
  throw new FlowgridError('not-found', `${data}: there was no grid${then}: the log ${begin}`, {
    remedy: "name a later instant; 'flowgrid audit history' shows when what happened",
  });
}

export async function readCommits(log: EventLog): Promise<Commit<TopologyEvent>[]> {
  const commits: Commit<TopologyEvent>[] = [];
  for await (const stored of storedCommits(log)) commits.push(decoded(stored));
  return commits;
}

/** The state rebuilt from the commits alone, up to and including `seq`; tells of each commit. */
export async function rebuilt(
  log: EventLog,
  seq: Seq,
  visit: (commit: Commit<TopologyEvent>) => void = () => undefined,
): Promise<GridState> {
  let state = initialState();
  for await (const stored of storedCommits(log)) {
    if (stored.seq > seq) break;
    const commit = decoded(stored);
    state = evolveCommit(state, commit);
    visit(commit);
  }
  return state;
}

/** Every flow event that the chains still hold, chain by chain. */
export async function readFlowEvents(
  log: EventLog,
  visit: (chain: ChainId, number: number, events: readonly FlowEvent[]) => void,
): Promise<void> {
  for (const { chain, oldest } of await log.chains()) {
    for (let next = oldest; ;) {
      const batches = await log.readFlows(chain, next, READ_LIMIT);
      for (const batch of batches) visit(chain, batch.number, decodeFlowBatch(batch.bytes).events);
      if (batches.length < READ_LIMIT) break;
      next = batches.at(-1)!.number + 1;
    }
  }
}

/** What the log tells, folded: the commits, their story, and the flows. */
export interface ToldStory {
  readonly commits: readonly Commit<TopologyEvent>[];
  readonly trail: AuditTrail;
  readonly flows: FlowsProjection;
}

export async function readStory(log: EventLog): Promise<ToldStory> {
  const commits = await readCommits(log);
  const trail = new AuditTrail();
  for (const commit of commits) trail.apply(commit);
  const flows = new FlowsProjection();
  await readFlowEvents(log, (chain, number, events) => flows.applyBatch(chain, number, events));
  return { commits, trail, flows };
}
