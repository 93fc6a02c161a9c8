import type { ChainId, Millis, Seq } from '../base/ids';

/**
 * The event log: the only truth. Two kinds of streams: `topology`, one totally ordered stream of commits, and the flow
 * chains, one per (node, incarnation).
 *
 * What is written are bytes that the caller encoded; they are hashed as stored. Whether a record of `topology` counts
 * is decided on reading, by one rule, the same on every adapter: `seq = head.seq + 1`, `prev = SHA-256(stored bytes of
 * the head)` and `epoch ≥ head.epoch`. Any other record is an orphan: never applied, always listed. No broker or engine
 * is trusted with a compare-and-set (Kafka has none, KAFKA-2260).
 */
export interface EventLog {
  /** A short name for messages: `lmdb`, `memory`, `kafka`. */
  readonly kind: string;
  /** The accepted head of `topology`. */
  head(): Head;
  /**
   * Appends encoded commits and resolves when they are durable AND have been read back. `accepted` lists which of
   * them the acceptance rule took, in order; the others are orphans. May reject after having appended (weakest
   * guarantee: unknown outcome); the caller then reads to the end and retries the same command ids.
   *
   * @throws FlowgridError `log-failed` (outcome unknown, `canRetry`), `closed`.
   */
  append(records: readonly Uint8Array[]): Promise<AppendResult>;
  /** Accepted commits from `from` on (inclusive), at most `limit`, in order of seq. */
  read(from: Seq, limit: number): Promise<StoredCommit[]>;
  /** Calls `listener` for each accepted commit with seq ≥ `from`, without gap or repeat, in order; returns the stop function. */
  tail(from: Seq, listener: (commit: StoredCommit) => void): () => void;
  /** Every record that the acceptance rule refused, oldest first. */
  orphans(): Promise<Orphan[]>;
  /**
   * Appends one encoded flow batch to a chain. Durable when resolved.
   * `duplicate`: number ≤ the chain's head (dropped); `gap`: number > head + 1 (refused: ship the missing ones first).
   */
  appendFlows(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'>;
  /** Batches of one chain from `from` on (inclusive), at most `limit`, in order. */
  readFlows(chain: ChainId, from: number, limit: number): Promise<FlowBatchRecord[]>;
  /** The head of every chain, in the order of the chains' names. */
  chains(): Promise<ChainHead[]>;
  /** The newest snapshot at or before `atOrBefore`; a snapshot is a cache, never the truth. */
  snapshot(atOrBefore: Seq): Promise<StoredSnapshot | undefined>;
  /** Keeps a snapshot; the adapter may drop older ones. */
  putSnapshot(snapshot: StoredSnapshot): Promise<void>;
  /**
   * The checkpoint kept under a name: like a snapshot a cache, of a fold other than the state. Whoever keeps one makes
   * sure on reading that it fits the log.
   */
  checkpoint(name: string): Promise<Uint8Array | undefined>;
  /** Keeps a checkpoint in place of the one of that name; later reads find it only if every append before it is found. */
  putCheckpoint(name: string, bytes: Uint8Array): Promise<void>;
  /** Bytes that the log takes up, for the report. */
  sizeBytes(): Promise<number>;
  /** Flushes and releases; every later call rejects with `closed`. */
  close(): Promise<void>;
}

/** Position and content of the newest accepted commit; seq 0 and 32 zero bytes before the first. */
export interface Head {
  readonly seq: Seq;
  /** SHA-256 of the stored bytes of the head, as 64 hex digits. */
  readonly hash: string;
  readonly epoch: number;
  readonly at: Millis;
}

/** What the first commit, and the first batch of a chain, name as the hash of the one before. */
export const NO_HASH = '0'.repeat(64);

export const EMPTY_HEAD: Head = { seq: 0, hash: NO_HASH, epoch: 0, at: 0 };

export interface AppendResult {
  readonly accepted: readonly Seq[];
  readonly head: Head;
}

/** An accepted record of `topology`, still encoded. */
export interface StoredCommit {
  readonly seq: Seq;
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/** A refused record, and why. */
export interface Orphan {
  /** The adapter's own position, for display only (an LMDB key, a Kafka offset). */
  readonly position: string;
  readonly reason: 'undecodable' | 'seq' | 'prev' | 'epoch';
  readonly bytes: Uint8Array;
}

/** One encoded batch of flow events: number `number` (from 1) of its chain, linked by hash to the one before. */
export interface FlowBatchRecord {
  readonly chain: ChainId;
  readonly number: number;
  /** SHA-256 of the bytes of batch `number − 1`, hex; 64 zeros for the first. */
  readonly prev: string;
  readonly bytes: Uint8Array;
}

export interface ChainHead {
  readonly chain: ChainId;
  readonly number: number;
  readonly hash: string;
  /** The oldest number still held: batches before it were trimmed by retention. */
  readonly oldest: number;
}

export interface StoredSnapshot {
  readonly seq: Seq;
  /** Hash of the commit at `seq`: a snapshot that does not match its log is ignored. */
  readonly commitHash: string;
  /** Version of the fold that made it; another version's snapshot is ignored. */
  readonly foldVersion: number;
  readonly bytes: Uint8Array;
}
