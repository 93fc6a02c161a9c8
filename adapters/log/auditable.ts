import type { ChainId, Seq } from '../../domain/base/ids';
import type { ChainHead, EventLog, FlowBatchRecord, Head, StoredCommit } from '../../domain/seams/event-log';

/**
 * What a log really holds, unjudged: what `verify` walks. Nothing is checked or decoded here, damage is passed on as it
 * is. Records come one after another, so that a history that is longer than memory can be walked.
 */
export interface RawLog {
  /** Whether a chain of which everything expired is forgotten altogether (Kafka's retention), head and all. */
  readonly forgetsChains: boolean;
  /** The head as it was stored with the newest commit. */
  storedHead(): Head;
  /** Records that were accepted, in the order of their places; `hash` is what was stored beside the bytes. */
  commits(): Iterable<StoredCommit> | AsyncIterable<StoredCommit>;
  /** The stored head of each chain. */
  chains(): Iterable<ChainHead> | Promise<Iterable<ChainHead>>;
  /** The batches that a chain, by its stored head, still holds, in the order of their places. */
  batches(head: ChainHead): Iterable<FlowBatchRecord> | AsyncIterable<FlowBatchRecord>;
}

/** A log that can be verified and trimmed. */
export interface AuditableLog extends EventLog {
  raw(): RawLog;
  /**
   * Lets go of the batches of a chain before number `keepFrom` (retention). Trim only what a `FlowsAnchored` event
   * covers: what is missing without an anchor counts as deleted.
   */
  trimFlows(chain: ChainId, keepFrom: number): Promise<void>;
}

/** Snapshots that an adapter keeps; older ones are dropped. */
export const SNAPSHOTS_KEPT = 4;

/** The seqs of the snapshots that are no longer kept. */
export function staleSnapshots(seqs: readonly Seq[]): Seq[] {
  return [...seqs].sort((a, b) => b - a).slice(SNAPSHOTS_KEPT);
}
