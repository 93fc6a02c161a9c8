/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) in 32-bit halves: slow beside the dataplane's kernels and independent of
 * them, which is its purpose here.
 */

/** Four 64-bit lanes as (low, high) pairs. */
type Lanes = Int32Array;

/** SipHash-2-4 of `message` under a 16-byte key, as 16 hex digits of the big-endian 64-bit output. */
export function sipHash24(key: Uint8Array, message: Uint8Array): string {
  const k0Low = le32(key, 0);
  const k0High = le32(key, 4);
  const k1Low = le32(key, 8);
  const k1High = le32(key, 12);
  const v: Lanes = Int32Array.of(
    k0Low ^ 0x70736575,
    k0High ^ 0x736f6d65,
    k1Low ^ 0x6e646f6d,
    k1High ^ 0x646f7261,
    k0Low ^ 0x6e657261,
    k0High ^ 0x6c796765,
    k1Low ^ 0x79746573,
    k1High ^ 0x74656462,
  );
  const whole = message.length & ~7;
  for (let at = 0; at < whole; at += 8) absorb(v, le32(message, at), le32(message, at + 4));
  absorbTail(v, message, whole);
  v[4]! ^= 0xff;
  for (let i = 0; i < 4; i++) round(v);
  return hex32(v[1]! ^ v[3]! ^ v[5]! ^ v[7]!) + hex32(v[0]! ^ v[2]! ^ v[4]! ^ v[6]!);
}

function absorbTail(v: Lanes, message: Uint8Array, whole: number): void {
  const last = new Uint8Array(8);
  last.set(message.subarray(whole));
  last[7] = message.length & 0xff;
  absorb(v, le32(last, 0), le32(last, 4));
}

function absorb(v: Lanes, low: number, high: number): void {
  v[6]! ^= low;
  v[7]! ^= high;
  round(v);
  round(v);
  v[0]! ^= low;
  v[1]! ^= high;
}

function round(v: Lanes): void {
  add(v, 0, 2);
  rotateLeft(v, 2, 13);
  xor(v, 2, 0);
  rotateLeft(v, 0, 32);
  add(v, 4, 6);
  rotateLeft(v, 6, 16);
  xor(v, 6, 4);
  add(v, 0, 6);
  rotateLeft(v, 6, 21);
  xor(v, 6, 0);
  add(v, 4, 2);
  rotateLeft(v, 2, 17);
  xor(v, 2, 4);
  rotateLeft(v, 4, 32);
}

function add(v: Lanes, to: number, from: number): void {
  const low = (v[to]! >>> 0) + (v[from]! >>> 0);
  v[to + 1] = v[to + 1]! + v[from + 1]! + (low > 0xffffffff ? 1 : 0);
  v[to] = low;
}

function xor(v: Lanes, to: number, from: number): void {
  v[to]! ^= v[from]!;
  v[to + 1]! ^= v[from + 1]!;
}

function rotateLeft(v: Lanes, lane: number, by: number): void {
  const low = v[lane]!;
  const high = v[lane + 1]!;
  if (by === 32) {
    v[lane] = high;
    v[lane + 1] = low;
    return;
  }
  v[lane] = (low << by) | (high >>> (32 - by));
  v[lane + 1] = (high << by) | (low >>> (32 - by));
}

function le32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
