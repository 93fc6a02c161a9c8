const MASK = 0xffff_ffff_ffff_ffffn;

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) in its plainest form, for tools and tests; packets are signed by the
 * kernels. `key` has 16 bytes; the result is a 64-bit integer.
 */
export function sipHash24(key: Uint8Array, message: Uint8Array): bigint {
  const k0 = littleEndian(key, 0);
  const k1 = littleEndian(key, 8);
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) & MASK;
      v2 = (v2 + v3) & MASK;
      v1 = rotate(v1, 13n) ^ v0;
      v3 = rotate(v3, 16n) ^ v2;
      v0 = rotate(v0, 32n);
      v2 = (v2 + v1) & MASK;
      v0 = (v0 + v3) & MASK;
      v1 = rotate(v1, 17n) ^ v2;
      v3 = rotate(v3, 21n) ^ v0;
      v2 = rotate(v2, 32n);
    }
  };
  const whole = message.length & ~7;
  for (let at = 0; at <= whole; at += 8) {
    const word = at < whole ? littleEndian(message, at) : lastWord(message, whole);
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  v2 ^= 0xffn;
  rounds(4);
  return v0 ^ v1 ^ v2 ^ v3;
}

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

function littleEndian(bytes: Uint8Array, at: number): bigint {
  let value = 0n;
  for (let i = 7; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]);
  return value;
}

/** The bytes after the last whole word, with the message's length modulo 256 on top. */
function lastWord(message: Uint8Array, from: number): bigint {
  let word = BigInt(message.length & 0xff) << 56n;
  for (let i = from; i < message.length; i++) word |= BigInt(message[i]) << BigInt(8 * (i - from));
  return word;
}
