/** A pattern that ends at a state. */
const NONE = -1;

/**
 * Finds any of many byte patterns in one pass (Aho and Corasick): a dense transition table, so that every byte costs one
 * look-up, and a state that is one integer, which a flow keeps from segment to segment.
 */
export class AhoCorasick {
  private readonly next: Int32Array;
  /** A pattern that ends in the state itself. */
  private readonly ends: Int32Array;
  /** The nearest state, along failure links, in which a pattern ends; 0 = none. */
  private readonly report: Int32Array;
  readonly states: number;

  /** @param patterns not empty byte strings; their indices are what {@link scan} reports */
  constructor(patterns: readonly Uint8Array[]) {
    const capacity = 1 + patterns.reduce((sum, pattern) => sum + pattern.length, 0);
    this.next = new Int32Array(capacity * 256);
    this.ends = new Int32Array(capacity).fill(NONE);
    this.report = new Int32Array(capacity);
    this.states = this.build(patterns);
  }

  /**
   * Runs over `length` bytes at `at` from `state` (0 to begin) and calls `found` with the index of each pattern that ends
   * on the way and the place behind its last byte. Of equal patterns the first is reported.
   *
   * @param fold a table of 256 bytes applied to each byte first (identity, or lower case)
   * @returns the state to go on from
   */
  scan(
    state: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    fold: Uint8Array,
    found: (pattern: number, end: number) => void,
  ): number {
    const { next, ends, report } = this;
    let s = state;
    for (let i = at; i < at + length; i++) {
      s = next[(s << 8) | fold[bytes[i]]];
      if (ends[s] === NONE && report[s] === 0) continue;
      for (let r = ends[s] === NONE ? report[s] : s; r !== 0; r = report[r]) found(ends[r], i + 1);
    }
    return s;
  }

  private build(patterns: readonly Uint8Array[]): number {
    const { next, ends } = this;
    let count = 1;
    patterns.forEach((pattern, index) => {
      let s = 0;
      for (const byte of pattern) {
        if (next[(s << 8) | byte] === 0) next[(s << 8) | byte] = count++;
        s = next[(s << 8) | byte];
      }
      if (ends[s] === NONE) ends[s] = index;
    });
    this.link(count);
    return count;
  }

  /** Breadth first: a state's missing transitions are those of its longest proper suffix. */
  private link(count: number): void {
    const { next, ends, report } = this;
    const failure = new Int32Array(count);
    const queue = new Int32Array(count);
    let tail = 0;
    for (let byte = 0; byte < 256; byte++) if (next[byte] !== 0) queue[tail++] = next[byte];
    for (let head = 0; head < tail; head++) {
      const s = queue[head];
      const suffix = failure[s];
      report[s] = ends[suffix] === NONE ? report[suffix] : suffix;
      for (let byte = 0; byte < 256; byte++) {
        const target = next[(s << 8) | byte];
        const other = next[(suffix << 8) | byte];
        if (target === 0) {
          next[(s << 8) | byte] = other;
        } else {
          failure[target] = other;
          queue[tail++] = target;
        }
      }
    }
  }
}
