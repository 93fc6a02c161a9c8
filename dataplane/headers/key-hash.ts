import { mix32 } from '../../domain/base/hash';

/**
 * The hash of canonical keys: NH (the universal hash of UMAC, RFC 4418) over the key's twelve 32-bit words, then one
 * multiplication to spread the bits. Whoever does not know the seed cannot choose keys that collide; the six products
 * do not wait for each other, which makes it several times faster than a chain of mixing steps.
 */
const WORDS = 12;
const GOLDEN = 0x9e3779b9;
/** 2^64 / golden ratio, as halves. */
const SPREAD_HIGH = 0x9e3779b9;
const SPREAD_LOW = 0x7f4a7c15;

/** The twelve words of NH's key. Expanding costs as much as some hashes: do it once per batch. */
export function expandSeed(seedLo: number, seedHi: number): Uint32Array {
  const words = new Uint32Array(WORDS);
  for (let i = 0; i < WORDS; i++) words[i] = mix32(mix32(seedLo + Math.imul(i, GOLDEN)) ^ seedHi);
  return words;
}

/** Hashes the 48-byte key at `address` to 2 … 2^32 − 1 (0 and 1 mark free places and tombstones). */
export function hashKey(words: Uint32Array, address: number, seed: Uint32Array): number {
  const key = address >>> 2;
  let low = 0;
  let high = 0;
  for (let i = 0; i < WORDS; i += 2) {
    const a = (words[key + i] + seed[i]) | 0;
    const b = (words[key + i + 1] + seed[i + 1]) | 0;
    const product = Math.imul(a, b) >>> 0;
    low += product;
    high = (high + multiplyHigh(a, b)) | 0;
  }
  // `low` collected up to six carries above its 32 bits.
  high = (high + Math.floor(low / 0x1_0000_0000)) | 0;
  const folded = (low ^ high) | 0;
  const spreadLow = Math.imul(folded, SPREAD_LOW);
  const spreadHigh =
    (multiplyHigh(folded, SPREAD_LOW) + Math.imul(folded, SPREAD_HIGH) + Math.imul(high, SPREAD_LOW)) | 0;
  const hash = (spreadLow ^ spreadHigh) >>> 0;
  return hash < 2 ? hash + 2 : hash;
}

/** The high 32 bits of the unsigned 64-bit product of two 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const other = aLow * bHigh + (middle & 0xffff);
  // Each term is below 2^32 and the sum too: it is the high word of a 64-bit product.
  return aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000);
}
