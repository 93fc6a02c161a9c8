import { hashString, mix2, mix32 } from './hash';

/** Held here for the reason given in hash.ts. */
const { imul } = Math;

/**
 * A seeded random stream. Streams are forked by name, one per concern, so that a new draw in one place does not
 * reshuffle all others.
 */
export interface Prng {
  /** Uniform 32-bit unsigned integer. */
  next(): number;
  /** Uniform integer in [0, bound), without modulo bias. */
  below(bound: number): number;
  /** Uniform real in [0, 1). */
  unit(): number;
  /** An independent stream, a function of this stream's seed and `name` alone (not of how much was drawn). */
  fork(name: string): Prng;
}

/** xoshiro128** (Blackman and Vigna, public domain), seeded by repeated mixing of a 32-bit seed. */
export function createPrng(seed: number): Prng {
  let a = mix32(seed ^ 0x243f6a88);
  let b = mix32(a ^ 0x85a308d3);
  let c = mix32(b ^ 0x13198a2e);
  let d = mix32(c ^ 0x03707344) | 1;
  const next = (): number => {
    const scrambled = imul(b, 5);
    const result = imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  return {
    next,
    below(bound) {
      const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
      for (;;) {
        const value = next();
        if (value < limit) return value % bound;
      }
    },
    unit: () => next() / 0x1_0000_0000,
    fork: (name) => createPrng(mix2(seed, hashString(name))),
  };
}
