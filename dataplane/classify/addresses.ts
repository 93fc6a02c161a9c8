/**
 * Text of IP addresses to the 16 bytes that canonical keys hold (IPv4 in the last four, zeros before), and back.
 * For set-up and control streams, not for packets.
 */

/** Parses an IPv4 (`10.0.0.1`) or IPv6 (`2001:db8::1`, also with an IPv4 tail) address; undefined if it is neither. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Whether an address, as text, is of version 4. */
export function isIpv4Text(text: string): boolean {
  return !text.includes(':');
}

function parseIpv4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 4; i++) {
    const value = Number(match[i + 1]);
    if (value > 255) return undefined;
    bytes[12 + i] = value;
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]);
  const tail = halves.length === 2 ? groups(halves[1]) : [];
  if (head === undefined || tail === undefined) return undefined;
  const count = head.length + tail.length;
  if (halves.length === 2 ? count > 7 : count !== 8) return undefined;
  const bytes = new Uint8Array(16);
  head.forEach((group, i) => put16(bytes, 2 * i, group));
  tail.forEach((group, i) => put16(bytes, 16 - 2 * (tail.length - i), group));
  return bytes;
}

/** The 16-bit groups of one side of `::`; an IPv4 tail counts as two. */
function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const result: number[] = [];
  for (const [i, part] of parts.entries()) {
    const ipv4 = i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 !== undefined) result.push((ipv4[12] << 8) | ipv4[13], (ipv4[14] << 8) | ipv4[15]);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) result.push(parseInt(part, 16));
    else return undefined;
  }
  return result;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value & 0xff;
}

/** The text of the 16 key bytes at `at`: dotted for IP version 4, compressed as RFC 5952 says for version 6. */
export function formatAddress(bytes: Uint8Array, at: number, version: number): string {
  if (version === 4) return `${bytes[at + 12]}.${bytes[at + 13]}.${bytes[at + 14]}.${bytes[at + 15]}`;
  const words = Array.from({ length: 8 }, (_, i) => (bytes[at + 2 * i] << 8) | bytes[at + 2 * i + 1]);
  const { start, length } = longestZeroRun(words);
  if (length < 2) return words.map((word) => word.toString(16)).join(':');
  const before = words.slice(0, start).map((word) => word.toString(16));
  const after = words.slice(start + length).map((word) => word.toString(16));
  return `${before.join(':')}::${after.join(':')}`;
}

function longestZeroRun(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let i = 0; i < words.length; i++) {
    let length = 0;
    while (i + length < words.length && words[i + length] === 0) length++;
    if (length > best.length) best = { start: i, length };
    i += length;
  }
  return best;
}

/** Parses `address/length` (or an address alone: all bits) into the first and the last address of the prefix. */
export function parsePrefix(text: string): { version: 4 | 6; first: Uint8Array; last: Uint8Array } | undefined {
  const [address, lengthText, ...rest] = text.split('/');
  const first = parseAddress(address);
  if (first === undefined || rest.length > 0) return undefined;
  const version = isIpv4Text(address) ? 4 : 6;
  const bits = version === 4 ? 32 : 128;
  if (lengthText !== undefined && !/^\d{1,3}$/.test(lengthText)) return undefined;
  const length = lengthText === undefined ? bits : Number(lengthText);
  if (length > bits) return undefined;
  const last = first.slice();
  for (let bit = 128 - bits + length; bit < 128; bit++) {
    const mask = 0x80 >>> (bit & 7);
    first[bit >>> 3] &= ~mask;
    last[bit >>> 3] |= mask;
  }
  return { version, first, last };
}
