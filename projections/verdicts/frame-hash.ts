import { mix32 } from '../../domain/base/hash';

/** 64 bits of a frame's content and length, as two unsigned 32-bit lanes. Not for security. */
export interface FrameHash {
  low: number;
  high: number;
}

/** Hashes `bytes` into `out`: two differently seeded multiply-and-rotate lanes over 32-bit words, then full mixing. */
export function hashFrame(bytes: Uint8Array, out: FrameHash): void {
  let low = 0x9747b28c;
  let high = 0x3c6ef372;
  const whole = bytes.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    low = step(low, Math.imul(word, 0xcc9e2d51));
    high = step(high, Math.imul(word, 0x85ebca77));
  }
  for (let i = whole; i < bytes.length; i++) {
    low = step(low, bytes[i]! + 1);
    high = step(high, (bytes[i]! + 1) << 8);
  }
  out.low = mix32(low ^ bytes.length);
  out.high = mix32(high ^ Math.imul(bytes.length, 0x27d4eb2f));
}

function step(lane: number, word: number): number {
  const mixed = lane ^ word;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}
