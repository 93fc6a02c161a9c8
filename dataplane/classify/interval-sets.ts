/** A closed range of unsigned integers and the set member that it stands for. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
  readonly member: number;
}

/**
 * For each point of an integer line, the set of members whose intervals hold it, as a bit set. The line is cut at every
 * end of an interval when the table is made, so that a look-up is one binary search, however many intervals overlap.
 */
export class IntervalSets {
  /** Cut points in ascending order, `lanes` words each, most significant first. */
  private readonly cuts: Uint32Array;
  private readonly count: number;
  /** One bit set before the first cut, then one behind each. */
  private readonly sets: Uint32Array;

  /**
   * @param lanes 32-bit words of a point (1 or 4)
   * @param everywhere bit set of the members that every point belongs to
   */
  constructor(
    intervals: readonly Interval[],
    private readonly lanes: 1 | 4,
    everywhere: Uint32Array,
  ) {
    const words = everywhere.length;
    const changes = changesByPoint(intervals, 1n << BigInt(32 * lanes));
    const points = [...changes.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    this.count = points.length;
    this.cuts = new Uint32Array(points.length * lanes);
    this.sets = new Uint32Array((points.length + 1) * words);
    this.sets.set(everywhere);
    const holding = new Map<number, number>();
    points.forEach((point, index) => {
      for (let lane = 0; lane < lanes; lane++) {
        this.cuts[index * lanes + lane] = Number((point >> BigInt(32 * (lanes - 1 - lane))) & 0xffff_ffffn);
      }
      for (const [member, change] of changes.get(point)!) holding.set(member, (holding.get(member) ?? 0) + change);
      const base = (index + 1) * words;
      this.sets.set(everywhere, base);
      for (const [member, depth] of holding) if (depth > 0) this.sets[base + (member >>> 5)] |= 1 << (member & 31);
    });
  }

  /** ANDs the set of the 32-bit point into `target`. */
  and(target: Uint32Array, point: number): void {
    this.andAt(target, this.place(point, 0, 0, 0));
  }

  /** ANDs the set of the 128-bit point into `target`. */
  andWide(target: Uint32Array, a: number, b: number, c: number, d: number): void {
    this.andAt(target, this.place(a, b, c, d));
  }

  private andAt(target: Uint32Array, place: number): void {
    const base = place * target.length;
    for (let i = 0; i < target.length; i++) target[i] &= this.sets[base + i];
  }

  /** Number of cuts at or before the point. */
  private place(a: number, b: number, c: number, d: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.isAfter(middle * this.lanes, a, b, c, d)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private isAfter(cut: number, a: number, b: number, c: number, d: number): boolean {
    const { cuts } = this;
    if (cuts[cut] !== a) return cuts[cut] > a;
    if (this.lanes === 1) return false;
    if (cuts[cut + 1] !== b) return cuts[cut + 1] > b;
    if (cuts[cut + 2] !== c) return cuts[cut + 2] > c;
    return cuts[cut + 3] > d;
  }
}

/** Where on the line which members begin (+1) and cease (−1) to hold. */
function changesByPoint(intervals: readonly Interval[], end: bigint): Map<bigint, [number, number][]> {
  const changes = new Map<bigint, [number, number][]>();
  const change = (point: bigint, member: number, by: number): void => {
    const list = changes.get(point);
    if (list === undefined) changes.set(point, [[member, by]]);
    else list.push([member, by]);
  };
  for (const { first, last, member } of intervals) {
    change(first, member, 1);
    // What holds to the end of the line never ceases: a cut there would not fit its words.
    if (last + 1n < end) change(last + 1n, member, -1);
  }
  return changes;
}
