/** Bytes kept of segments that came before their turn; more means that the missing ones will not come. */
const AHEAD_BYTES_MAX = 16_384;
const AHEAD_SEGMENTS_MAX = 16;

/** Takes a stream's next bytes; `gap`: bytes before them were lost to the observer. The view is valid for the call only. */
export type TakeBytes = (bytes: Uint8Array, gap: boolean) => void;

interface Segment {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

/** Serial arithmetic (RFC 1982) on TCP sequence numbers: how far `a` is ahead of `b`. */
export function ahead(a: number, b: number): number {
  return (a - b) | 0;
}

/**
 * Puts one direction of a TCP connection in order: drops what was sent again, holds what came too early, and passes over
 * a hole only when the receiver has acknowledged what lies behind it (the observer missed it) or too much waits.
 */
export class StreamOrder {
  private next = 0;
  private started = false;
  private gap = false;
  private readonly early: Segment[] = [];
  private earlyBytes = 0;

  constructor(private readonly take: TakeBytes) {}

  /** A SYN with sequence number `seq` was seen: the stream begins behind it. */
  begin(seq: number): void {
    if (this.started) return;
    this.started = true;
    this.next = (seq + 1) >>> 0;
  }

  /** A segment was seen. Without a SYN before, the stream begins with it. */
  segment(seq: number, bytes: Uint8Array): void {
    if (!this.started) this.begin(seq - 1);
    const distance = ahead(seq, this.next);
    if (distance > 0) this.keep(seq, bytes);
    else if (distance + bytes.length > 0) this.accept(bytes.subarray(-distance));
    if (this.earlyBytes > AHEAD_BYTES_MAX || this.early.length > AHEAD_SEGMENTS_MAX) this.passHole();
  }

  /** The other end has acknowledged everything before `ack`: holes before it will not be filled. */
  acknowledged(ack: number): void {
    while (this.early.length > 0 && ahead(ack, this.early[0].seq) > 0) this.passHole();
  }

  private accept(bytes: Uint8Array): void {
    this.next = (this.next + bytes.length) >>> 0;
    this.take(bytes, this.gap);
    this.gap = false;
    while (this.early.length > 0) {
      const distance = ahead(this.early[0].seq, this.next);
      if (distance > 0) return;
      const segment = this.early.shift()!;
      this.earlyBytes -= segment.bytes.length;
      if (distance + segment.bytes.length <= 0) continue;
      const fresh = segment.bytes.subarray(-distance);
      this.next = (this.next + fresh.length) >>> 0;
      this.take(fresh, false);
    }
  }

  private passHole(): void {
    if (this.early.length === 0) return;
    this.next = this.early[0].seq;
    this.gap = true;
    const first = this.early.shift()!;
    this.earlyBytes -= first.bytes.length;
    this.accept(first.bytes);
  }

  /** Keeps a copy in order of sequence; the frame's own bytes will not stay. */
  private keep(seq: number, bytes: Uint8Array): void {
    let place = this.early.length;
    while (place > 0 && ahead(this.early[place - 1].seq, seq) > 0) place--;
    if (place > 0 && this.early[place - 1].seq === seq && this.early[place - 1].bytes.length >= bytes.length) return;
    this.early.splice(place, 0, { seq, bytes: bytes.slice() });
    this.earlyBytes += bytes.length;
  }
}
