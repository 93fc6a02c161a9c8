/** Where headers stand in a frame, read by the verdicts' own code. */

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_TAGS: readonly number[] = [0x8100, 0x88a8];
const PROTO_TCP = 6;
const IPV6_FRAGMENT = 44;
/** IPv6 extension headers before a fragment header: hop-by-hop, routing, destination options. */
const IPV6_EXTENSIONS: readonly number[] = [0, 43, 60];

/** Offset of the IPv4 or IPv6 header behind any VLAN tags; 0 = neither, or cut off. */
export function ipHeaderAt(bytes: Uint8Array): number {
  let at = 12;
  while (at + 4 < bytes.length && ETHERTYPE_TAGS.includes(word(bytes, at))) at += 4;
  const etherType = word(bytes, at);
  if (etherType === ETHERTYPE_IPV4) return at + 22 <= bytes.length ? at + 2 : 0;
  if (etherType === ETHERTYPE_IPV6) return at + 42 <= bytes.length ? at + 2 : 0;
  return 0;
}

/** Whether a frame is an IP fragment. */
export function isFragment(bytes: Uint8Array): boolean {
  const ip = ipHeaderAt(bytes);
  if (ip === 0) return false;
  if (bytes[ip]! >>> 4 === 4) return (word(bytes, ip + 6) & 0x3fff) !== 0;
  return behindExtensions(bytes, ip).proto === IPV6_FRAGMENT;
}

/** Offset of the TCP header of a whole packet or a first fragment; 0 = there is none, or it is cut off. */
export function tcpHeaderAt(bytes: Uint8Array): number {
  const ip = ipHeaderAt(bytes);
  if (ip === 0) return 0;
  let found = { proto: bytes[ip + 9]!, at: ip + 4 * (bytes[ip]! & 15) };
  if (bytes[ip]! >>> 4 !== 4) found = behindExtensions(bytes, ip);
  else if ((word(bytes, ip + 6) & 0x1fff) !== 0) return 0;
  return found.proto === PROTO_TCP && found.at + 20 <= bytes.length ? found.at : 0;
}

/** What stands behind the IPv6 header and its extension headers. */
function behindExtensions(bytes: Uint8Array, ip: number): { proto: number; at: number } {
  let proto = bytes[ip + 6]!;
  let at = ip + 40;
  while (IPV6_EXTENSIONS.includes(proto) && at + 1 < bytes.length) {
    proto = bytes[at]!;
    at += 8 * (bytes[at + 1]! + 1);
  }
  return { proto, at };
}

/** The big-endian 16-bit word at an offset; bytes behind the end count as 0. */
export function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
