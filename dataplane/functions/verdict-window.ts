/** A {@link VerdictWindow} on its way to another member. */
export type VerdictWindowState = readonly [
  highest: number,
  seenLow: number,
  seenHigh: number,
  passLow: number,
  passHigh: number,
];

/**
 * Remembers the verdicts on the last 64 sequence numbers of one direction of a flow, so that a frame judged once is not
 * judged differently when a successor meets it again. Sequence 0 (unsequenced) is never remembered.
 */
export class VerdictWindow {
  private highest = 0;
  private seen = 0n;
  private passed = 0n;

  constructor(state?: VerdictWindowState) {
    if (state === undefined) return;
    this.highest = state[0];
    this.seen = BigInt(state[1]) | (BigInt(state[2]) << 32n);
    this.passed = BigInt(state[3]) | (BigInt(state[4]) << 32n);
  }

  /** The verdict given on `sequence`; undefined if none is remembered. */
  verdict(sequence: number): boolean | undefined {
    const age = (this.highest - sequence) | 0;
    if (sequence === 0 || age < 0 || age >= 64) return undefined;
    const bit = 1n << BigInt(age);
    return (this.seen & bit) === 0n ? undefined : (this.passed & bit) !== 0n;
  }

  record(sequence: number, passed: boolean): void {
    if (sequence === 0) return;
    const ahead = (sequence - this.highest) | 0;
    if (ahead > 0) {
      this.seen = ahead >= 64 ? 0n : BigInt.asUintN(64, this.seen << BigInt(ahead));
      this.passed = ahead >= 64 ? 0n : BigInt.asUintN(64, this.passed << BigInt(ahead));
      this.highest = sequence;
    }
    const age = (this.highest - sequence) | 0;
    if (age >= 64) return;
    const bit = 1n << BigInt(age);
    this.seen |= bit;
    this.passed = passed ? this.passed | bit : this.passed & ~bit;
  }

  state(): VerdictWindowState {
    const low = (bits: bigint): number => Number(bits & 0xffffffffn);
    return [this.highest, low(this.seen), low(this.seen >> 32n), low(this.passed), low(this.passed >> 32n)];
  }
}
