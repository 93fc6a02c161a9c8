import type { ChainId, Seq } from '../../../domain/base/ids';
import type {
  ChainHead,
  FlowBatchRecord,
  Head,
  Orphan,
  StoredCommit,
  StoredSnapshot,
} from '../../../domain/seams/event-log';
import { EMPTY_HEAD } from '../../../domain/seams/event-log';
import { isFlowgridError } from '../../../domain/base/errors';
import { sha256 } from '../../codec/hash';
import { pack, unpack } from '../../codec/pack';
import { examine, judge } from '../acceptance';
import { emptyChain, judgeBatch, trimmedTo } from '../flow-chain';
import { Offsets } from './offsets';
import { Recent, RecentBudget } from './recent';

/** A stored record's place: what it can be read again by. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** The orphans by their places: what they hold is read again when somebody asks. */
interface Refused {
  readonly offsets: Offsets;
  readonly reasons: Orphan['reason'][];
}

/** A flow chain: its head, where its batches stand, and the newest of them. */
export interface FoldedChain {
  head: ChainHead;
  /** Mostly one: a chain goes on in another partition when the topic was given more. */
  readonly runs: ChainRun[];
  readonly recent: Recent<FlowBatchRecord>;
}

/** Batches of a chain that stand in one partition. */
export interface ChainRun {
  readonly partition: number;
  /** Number of the first. */
  readonly first: number;
  readonly offsets: Offsets;
}

/**
 * What a grid's topics come to, record by record in the order of their offsets. Offsets are for display, and to read
 * again: what counts is decided here, by the same rules as everywhere.
 *
 * Of the history no more is kept than where its records stand, and the newest of them up to a number of bytes.
 */
export class KafkaFold {
  head: Head = EMPTY_HEAD;
  bytes = 0;
  /** Where each accepted commit stands; that of seq 1 comes first. */
  readonly commitOffsets = new Offsets();
  readonly recentCommits = new Recent<StoredCommit>(1);
  readonly orphans: Refused = { offsets: new Offsets(), reasons: [] };
  readonly chains = new Map<ChainId, FoldedChain>();
  /** Where each snapshot stands; the newest is kept whole, because a start wants that one. */
  readonly snapshots = new Map<Seq, number>();
  newestSnapshot: StoredSnapshot | undefined;
  readonly checkpoints = new Map<string, Uint8Array>();
  private readonly commitBudget: RecentBudget<StoredCommit>;
  private readonly batchBudget: RecentBudget<FlowBatchRecord>;
  /** Partition of the flows → the offset before which everything was let go of. */
  private readonly trimmed = new Map<number, number>();

  /** @param recentBytes how much of the newest commits is kept, and as much of the newest flow batches. */
  constructor(recentBytes: number) {
    this.commitBudget = new RecentBudget(recentBytes);
    this.batchBudget = new RecentBudget(recentBytes);
  }

  /** Bytes that are held of commits and flow batches: their places, and the newest records. */
  get historyBytes(): number {
    const runs = [...this.chains.values()].flatMap((chain) => chain.runs);
    const places = [this.commitOffsets, this.orphans.offsets, ...runs.map((run) => run.offsets)];
    return places.reduce((sum, { bytes }) => sum + bytes, this.commitBudget.bytes + this.batchBudget.bytes);
  }

  /** Returns the commit if it was accepted. */
  takeCommit(bytes: Uint8Array, offset: number): StoredCommit | undefined {
    this.bytes += bytes.length;
    const verdict = judge(this.head, examine(bytes));
    if (!verdict.accepted) {
      this.orphans.offsets.push(offset);
      this.orphans.reasons.push(verdict.reason);
      return undefined;
    }
    this.head = verdict.head;
    this.commitOffsets.push(offset);
    this.commitBudget.add(this.recentCommits, verdict.commit);
    return verdict.commit;
  }

  /** Repeats and forks that another writer's retry left behind are passed over: the first of a number counts. */
  takeBatch(value: Uint8Array, place: Place): void {
    this.bytes += value.length;
    const batch = decodeBatch(value);
    if (batch === undefined) return;
    const chain = this.chains.get(batch.chain) ?? beginOf(batch);
    if (!extendsChain(chain.head, batch)) return;
    chain.head = { ...chain.head, number: batch.number, hash: sha256(batch.bytes) };
    runIn(chain, place.partition).offsets.push(place.offset);
    this.batchBudget.add(chain.recent, batch);
    this.chains.set(batch.chain, chain);
  }

  /** Retention has let go of everything in a partition of the flows that stood before an offset. */
  trim(partition: number, before: number): void {
    if (before <= (this.trimmed.get(partition) ?? 0)) return;
    this.trimmed.set(partition, before);
    for (const chain of this.chains.values()) trimChain(chain, this.trimmed);
  }

  /** A checkpoint or a snapshot, or with no value the end of a snapshot. */
  takeSnapshot(key: string, value: Uint8Array | null, offset: number): void {
    const name = checkpointName(key);
    if (name !== undefined) {
      if (value !== null) this.checkpoints.set(name, value);
      return;
    }
    const seq = Number(key);
    if (value === null) {
      this.snapshots.delete(seq);
      if (this.newestSnapshot?.seq === seq) this.newestSnapshot = undefined;
      return;
    }
    this.bytes += value.length;
    this.snapshots.set(seq, offset);
    if (seq >= (this.newestSnapshot?.seq ?? 0)) this.newestSnapshot = decodeSnapshotValue(seq, value);
  }
}

/** The oldest that retention left is where the chain begins now. */
function beginOf({ chain, number, prev }: FlowBatchRecord): FoldedChain {
  const head = { ...emptyChain(chain), number: number - 1, hash: prev, oldest: number };
  return { head, runs: [], recent: new Recent(number) };
}

/** The run that a chain's newest batch, which its head counts already, belongs to. */
function runIn({ head, runs }: FoldedChain, partition: number): ChainRun {
  const last = runs.at(-1);
  if (last?.partition === partition) return last;
  const run = { partition, first: head.number, offsets: new Offsets() };
  runs.push(run);
  return run;
}

/** @param trimmed partition → the offset before which everything is gone. */
function trimChain(chain: FoldedChain, trimmed: ReadonlyMap<number, number>): void {
  for (let [run, next] = chain.runs; run !== undefined; [run, next] = chain.runs) {
    const gone = run.offsets.indexFrom(trimmed.get(run.partition) ?? 0);
    run.offsets.dropBefore(gone);
    chain.head = { ...chain.head, oldest: trimmedTo(chain.head, run.first + gone) };
    if (gone < run.offsets.length || next === undefined) return;
    chain.runs.shift();
  }
}

/** The key of a checkpoint in the topic of snapshots, whose keys are numbers. */
export function checkpointKey(name: string): string {
  return `checkpoint/${name}`;
}

function checkpointName(key: string): string | undefined {
  const prefix = checkpointKey('');
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

export function encodeBatch(batch: FlowBatchRecord): Uint8Array {
  return pack([batch.chain, batch.number, batch.prev, batch.bytes]);
}

export function encodeSnapshotValue(snapshot: StoredSnapshot): Uint8Array {
  return pack([snapshot.commitHash, snapshot.foldVersion, snapshot.bytes]);
}

export function decodeSnapshotValue(seq: Seq, value: Uint8Array): StoredSnapshot {
  const [commitHash, foldVersion, bytes] = unpack(value) as [string, number, Uint8Array];
  return { seq, commitHash, foldVersion, bytes };
}

/** A stranger's record in the topic is no batch. */
export function decodeBatch(value: Uint8Array): FlowBatchRecord | undefined {
  try {
    const [chain, number, prev, bytes] = unpack(value) as [string, number, string, Uint8Array];
    return ArrayBuffer.isView(bytes) ? { chain, number, prev, bytes } : undefined;
  } catch {
    return undefined;
  }
}

function extendsChain(head: ChainHead, batch: FlowBatchRecord): boolean {
  try {
    return judgeBatch(head, batch) === 'append';
  } catch (error) {
    if (isFlowgridError(error, 'invalid-record')) return false;
    throw error;
  }
}
