import type { Millis } from '../../domain/base/ids';
import type { Clock, Timers } from '../../domain/seams/clock';

interface Deadline {
  readonly dueAt: Millis;
  readonly order: number;
  fire: (() => void) | undefined;
}

const before = (a: Deadline, b: Deadline): boolean => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);

/**
 * A clock that moves only when told, and its timers. {@link advanceTo} steps to each deadline in turn, so that a timer
 * set by a timer fires at its own time and not at the end of the jump; ties fire in order of scheduling.
 */
export class SimClock implements Clock, Timers {
  private time: Millis;
  private order = 0;
  /** Binary min-heap by (dueAt, order). */
  private readonly heap: Deadline[] = [];

  constructor(start: Millis) {
    this.time = start;
  }

  now(): Millis {
    return this.time;
  }

  schedule(dueAt: Millis, fire: () => void): () => void {
    const deadline: Deadline = { dueAt, order: this.order++, fire };
    this.push(deadline);
    return () => {
      deadline.fire = undefined;
    };
  }

  /** When the next timer is due; undefined when none is set. */
  nextDue(): Millis | undefined {
    while (this.heap.length > 0 && this.heap[0]!.fire === undefined) this.pop();
    return this.heap[0]?.dueAt;
  }

  /** Fires every timer due until `target`, each at its own time, then stands at `target`. A past target changes nothing. */
  advanceTo(target: Millis): void {
    for (let due = this.nextDue(); due !== undefined && due <= target; due = this.nextDue()) {
      this.time = Math.max(this.time, due);
      this.pop().fire?.();
    }
    this.time = Math.max(this.time, target);
  }

  private push(deadline: Deadline): void {
    const { heap } = this;
    let index = heap.length;
    heap.push(deadline);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(deadline, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = deadline;
  }

  private pop(): Deadline {
    const { heap } = this;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) this.sift(last);
    return top;
  }

  private sift(deadline: Deadline): void {
    const { heap } = this;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, deadline)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = deadline;
  }
}
