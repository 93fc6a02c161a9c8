/** Integer hashing: 32-bit arithmetic only, so that every implementation and every machine agrees bit for bit. */

/** Held here, because where code runs in a context of its own (as tests do), each look at a global costs a call. */
const { imul } = Math;

/** The finaliser of MurmurHash3 (Appleby, public domain): a bijection on 32 bits with full avalanche. */
export function mix32(value: number): number {
  let h = value | 0;
  h = imul(h ^ (h >>> 16), 0x85ebca6b);
  h = imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Combines two 32-bit values; order matters. */
export function mix2(a: number, b: number): number {
  return mix32((mix32(a) + imul(b | 0, 0x9e3779b1)) | 0);
}

/** Combines three 32-bit values; order matters. */
export function mix3(a: number, b: number, c: number): number {
  return mix2(mix2(a, b), c);
}

/** FNV-1a over the UTF-16 code units of a string: names and seeds to 32 bits, never for security. */
export function hashString(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    h = imul(h ^ (text.charCodeAt(i) & 0xff), 0x01000193);
    h = imul(h ^ (text.charCodeAt(i) >>> 8), 0x01000193);
  }
  return h >>> 0;
}
