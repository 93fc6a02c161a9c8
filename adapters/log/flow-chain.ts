import { NO_HASH, type ChainHead, type FlowBatchRecord } from '../../domain/seams/event-log';
import { FlowgridError } from '../../domain/base/errors';

/** The head of a chain before its first batch. */
export function emptyChain(chain: string): ChainHead {
  return { chain, number: 0, hash: NO_HASH, oldest: 1 };
}

/**
 * Whether a batch extends its chain: the one rule of every adapter. Repeats are dropped by number, because a node ships
 * a batch again whenever it did not see the acknowledgement.
 *
 * @throws FlowgridError `invalid-record` when the number is next but `prev` is not the head's hash: two programs wrote
 *   one chain, or the batch was altered on its way.
 */
export function judgeBatch(head: ChainHead, batch: FlowBatchRecord): 'append' | 'duplicate' | 'gap' {
  if (batch.number <= head.number) return 'duplicate';
  if (batch.number > head.number + 1) return 'gap';
  if (batch.prev !== head.hash) {
    throw new FlowgridError('invalid-record', `chain ${batch.chain}: batch ${batch.number} does not follow its head`, {
      remedy: 'a chain has one writer: restart the node, so that it begins a new incarnation and a new chain',
    });
  }
  return 'append';
}

/** The oldest number still held after trimming to `keepFrom`: never backwards, never beyond the head. */
export function trimmedTo(head: ChainHead, keepFrom: number): number {
  return Math.max(head.oldest, Math.min(keepFrom, head.number + 1));
}

/** Chain heads in the order of their names (by byte, `2/10@1` before `2/1@1`), in which every adapter lists them. */
export function sortedByChain(heads: readonly ChainHead[]): ChainHead[] {
  return [...heads].sort((a, b) => (a.chain < b.chain ? -1 : 1));
}
