import type { FlowId, Micros } from '../../domain/base/ids';

/**
 * The latest time each flow has reached, by direction: what makes `now` non-decreasing for a function and still the
 * same at a backup that meets the two directions in another order. Two doubles a flow in one growing array, so that an
 * established flow's frame allocates nothing.
 */
export class FlowTimes {
  private readonly index = new Map<number, number>();
  private readonly free: number[] = [];
  private times = new Float64Array(2 * 1024);

  /** The greater of `time` and what the flow had reached in this direction (0 forward, 1 reverse); remembers it. */
  advance(flow: FlowId, reverse: number, time: Micros): Micros {
    let at = this.index.get(flow | 0);
    if (at === undefined) at = this.add(flow);
    const place = at + reverse;
    const last = this.times[place];
    if (time <= last) return last;
    this.times[place] = time;
    return time;
  }

  /** [forward, reverse], or undefined for a flow never seen. */
  get(flow: FlowId): [Micros, Micros] | undefined {
    const at = this.index.get(flow | 0);
    return at === undefined ? undefined : [this.times[at], this.times[at + 1]];
  }

  set(flow: FlowId, forward: Micros, reverse: Micros): void {
    const at = this.index.get(flow | 0) ?? this.add(flow);
    this.times[at] = forward;
    this.times[at + 1] = reverse;
  }

  delete(flow: FlowId): void {
    const at = this.index.get(flow | 0);
    if (at === undefined) return;
    this.index.delete(flow | 0);
    this.free.push(at);
  }

  get size(): number {
    return this.index.size;
  }

  private add(flow: FlowId): number {
    const at = this.free.pop() ?? this.index.size * 2;
    if (at + 2 > this.times.length) {
      const grown = new Float64Array(this.times.length * 2);
      grown.set(this.times);
      this.times = grown;
    }
    this.times[at] = 0;
    this.times[at + 1] = 0;
    this.index.set(flow | 0, at);
    return at;
  }
}
