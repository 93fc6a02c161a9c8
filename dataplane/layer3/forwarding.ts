import type { Arena } from '../frames/arena';
import { S_L3, S_OFF } from '../frames/layout';
import { internetChecksum, updateChecksum } from '../functions/checksum-update';

/** What a router does to the packet itself (RFC 1812 section 5.2, RFC 8200): plain functions over an IP header in memory. */

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const IPV4_HOPS = 8;
const IPV6_HOPS = 7;

/** Where the IP header of a parsed frame begins, of the one in the slot at `slot`. */
export function ipHeaderAt({ u16, u32 }: Arena, slot: number): number {
  return slot + u32[(slot + S_OFF) >>> 2] + u16[(slot + S_L3) >>> 1];
}

/** Where the source address of an IP header stands. */
export function sourceAt(ip: number, version: number): number {
  return ip + (version === 4 ? 12 : 8);
}

/** … and its destination address. */
export function destinationAt(ip: number, version: number): number {
  return ip + (version === 4 ? 16 : 24);
}

/**
 * Whether an IP header is one that a router may act on: as long as it says, of IPv4 with a right checksum, and between
 * addresses that can be those of two hosts. IPv6 link-local addresses mean nothing beyond their network (RFC 4291 2.5.6).
 */
export function isRoutable(u8: Uint8Array, ip: number, length: number, version: number): boolean {
  if (version === 4) {
    const header = 4 * (u8[ip] & 15);
    const total = (u8[ip + 2] << 8) | u8[ip + 3];
    if (header < IPV4_HEADER || header > length || total < header || total > length) return false;
    if (internetChecksum(u8, ip, header) !== 0) return false;
    return isHostIpv4(u8, ip + 12) && isHostIpv4(u8, ip + 16);
  }
  if (length < IPV6_HEADER || IPV6_HEADER + ((u8[ip + 4] << 8) | u8[ip + 5]) > length) return false;
  return isHostIpv6(u8, ip + 8) && isHostIpv6(u8, ip + 24) && !isLinkLocal(u8, ip + 8) && !isLinkLocal(u8, ip + 24);
}

/** Hops that a packet has left, this one included. */
export function hopsOf(u8: Uint8Array, ip: number, version: number): number {
  return u8[ip + (version === 4 ? IPV4_HOPS : IPV6_HOPS)];
}

/** One hop less, or, with −1 for `by`, one more again; the checksum of IPv4 is corrected for it (RFC 1624). */
export function takeHop(u8: Uint8Array, ip: number, version: number, by = 1): void {
  if (version === 6) {
    u8[ip + IPV6_HOPS] -= by;
    return;
  }
  const before = (u8[ip + 8] << 8) | u8[ip + 9];
  u8[ip + IPV4_HOPS] -= by;
  const sum = updateChecksum((u8[ip + 10] << 8) | u8[ip + 11], before, (u8[ip + 8] << 8) | u8[ip + 9]);
  u8[ip + 10] = sum >>> 8;
  u8[ip + 11] = sum & 0xff;
}

/** Not "this network", loopback, a group or everybody. */
export function isHostIpv4(u8: Uint8Array, at: number): boolean {
  return u8[at] !== 0 && u8[at] !== 127 && u8[at] < 224;
}

/** Not unspecified, loopback or a group. */
export function isHostIpv6(u8: Uint8Array, at: number): boolean {
  if (u8[at] === 0xff) return false;
  for (let i = 0; i < 15; i++) if (u8[at + i] !== 0) return true;
  return u8[at + 15] > 1;
}

/** fe80::/10 (RFC 4291 section 2.4): an address that means something on one network alone. */
export function isLinkLocal(u8: Uint8Array, at: number): boolean {
  return u8[at] === 0xfe && (u8[at + 1] & 0xc0) === 0x80;
}
