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
