/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) of `length` contiguous bytes at `at`; the words before the last are
 * loaded whole, the last one is loaded whole and masked, so that up to 7 bytes behind the message are read.
 * `mask0` and `mask1` are applied to the first two words: a descriptor's checksum and signature lie there and count as
 * zero. Messages have at least 16 bytes, or both masks are all ones.
 */
export function sip(k0: u64, k1: u64, at: usize, length: u32, mask0: u64, mask1: u64): u64 {
  let v0 = k0 ^ 0x736f6d6570736575;
  let v1 = k1 ^ 0x646f72616e646f6d;
  let v2 = k0 ^ 0x6c7967656e657261;
  let v3 = k1 ^ 0x7465646279746573;
  const end = at + (length & ~7);
  let mask = mask0;
  let next = mask1;
  for (; at !== end; at += 8) {
    const word = load<u64>(at) & mask;
    mask = next;
    next = u64.MAX_VALUE;
    v3 ^= word;
    v0 += v1;
    v2 += v3;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 = rotl<u64>(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 = rotl<u64>(v2, 32);
    v0 += v1;
    v2 += v3;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 = rotl<u64>(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 = rotl<u64>(v2, 32);
    v0 ^= word;
  }
  const rest = (length & 7) << 3;
  const word = ((<u64>length) << 56) | (rest ? load<u64>(at) & (u64.MAX_VALUE >> (64 - rest)) : 0);
  v3 ^= word;
  for (let i = 0; i < 6; i++) {
    if (i === 2) {
      v0 ^= word;
      v2 ^= 0xff;
    }
    v0 += v1;
    v2 += v3;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 = rotl<u64>(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 = rotl<u64>(v2, 32);
  }
  return v0 ^ v1 ^ v2 ^ v3;
}

/** Ones' complement sum, not folded, of `length` bytes at `at` taken as little-endian 16-bit words. */
export function onesSum(at: usize, length: u32): u64 {
  let sum: u64 = 0;
  const end = at + (length & ~7);
  for (; at < end; at += 8) {
    const word = load<u64>(at);
    sum += (word & 0xffffffff) + (word >> 32);
  }
  if (length & 4) {
    sum += load<u32>(at);
    at += 4;
  }
  if (length & 2) {
    sum += load<u16>(at);
    at += 2;
  }
  if (length & 1) sum += load<u8>(at);
  return sum;
}

/** Folds a sum of little-endian words to the 16 bits that, stored little-endian, are its big-endian ones' complement sum. */
export function fold(sum: u64): u32 {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return <u32>sum;
}

/** Two 64-bit words side by side in one vector. */
export class Pair {
  /** The words at two addresses. */
  @inline static words(a: usize, b: usize): v128 {
    return v128.load64_lane(b, v128.load64_zero(a), 1);
  }

  /** Each word in the other byte order. */
  @inline static swapped(words: v128): v128 {
    return v128.shuffle<u8>(words, words, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8);
  }

  @inline static rotate(words: v128, by: i32): v128 {
    return v128.or(i64x2.shl(words, by), i64x2.shr_u(words, 64 - by));
  }

  @inline static rotate16(words: v128): v128 {
    return v128.shuffle<i16>(words, words, 3, 0, 1, 2, 7, 4, 5, 6);
  }

  @inline static rotate32(words: v128): v128 {
    return v128.shuffle<i32>(words, words, 1, 0, 3, 2);
  }

  /**
   * SipHash-2-4 of two messages of one length at once, one in each half of the vectors: their rounds do not wait for one
   * another. Keys are the two halves of a key, for each message; see {@link sip} for the rest.
   */
  static sip(k0: v128, k1: v128, a: usize, b: usize, length: u32, mask0: u64, mask1: u64): v128 {
    let v0 = v128.xor(k0, i64x2.splat(0x736f6d6570736575));
    let v1 = v128.xor(k1, i64x2.splat(0x646f72616e646f6d));
    let v2 = v128.xor(k0, i64x2.splat(0x6c7967656e657261));
    let v3 = v128.xor(k1, i64x2.splat(0x7465646279746573));
    const whole = length & ~7;
    let mask = i64x2.splat(mask0);
    let next = i64x2.splat(mask1);
    const all = i64x2.splat(-1);
    for (let i: u32 = 0; i !== whole; i += 8) {
      const word = v128.and(Pair.words(a + i, b + i), mask);
      mask = next;
      next = all;
      v3 = v128.xor(v3, word);
      v0 = i64x2.add(v0, v1);
      v2 = i64x2.add(v2, v3);
      v1 = v128.xor(Pair.rotate(v1, 13), v0);
      v3 = v128.xor(Pair.rotate16(v3), v2);
      v0 = Pair.rotate32(v0);
      v2 = i64x2.add(v2, v1);
      v0 = i64x2.add(v0, v3);
      v1 = v128.xor(Pair.rotate(v1, 17), v2);
      v3 = v128.xor(Pair.rotate(v3, 21), v0);
      v2 = Pair.rotate32(v2);
      v0 = i64x2.add(v0, v1);
      v2 = i64x2.add(v2, v3);
      v1 = v128.xor(Pair.rotate(v1, 13), v0);
      v3 = v128.xor(Pair.rotate16(v3), v2);
      v0 = Pair.rotate32(v0);
      v2 = i64x2.add(v2, v1);
      v0 = i64x2.add(v0, v3);
      v1 = v128.xor(Pair.rotate(v1, 17), v2);
      v3 = v128.xor(Pair.rotate(v3, 21), v0);
      v2 = Pair.rotate32(v2);
      v0 = v128.xor(v0, word);
    }
    const rest = (length & 7) << 3;
    const kept = i64x2.splat(rest ? u64.MAX_VALUE >> (64 - rest) : 0);
    const end = i64x2.splat((<u64>length) << 56);
    const word = v128.or(v128.and(Pair.words(a + whole, b + whole), kept), end);
    v3 = v128.xor(v3, word);
    for (let i = 0; i < 6; i++) {
      if (i === 2) {
        v0 = v128.xor(v0, word);
        v2 = v128.xor(v2, i64x2.splat(0xff));
      }
      v0 = i64x2.add(v0, v1);
      v2 = i64x2.add(v2, v3);
      v1 = v128.xor(Pair.rotate(v1, 13), v0);
      v3 = v128.xor(Pair.rotate16(v3), v2);
      v0 = Pair.rotate32(v0);
      v2 = i64x2.add(v2, v1);
      v0 = i64x2.add(v0, v3);
      v1 = v128.xor(Pair.rotate(v1, 17), v2);
      v3 = v128.xor(Pair.rotate(v3, 21), v0);
      v2 = Pair.rotate32(v2);
    }
    return v128.xor(v128.xor(v0, v1), v128.xor(v2, v3));
  }
}
