import { internetChecksum } from '../functions/checksum-update';
import { PROTO_ICMPV6 } from '../headers/numbers';

/** Neighbour discovery (RFC 4861) as a router with static routes needs it: solicitations and advertisements, untagged. */

export const SOLICITATION = 135;
export const ADVERTISEMENT = 136;
/** Bytes of a frame with one of them and the sender's, or the target's, link-layer address. */
export const ND_FRAME = 14 + 40 + 32;

/** Offsets from the frame's start. */
const IP = 14;
export const ND_SOURCE = IP + 8;
export const ND_DESTINATION = IP + 24;
const ICMP = IP + 40;
const FLAGS = ICMP + 4;
export const ND_TARGET = ICMP + 8;
const OPTIONS = ICMP + 24;

export const FLAG_ROUTER = 0x80;
export const FLAG_SOLICITED = 0x40;
export const FLAG_OVERRIDE = 0x20;

const OPTION_SOURCE_MAC = 1;
const OPTION_TARGET_MAC = 2;
const ND_HOPS = 255;

/**
 * The type of a neighbour discovery message that is valid (RFC 4861, sections 7.1.1 and 7.1.2): {@link SOLICITATION} or
 * {@link ADVERTISEMENT}; 0 for everything else.
 */
export function discoveryType(u8: Uint8Array, frame: number, length: number): number {
  if (length < OPTIONS) return 0;
  const ip = frame + IP;
  const payload = (u8[ip + 4] << 8) | u8[ip + 5];
  if (u8[ip + 6] !== PROTO_ICMPV6 || u8[ip + 7] !== ND_HOPS || payload < 24 || ICMP + payload > length) return 0;
  const type = u8[frame + ICMP];
  if ((type !== SOLICITATION && type !== ADVERTISEMENT) || u8[frame + ICMP + 1] !== 0) return 0;
  if (u8[frame + ND_TARGET] === 0xff || icmpv6Checksum(u8, ip, frame + ICMP, payload) !== 0) return 0;
  const end = frame + ICMP + payload;
  for (let at = frame + OPTIONS; at < end; at += 8 * u8[at + 1]) if (at + 2 > end || u8[at + 1] === 0) return 0;
  if (type === ADVERTISEMENT) {
    return u8[frame + ND_DESTINATION] === 0xff && (u8[frame + FLAGS] & FLAG_SOLICITED) !== 0 ? 0 : type;
  }
  if (!isUnspecified(u8, frame + ND_SOURCE)) return type;
  return isSolicitedNode(u8, frame + ND_DESTINATION) && macOption(u8, frame, length) === 0 ? type : 0;
}

/** Where the link-layer address of the sender of a valid message, or of its target, stands; 0 = it tells none. */
export function macOption(u8: Uint8Array, frame: number, length: number): number {
  const wanted = u8[frame + ICMP] === SOLICITATION ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC;
  const end = frame + Math.min(length, ICMP + ((u8[frame + IP + 4] << 8) | u8[frame + IP + 5]));
  for (let at = frame + OPTIONS; at + 8 <= end && u8[at + 1] !== 0; at += 8 * u8[at + 1]) {
    if (u8[at] === wanted && u8[at + 1] === 1 && (u8[at + 2] & 1) === 0) return at + 2;
  }
  return 0;
}

/** The flags of a valid advertisement. */
export function advertisedFlags(u8: Uint8Array, frame: number): number {
  return u8[frame + FLAGS];
}

/** Whether 16 bytes are all zero. */
export function isUnspecified(u8: Uint8Array, at: number): boolean {
  for (let i = 0; i < 16; i++) if (u8[at + i] !== 0) return false;
  return true;
}

/** ff02::1:ff00:0/104 */
function isSolicitedNode(u8: Uint8Array, at: number): boolean {
  if (u8[at] !== 0xff || u8[at + 1] !== 2 || u8[at + 11] !== 1 || u8[at + 12] !== 0xff) return false;
  for (let i = 2; i < 11; i++) if (u8[at + i] !== 0) return false;
  return true;
}

/** One of the router's addresses, and its MAC address. */
export interface DiscoverySender {
  readonly mac: Uint8Array;
  readonly ip: Uint8Array;
  readonly ipAt: number;
}

/**
 * Writes a solicitation of {@link ND_FRAME} bytes for the 16-byte address at `targetAt`: to the neighbour at `mac`, or,
 * without one, to all whose address ends so.
 */
export function writeSolicitation(
  u8: Uint8Array,
  out: number,
  sender: DiscoverySender,
  target: Uint8Array,
  targetAt: number,
  mac: Uint8Array | undefined,
): void {
  u8.fill(0, out, out + ND_FRAME);
  const destination = out + ND_DESTINATION;
  if (mac !== undefined) {
    u8.set(mac, out);
    u8.set(target.subarray(targetAt, targetAt + 16), destination);
  } else {
    u8.set([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff], destination);
    u8.set(target.subarray(targetAt + 13, targetAt + 16), destination + 13);
    groupMac(u8, out);
  }
  u8.set(target.subarray(targetAt, targetAt + 16), out + ND_TARGET);
  finish(u8, out, SOLICITATION, 0, OPTION_SOURCE_MAC, sender);
}

/**
 * Writes an advertisement of {@link ND_FRAME} bytes of the sender's address: to the 16-byte address at `toAt` by its MAC
 * address, as the answer to it, or, without one, to all nodes.
 */
export function writeAdvertisement(
  u8: Uint8Array,
  out: number,
  sender: DiscoverySender,
  to: { readonly ip: Uint8Array; readonly ipAt: number; readonly mac: Uint8Array } | undefined,
): void {
  u8.fill(0, out, out + ND_FRAME);
  const destination = out + ND_DESTINATION;
  if (to !== undefined) {
    u8.set(to.mac, out);
    u8.set(to.ip.subarray(to.ipAt, to.ipAt + 16), destination);
  } else {
    u8.set([0xff, 0x02], destination);
    u8[destination + 15] = 1;
    groupMac(u8, out);
  }
  u8.set(sender.ip.subarray(sender.ipAt, sender.ipAt + 16), out + ND_TARGET);
  const flags = FLAG_ROUTER | FLAG_OVERRIDE | (to === undefined ? 0 : FLAG_SOLICITED);
  finish(u8, out, ADVERTISEMENT, flags, OPTION_TARGET_MAC, sender);
}

/** 33:33 and the last four bytes of the group (RFC 2464 section 7). */
function groupMac(u8: Uint8Array, out: number): void {
  u8[out] = u8[out + 1] = 0x33;
  u8.copyWithin(out + 2, out + ND_DESTINATION + 12, out + ND_DESTINATION + 16);
}

function finish(
  u8: Uint8Array,
  out: number,
  type: number,
  flags: number,
  option: number,
  { mac, ip, ipAt }: DiscoverySender,
): void {
  u8.set(mac, out + 6);
  u8.set([0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, PROTO_ICMPV6, ND_HOPS], out + 12);
  u8.set(ip.subarray(ipAt, ipAt + 16), out + ND_SOURCE);
  u8[out + ICMP] = type;
  u8[out + FLAGS] = flags;
  u8[out + OPTIONS] = option;
  u8[out + OPTIONS + 1] = 1;
  u8.set(mac, out + OPTIONS + 2);
  const sum = icmpv6Checksum(u8, out + IP, out + ICMP, 32);
  u8[out + ICMP + 2] = sum >>> 8;
  u8[out + ICMP + 3] = sum & 0xff;
}

/**
 * The checksum of `length` bytes of ICMPv6 at `icmp` under the IPv6 header at `ip` (RFC 4443 section 2.3): 0 where the one
 * that stands in the message is right.
 */
export function icmpv6Checksum(u8: Uint8Array, ip: number, icmp: number, length: number): number {
  const pseudo = (~internetChecksum(u8, ip + 8, 32) & 0xffff) + length + PROTO_ICMPV6;
  return internetChecksum(u8, icmp, length, pseudo);
}
