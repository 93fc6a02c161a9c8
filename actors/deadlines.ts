import type { Millis } from '../domain/base/ids';
import type { Timers } from '../domain/seams/clock';

interface Entry {
  readonly key: string;
  readonly dueAt: Millis;
  readonly order: number;
}

/**
 * The one timer service of the control plane: one deadline per key, kept in a heap ordered by (due, order of setting),
 * with a single timer on the injected clock, for the earliest.
 */
export class Deadlines {
  private readonly heap: Entry[] = [];
  /** What is set now; heap entries that are not the ones named here are stale. */
  private readonly current = new Map<string, Entry>();
  private order = 0;
  private armed: { readonly dueAt: Millis; readonly cancel: () => void } | undefined;

  /** @param fire called once for each deadline reached; it may set others. */
  constructor(
    private readonly timers: Timers,
    private readonly fire: (key: string, dueAt: Millis) => void,
  ) {}

  /** Sets the deadline of `key`, replacing an earlier one; setting the same time again changes nothing. */
  set(key: string, dueAt: Millis): void {
    if (this.current.get(key)?.dueAt === dueAt) return;
    const entry = { key, dueAt, order: this.order++ };
    this.current.set(key, entry);
    this.push(entry);
    this.arm();
  }

  clear(key: string): void {
    if (this.current.delete(key)) this.arm();
  }

  has(key: string): boolean {
    return this.current.has(key);
  }

  /** When the next deadline is due; undefined if none is set. */
  nextDue(): Millis | undefined {
    while (this.heap.length > 0 && this.current.get(this.heap[0]!.key) !== this.heap[0]) this.pop();
    return this.heap[0]?.dueAt;
  }

  /** Drops every deadline and the timer. */
  clearAll(): void {
    this.current.clear();
    this.heap.length = 0;
    this.arm();
  }

  private arm(): void {
    const dueAt = this.nextDue();
    if (dueAt === this.armed?.dueAt) return;
    this.armed?.cancel();
    this.armed =
      dueAt === undefined ? undefined : { dueAt, cancel: this.timers.schedule(dueAt, () => this.ring(dueAt)) };
  }

  /** Fires what is due at `now`, in order; what that sets for later is armed afterwards. */
  ring(now: Millis): void {
    this.armed?.cancel();
    this.armed = undefined;
    for (let due = this.nextDue(); due !== undefined && due <= now; due = this.nextDue()) {
      const { key } = this.pop();
      this.current.delete(key);
      this.fire(key, due);
    }
    this.arm();
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  private pop(): Entry {
    const { heap } = this;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let index = 0;
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
}
