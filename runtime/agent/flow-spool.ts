import { FLOW_BATCH_EVENTS_MAX, encodeFlowBatch } from '../../adapters/codec/flow-batch';
import { sha256 } from '../../adapters/codec/hash';
import type { ChainId } from '../../domain/base/ids';
import type { FlowEvent } from '../../domain/flow/events';
import { NO_HASH, type FlowBatchRecord } from '../../domain/seams/event-log';

/** Flow events that a spool holds by default before it sheds. */
export const SPOOL_EVENTS_MAX = 1_000_000;

/**
 * What one node observed about flows, on its way to the log: a bounded queue of events, numbered batches linked by hash,
 * shipped one after another and kept until acknowledged. Packets never wait for it: a full spool sheds the newest
 * events, and the next batch says how many were lost.
 */
export class FlowSpool {
  private queue: FlowEvent[] = [];
  /** Lost since the batch made last. */
  private lost = 0;
  private lostEver = 0;
  private made: number;
  private prev: string;
  /** The batch that was made and not acknowledged yet. */
  private shipping: FlowBatchRecord | undefined;

  /** @param after the last batch of the chain that the log has, when a node's life goes on in a new process. */
  constructor(
    readonly chain: ChainId,
    private readonly eventsMax: number = SPOOL_EVENTS_MAX,
    after: { readonly number: number; readonly hash: string } = { number: 0, hash: NO_HASH },
    /** Events in one batch, at most: what a message over the bus can carry. */
    private readonly batchEventsMax: number = FLOW_BATCH_EVENTS_MAX,
  ) {
    this.made = after.number;
    this.prev = after.hash;
  }

  /** Takes what the node observed, in order, and how much the node itself had to let go of. */
  add(events: readonly FlowEvent[], shed = 0): void {
    const room = Math.max(0, this.eventsMax - this.queue.length);
    for (let i = 0; i < events.length && i < room; i++) this.queue.push(events[i]!);
    const lost = shed + Math.max(0, events.length - room);
    this.lost += lost;
    this.lostEver += lost;
  }

  /** The batch to ship now: the unacknowledged one again, or the next; undefined when there is nothing to tell. */
  next(): FlowBatchRecord | undefined {
    if (this.shipping !== undefined) return this.shipping;
    if (this.queue.length === 0 && this.lost === 0) return undefined;
    const events = this.queue.slice(0, this.batchEventsMax);
    this.queue = this.queue.slice(events.length);
    this.shipping = encodeFlowBatch({
      chain: this.chain,
      number: ++this.made,
      prev: this.prev,
      lost: this.lost,
      events,
    });
    this.lost = 0;
    this.prev = sha256(this.shipping.bytes);
    return this.shipping;
  }

  /** The log has this batch (appended or a duplicate). Acknowledgements of others are ignored. */
  acknowledge(number: number): void {
    if (this.shipping?.number === number) this.shipping = undefined;
  }

  /** Events waiting, not counting the batch under way. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Nothing waits, and nothing is under way. */
  get isEmpty(): boolean {
    return this.shipping === undefined && this.queue.length === 0 && this.lost === 0;
  }

  /** Events lost in all. */
  get shed(): number {
    return this.lostEver;
  }
}
