/**
 * SipHash-2-4 on 32-bit halves, since plain numbers have no 64-bit integers. Hashes `length` bytes of `message` at
 * `at` under the 16 bytes of `keys` at `key`; `out` gets the low and the high word.
 */
export function sipHash24(
  keys: Uint8Array,
  key: number,
  message: Uint8Array,
  at: number,
  length: number,
  out: Uint32Array,
): void {
  const k0l = little32(keys, key);
  const k0h = little32(keys, key + 4);
  const k1l = little32(keys, key + 8);
  const k1h = little32(keys, key + 12);
  const state = STATE;
  state[0] = k0l ^ 0x70736575;
  state[1] = k0h ^ 0x736f6d65;
  state[2] = k1l ^ 0x6e646f6d;
  state[3] = k1h ^ 0x646f7261;
  state[4] = k0l ^ 0x6e657261;
  state[5] = k0h ^ 0x6c796765;
  state[6] = k1l ^ 0x79746573;
  state[7] = k1h ^ 0x74656462;

  const whole = length & ~7;
  for (let i = 0; i < whole; i += 8) compress(state, little32(message, at + i), little32(message, at + i + 4));
  let low = 0;
  let high = length << 24;
  for (let i = whole; i < length; i++) {
    const shift = 8 * (i - whole);
    if (shift < 32) low |= message[at + i] << shift;
    else high |= message[at + i] << (shift - 32);
  }
  compress(state, low, high);
  state[4] ^= 0xff;
  rounds(state, 4);
  out[0] = state[0] ^ state[2] ^ state[4] ^ state[6];
  out[1] = state[1] ^ state[3] ^ state[5] ^ state[7];
}

/** v0 … v3, low half before high half; dead between calls. */
const STATE = new Int32Array(8);

function compress(state: Int32Array, low: number, high: number): void {
  state[6] ^= low;
  state[7] ^= high;
  rounds(state, 2);
  state[0] ^= low;
  state[1] ^= high;
}

function rounds(state: Int32Array, count: number): void {
  let v0l = state[0];
  let v0h = state[1];
  let v1l = state[2];
  let v1h = state[3];
  let v2l = state[4];
  let v2h = state[5];
  let v3l = state[6];
  let v3h = state[7];
  for (let i = 0; i < count; i++) {
    let sum = (v0l >>> 0) + (v1l >>> 0);
    v0h = (v0h + v1h + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    v0l = sum | 0;
    let turned = (v1l << 13) | (v1h >>> 19);
    v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
    v1l = turned ^ v0l;
    turned = v0l;
    v0l = v0h;
    v0h = turned;

    sum = (v2l >>> 0) + (v3l >>> 0);
    v2h = (v2h + v3h + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    v2l = sum | 0;
    turned = (v3l << 16) | (v3h >>> 16);
    v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
    v3l = turned ^ v2l;

    sum = (v0l >>> 0) + (v3l >>> 0);
    v0h = (v0h + v3h + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    v0l = sum | 0;
    turned = (v3l << 21) | (v3h >>> 11);
    v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
    v3l = turned ^ v0l;

    sum = (v2l >>> 0) + (v1l >>> 0);
    v2h = (v2h + v1h + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    v2l = sum | 0;
    turned = (v1l << 17) | (v1h >>> 15);
    v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
    v1l = turned ^ v2l;
    turned = v2l;
    v2l = v2h;
    v2h = turned;
  }
  state[0] = v0l;
  state[1] = v0h;
  state[2] = v1l;
  state[3] = v1h;
  state[4] = v2l;
  state[5] = v2h;
  state[6] = v3l;
  state[7] = v3h;
}

function little32(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
