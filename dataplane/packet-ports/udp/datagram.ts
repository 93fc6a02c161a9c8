import { DESCRIPTOR_MAX, FRAME_MAX, FRAME_MIN } from '../../frames/layout';

/*
 * Frames in a datagram, big-endian (docs/reference/datagram.md): a header, then the frames one behind the other, each
 * with its length before it, up to the datagram's end.
 */
/** u16 marker and version. */
const G_MARKER = 0;
/** u16 frames in the datagram, at least one. */
const G_COUNT = 2;
/** u32 the sender's stream: another one for each receiver and life of the sender. */
export const G_STREAM = 4;
/** u32 number of the datagram in its stream, from 0, modulo 2^32. */
export const G_SEQUENCE = 8;
export const DATAGRAM_HEADER = 12;
/** Bytes of a frame's length, before the frame. */
export const FRAME_LENGTH = 2;

export const DATAGRAM_MARKER = 0xf1d1;
/** Longest frame that travels: the longest of a slot, with the longest descriptor. */
export const SEALED_FRAME_MAX = FRAME_MAX + DESCRIPTOR_MAX;
/** Bytes that a datagram has with one frame of the greatest length. */
export const DATAGRAM_MAX = DATAGRAM_HEADER + FRAME_LENGTH + SEALED_FRAME_MAX;

/** Begins a datagram without frames at `at`; returns its length so far. */
export function beginDatagram(u8: Uint8Array, at: number, stream: number, sequence: number): number {
  put16(u8, at + G_MARKER, DATAGRAM_MARKER);
  put16(u8, at + G_COUNT, 0);
  put32(u8, at + G_STREAM, stream);
  put32(u8, at + G_SEQUENCE, sequence);
  return DATAGRAM_HEADER;
}

/** Adds a frame that lies elsewhere in the same memory to the datagram at `at` of `length` bytes; returns its new length. */
export function addFrame(u8: Uint8Array, at: number, length: number, frame: number, frameLength: number): number {
  put16(u8, at + G_COUNT, frameCount(u8, at) + 1);
  put16(u8, at + length, frameLength);
  u8.copyWithin(at + length + FRAME_LENGTH, frame, frame + frameLength);
  return length + FRAME_LENGTH + frameLength;
}

/** Frames of a datagram. */
export function frameCount(u8: Uint8Array, at: number): number {
  return get16(u8, at + G_COUNT);
}

/**
 * Whether the `length` bytes at `at` are a datagram that can be read: every frame has a possible length, and they fill
 * it exactly. Anybody may send anything: nothing else of a datagram may be read before this was asked.
 */
export function isDatagram(u8: Uint8Array, at: number, length: number): boolean {
  if (length < DATAGRAM_HEADER || get16(u8, at + G_MARKER) !== DATAGRAM_MARKER) return false;
  const count = frameCount(u8, at);
  const end = at + length;
  let next = at + DATAGRAM_HEADER;
  for (let i = 0; i < count; i++) {
    if (next + FRAME_LENGTH > end) return false;
    const frameLength = get16(u8, next);
    if (frameLength < FRAME_MIN || frameLength > SEALED_FRAME_MAX) return false;
    next += FRAME_LENGTH + frameLength;
    if (next > end) return false;
  }
  return count > 0 && next === end;
}

export function get16(u8: Uint8Array, at: number): number {
  return (u8[at] << 8) | u8[at + 1];
}

export function get32(u8: Uint8Array, at: number): number {
  return (get16(u8, at) * 0x1_0000 + get16(u8, at + 2)) >>> 0;
}

function put16(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >>> 8;
  u8[at + 1] = value;
}

function put32(u8: Uint8Array, at: number, value: number): void {
  put16(u8, at, value >>> 16);
  put16(u8, at + 2, value & 0xffff);
}
