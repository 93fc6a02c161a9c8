import type { FlowEvent } from '../../domain/flow/events';

/**
 * What a node observed about flows and its agent has not taken yet. Bounded: packets never wait for the log, so a
 * buffer that nobody drains sheds its newest events and counts them.
 */
export class FlowEventBuffer {
  private events: FlowEvent[] = [];
  private lost = 0;

  /** @param limit most events kept */
  constructor(private readonly limit: number) {}

  /** Events shed since the last call, because nobody drained the buffer in time. */
  takeShed(): number {
    const { lost } = this;
    this.lost = 0;
    return lost;
  }

  get size(): number {
    return this.events.length;
  }

  push(event: FlowEvent): void {
    if (this.events.length < this.limit) this.events.push(event);
    else this.lost++;
  }

  /** Takes everything, oldest first. */
  drain(): FlowEvent[] {
    const events = this.events;
    this.events = [];
    return events;
  }
}
