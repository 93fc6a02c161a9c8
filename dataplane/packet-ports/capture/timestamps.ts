/**
 * The unit of an interface's 64-bit timestamps (pcapng `if_tsresol`): a power of ten, or of two when the high bit is set.
 * `convert` leaves its result in fields, so that a record costs no object.
 */
export class TimestampUnit {
  /** Result: microseconds since 1970, rounded down, and the nanoseconds (0–999) left. */
  micros = 0;
  nanos = 0;
  readonly perSecond: number;
  private readonly decimals: number;

  /**
   * @param resolution the option's byte: 6 = microseconds, 9 = nanoseconds, 0x80 | n = 2^-n seconds
   * @param offsetSeconds added to every time
   */
  constructor(
    private readonly resolution: number,
    private readonly offsetSeconds: number,
  ) {
    const exponent = resolution & 0x7f;
    this.decimals = (resolution & 0x80) === 0 ? exponent : -1;
    this.perSecond = this.decimals >= 0 ? 10 ** exponent : 2 ** exponent;
  }

  /** Converts a timestamp given as its high and low 32 bits. */
  convert(high: number, low: number): void {
    if (this.decimals >= 6 && this.decimals <= 9) this.divide(high, low, 10 ** (this.decimals - 6));
    else this.convertSlowly(high, low);
    this.micros += this.offsetSeconds * 1e6;
  }

  /** Long division in two 32-bit digits: exact, for a divisor of at most 1000. */
  private divide(high: number, low: number, divisor: number): void {
    const rest = (high % divisor) * 2 ** 32 + low;
    this.micros = Math.floor(high / divisor) * 2 ** 32 + Math.floor(rest / divisor);
    this.nanos = (rest % divisor) * (1000 / divisor);
  }

  private convertSlowly(high: number, low: number): void {
    const units = (BigInt(high) << 32n) | BigInt(low);
    const exponent = BigInt(this.resolution & 0x7f);
    const perSecond = this.decimals >= 0 ? 10n ** exponent : 1n << exponent;
    const nanos = (units * 1_000_000_000n) / perSecond;
    this.micros = Number(nanos / 1000n);
    this.nanos = Number(nanos % 1000n);
  }
}
