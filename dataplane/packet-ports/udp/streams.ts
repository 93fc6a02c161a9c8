/** Streams followed at once; anybody may invent some, so there is a bound, and who is over it begins anew. */
const STREAMS_MAX = 1024;
const WORD = 2 ** 32;
const HALF = 2 ** 31;

/**
 * How many datagrams of the streams that arrive here have not: a gap counts until what is missing arrives late. Whoever
 * can send here can lie about it, as about all that is not signed.
 */
export class Streams {
  /** The number after the newest datagram, by stream. */
  private readonly next = new Map<number, number>();
  private gaps = 0;

  /** A datagram arrived. */
  arrived(stream: number, sequence: number): void {
    const expected = this.next.get(stream);
    if (expected === undefined && this.next.size >= STREAMS_MAX) this.next.clear();
    const ahead = expected === undefined ? 0 : (sequence - expected + WORD) % WORD;
    if (ahead < HALF) {
      this.gaps += ahead;
      this.next.set(stream, (sequence + 1) % WORD);
    } else if (this.gaps > 0) {
      this.gaps--;
    }
  }

  /** Datagrams missing. */
  get missing(): number {
    return this.gaps;
  }
}
