import type { Micros, NodeRef } from '../../domain/base/ids';
import type { Arena } from '../frames/arena';

/**
 * Rings of captured frames between one producing and one consuming thread. A ring lies in the shared memory:
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 4 | bytes for records − 1 (a power of two) |
 * | 64 | 4 | tail: bytes ever published, modulo 2^32 (written by the producer) |
 * | 68 | 4 | frames captured, modulo 2^32 (written by the producer) |
 * | 72 | 4 | frames that found no room, modulo 2^32 (written by the producer) |
 * | 128 | 4 | head: bytes ever taken, modulo 2^32 (written by the consumer) |
 * | 192 | | records |
 *
 * A record begins with {@link RECORD_HEADER} bytes and takes a multiple of 8. None goes over the end: the bytes left there
 * are a record of their own, marked {@link GAP}.
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 4 | bytes of the record |
 * | 4 | 4 | bytes of the frame; 2^32 − 1 in a gap |
 * | 8 | 8 | when it was captured, microseconds since 1970, f64 |
 * | 16 | 2 | probe ID |
 * | 18 | 2 | direction: `IN`, `OUT`, 0 = seen on the link |
 * | 20 | 2 | node that sent it on an internal link; 0 = it came from outside |
 * | 22 | 2 | node that it is for; 0 = the outside |
 * | 24 | | the frame |
 */
const R_MASK = 0;
const R_TAIL = 64;
const R_CAPTURED = 68;
const R_DROPPED = 72;
const R_HEAD = 128;
const R_RECORDS = 192;

export const RECORD_HEADER = 24;
export const C_SIZE = 0;
export const C_LENGTH = 4;
export const C_TIME = 8;
export const C_PROBE = 16;
export const C_DIRECTION = 18;
export const C_FROM = 20;
export const C_TO = 22;

/** Directions, as pcapng's packet flags have them. */
export const IN = 1;
export const OUT = 2;

const GAP = 0xffff_ffff;

/** Bytes of the arena that a ring for so many bytes of records takes; they are rounded up to a power of two. */
export function ringSize(bytes: number): number {
  return R_RECORDS + roundedUp(bytes);
}

/** Makes an empty ring at `address`, where {@link ringSize} bytes are free, whatever was there before. */
export function createCaptureRing(arena: Arena, address: number, bytes: number): void {
  arena.u8.fill(0, address, address + R_RECORDS);
  arena.u32[(address + R_MASK) >>> 2] = roundedUp(bytes) - 1;
}

function roundedUp(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(bytes));
}

/** The producing end. */
export class CaptureWriter {
  private readonly u8: Uint8Array;
  private readonly u16: Uint16Array;
  private readonly u32: Uint32Array;
  private readonly i32: Int32Array;
  private readonly f64: Float64Array;
  private readonly mask: number;
  private readonly records: number;
  private tail = 0;

  constructor(
    arena: Arena,
    private readonly address: number,
    private readonly probe: number,
  ) {
    ({ u8: this.u8, u16: this.u16, u32: this.u32, i32: this.i32, f64: this.f64 } = arena);
    this.mask = this.u32[(address + R_MASK) >>> 2]!;
    this.records = address + R_RECORDS;
  }

  /** Captures `length` bytes from `start` on; counts them as dropped when the ring has no room. */
  write(start: number, length: number, time: Micros, direction: number, from: NodeRef, to: NodeRef): void {
    const { u16, u32, i32, mask } = this;
    const size = (RECORD_HEADER + length + 7) & ~7;
    const place = this.tail & mask;
    const rest = mask + 1 - place;
    const gap = size > rest ? rest : 0;
    const head = Atomics.load(i32, (this.address + R_HEAD) >>> 2);
    if (((this.tail - head) >>> 0) + gap + size > mask + 1) {
      u32[(this.address + R_DROPPED) >>> 2]!++;
      return;
    }
    if (gap > 0) {
      u32[(this.records + place + C_SIZE) >>> 2] = gap;
      u32[(this.records + place + C_LENGTH) >>> 2] = GAP;
    }
    const record = this.records + ((this.tail + gap) & mask);
    u32[(record + C_SIZE) >>> 2] = size;
    u32[(record + C_LENGTH) >>> 2] = length;
    this.f64[(record + C_TIME) >>> 3] = time;
    u16[(record + C_PROBE) >>> 1] = this.probe;
    u16[(record + C_DIRECTION) >>> 1] = direction;
    u16[(record + C_FROM) >>> 1] = from;
    u16[(record + C_TO) >>> 1] = to;
    this.u8.copyWithin(record + RECORD_HEADER, start, start + length);
    this.tail = (this.tail + gap + size) | 0;
    u32[(this.address + R_CAPTURED) >>> 2]!++;
    Atomics.store(i32, (this.address + R_TAIL) >>> 2, this.tail);
  }
}

/** What was captured since a ring was made. */
export interface CaptureCounts {
  readonly captured: number;
  /** Frames that passed the filter and found no room. */
  readonly dropped: number;
}

/** The consuming end. */
export class CaptureReader {
  private head = 0;
  private captured = 0;
  private dropped = 0;
  private seenCaptured = 0;
  private seenDropped = 0;
  private readonly mask: number;

  constructor(
    private readonly arena: Arena,
    private readonly address: number,
  ) {
    this.mask = arena.u32[(address + R_MASK) >>> 2]!;
  }

  /** Bytes that wait to be taken. */
  get pending(): number {
    return (Atomics.load(this.arena.i32, (this.address + R_TAIL) >>> 2) - this.head) >>> 0;
  }

  /** Takes whole records into `target` from `at` on, as many as there is room for; returns how many bytes they are. */
  take(target: Uint8Array, at: number): number {
    const { u8, u32, i32 } = this.arena;
    let left = this.pending;
    let written = 0;
    while (left > 0) {
      const record = this.address + R_RECORDS + (this.head & this.mask);
      const size = u32[(record + C_SIZE) >>> 2]!;
      if (u32[(record + C_LENGTH) >>> 2] !== GAP) {
        if (at + written + size > target.length) break;
        target.set(u8.subarray(record, record + size), at + written);
        written += size;
      }
      this.head = (this.head + size) | 0;
      left -= size;
    }
    Atomics.store(i32, (this.address + R_HEAD) >>> 2, this.head);
    return written;
  }

  /** What the producer has counted. */
  counts(): CaptureCounts {
    const { u32 } = this.arena;
    const captured = u32[(this.address + R_CAPTURED) >>> 2]!;
    const dropped = u32[(this.address + R_DROPPED) >>> 2]!;
    this.captured += (captured - this.seenCaptured) >>> 0;
    this.dropped += (dropped - this.seenDropped) >>> 0;
    this.seenCaptured = captured;
    this.seenDropped = dropped;
    return { captured: this.captured, dropped: this.dropped };
  }
}
