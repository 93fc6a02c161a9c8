/** Takes the stream's next bytes: `length` bytes at `at` of `bytes`. */
export type StreamSink = (bytes: Uint8Array, at: number, length: number) => void;

/** A {@link TcpStream} on its way to another member: next sequence, then sequence and bytes of each early segment. */
export type TcpStreamState = readonly [started: number, next: number, early: readonly (readonly [number, string])[]];

/** Bytes and segments kept that came before their turn. Beyond it the hole is given up. */
const EARLY_BYTES_MAX = 65_536;
const EARLY_SEGMENTS_MAX = 64;

/**
 * One direction of a TCP connection as a stream of bytes in order: repeats are cut away, early segments wait. Unlike the
 * classifier's, it looks at its own direction alone (no acknowledgements), and its state can be exported, because a
 * function's backup must see the very same stream.
 */
export class TcpStream {
  private started = false;
  private next = 0;
  private early: { seq: number; bytes: Uint8Array }[] = [];
  private earlyBytes = 0;

  constructor(state?: TcpStreamState) {
    if (state === undefined) return;
    this.started = state[0] === 1;
    this.next = state[1];
    for (const [seq, text] of state[2]) this.keep(seq, Buffer.from(text, 'latin1'), 0, text.length);
  }

  /**
   * A segment: sequence number, whether it carries SYN, and its payload of `length` bytes at `at` of `bytes`.
   * @returns false when early segments had to be given up: the stream goes on behind a hole.
   */
  segment(seq: number, syn: boolean, bytes: Uint8Array, at: number, length: number, sink: StreamSink): boolean {
    if (syn || !this.started) {
      this.started = true;
      this.next = (syn ? seq + 1 : seq) >>> 0;
      this.early = [];
      this.earlyBytes = 0;
    }
    const first = (syn ? seq + 1 : seq) >>> 0;
    const behind = (this.next - first) | 0;
    if (length === 0 || behind >= length) return true;
    if (behind < 0) {
      this.keep(first, bytes, at, length);
      if (this.earlyBytes <= EARLY_BYTES_MAX && this.early.length <= EARLY_SEGMENTS_MAX) return true;
      this.next = this.early[0].seq;
      this.drain(sink);
      return false;
    }
    this.next = (first + length) >>> 0;
    sink(bytes, at + behind, length - behind);
    if (this.early.length > 0) this.drain(sink);
    return true;
  }

  state(): TcpStreamState {
    const early = this.early.map(({ seq, bytes }) => [seq, Buffer.from(bytes).toString('latin1')] as const);
    return [this.started ? 1 : 0, this.next, early];
  }

  private drain(sink: StreamSink): void {
    while (this.early.length > 0) {
      const { seq, bytes } = this.early[0];
      const behind = (this.next - seq) | 0;
      if (behind < 0) return;
      this.early.shift();
      this.earlyBytes -= bytes.length;
      if (behind >= bytes.length) continue;
      this.next = (seq + bytes.length) >>> 0;
      sink(bytes, behind, bytes.length - behind);
    }
  }

  /** Copies, because the frame's bytes will not stay; in order of sequence. */
  private keep(seq: number, bytes: Uint8Array, at: number, length: number): void {
    let place = this.early.length;
    while (place > 0 && ((this.early[place - 1].seq - seq) | 0) > 0) place--;
    this.early.splice(place, 0, { seq, bytes: Uint8Array.prototype.slice.call(bytes, at, at + length) });
    this.earlyBytes += length;
  }
}
