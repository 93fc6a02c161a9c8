/** What a sequence number is to the ones seen before. */
export type Sighting = 'new' | 'repeat' | 'unknown';

/** Gaps remembered at most; the oldest are forgotten, and sequences in them are then `unknown`. */
const GAPS_MAX = 64;

/**
 * The set of sequence numbers (1 … 2^32 − 1) seen at one place, as the highest and the gaps below it: numbers that arrive
 * in order cost nothing to remember. Exact as long as no more than {@link GAPS_MAX} gaps are open.
 */
export class SequenceSet {
  /** How many different numbers were seen. */
  size = 0;
  private highest = 0;
  /** Numbers below this and not in a gap are not known any more. */
  private knownFrom = 0;
  /** Bounds, inclusive, of what was never seen: low, high, low, high … in ascending order. */
  private gaps: number[] | undefined;

  add(sequence: number): Sighting {
    if (sequence > this.highest) {
      this.openGap(this.highest + 1, sequence - 1);
      this.highest = sequence;
      this.size++;
      return 'new';
    }
    const at = this.gapOf(sequence);
    if (at < 0) return sequence < this.knownFrom ? 'unknown' : 'repeat';
    this.closeIn(at, sequence);
    this.size++;
    return 'new';
  }

  /** Whether it was seen, or may have been and is not known any more. */
  has(sequence: number): boolean {
    return sequence <= this.highest && this.gapOf(sequence) < 0;
  }

  /** Whether nothing was forgotten, so that {@link size} and {@link has} are exact. */
  get isExact(): boolean {
    return this.knownFrom === 0;
  }

  /** How many different numbers any of these sets has seen; all of them must be exact. */
  static unionSize(sets: readonly SequenceSet[]): number {
    const ranges = sets.flatMap((set) => set.ranges()).sort(([a], [b]) => a - b);
    let [size, last] = [0, 0];
    for (const [low, high] of ranges) {
      size += Math.max(0, high - Math.max(low - 1, last));
      last = Math.max(last, high);
    }
    return size;
  }

  /** What was seen, as ascending ranges, bounds inclusive. */
  private ranges(): [number, number][] {
    const ranges: [number, number][] = [];
    let low = 1;
    for (let i = 0; i < (this.gaps?.length ?? 0); i += 2) {
      if (this.gaps![i]! > low) ranges.push([low, this.gaps![i]! - 1]);
      low = this.gaps![i + 1]! + 1;
    }
    if (this.highest >= low) ranges.push([low, this.highest]);
    return ranges;
  }

  private openGap(low: number, high: number): void {
    if (low > high) return;
    (this.gaps ??= []).push(low, high);
    this.forgetOldest();
  }

  private gapOf(sequence: number): number {
    const gaps = this.gaps;
    if (gaps === undefined) return -1;
    for (let i = gaps.length - 2; i >= 0; i -= 2) {
      if (sequence > gaps[i + 1]!) return -1;
      if (sequence >= gaps[i]!) return i;
    }
    return -1;
  }

  private closeIn(at: number, sequence: number): void {
    const gaps = this.gaps!;
    const low = gaps[at]!;
    const high = gaps[at + 1]!;
    if (low === high) gaps.splice(at, 2);
    else if (sequence === low) gaps[at] = low + 1;
    else if (sequence === high) gaps[at + 1] = high - 1;
    else gaps.splice(at, 2, low, sequence - 1, sequence + 1, high);
    this.forgetOldest();
  }

  private forgetOldest(): void {
    const gaps = this.gaps!;
    if (gaps.length <= 2 * GAPS_MAX) return;
    this.knownFrom = gaps[1]! + 1;
    gaps.splice(0, 2);
  }
}
