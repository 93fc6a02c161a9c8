import type { Arena } from '../frames/arena';
import { S_FRAGMENT, S_IP, S_L3, S_L4, S_LEN, S_OFF, S_PROTO, SLOT_FRAME } from '../frames/layout';
import { internetChecksum } from '../functions/checksum-update';
import { FRAGMENT_LATER, PROTO_ICMP, PROTO_ICMPV6 } from '../headers/numbers';

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const ICMP_HEADER = 8;
/** An answer quotes as much of the packet as fits into these (RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 c). */
const ANSWER_MAX_IPV4 = 576;
const ANSWER_MAX_IPV6 = 1280;
const HOP_LIMIT = 64;
/** Internetwork control (RFC 1812 section 4.3.2.5). */
const TOS_CONTROL = 0xc0;
const DONT_FRAGMENT = 0x4000;
const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
const PACKET_TOO_BIG = 2;
/** ICMP types that are errors (RFC 1122 section 3.2.2); ICMPv6 errors are all types below 128, and redirects. */
const ERRORS_IPV4: readonly number[] = [3, 4, 5, 11, 12];
const INFORMATIONAL_IPV6 = 128;
const REDIRECT_IPV6 = 137;

/**
 * Whether a packet may be answered with an ICMP error at all: not one that is, or may be, an error itself, nor one that
 * does not come from one host to one other (RFC 1122 section 3.2.2, RFC 4443 section 2.4 e). A packet to a group could be
 * answered under IPv6, but by an address of our own alone, and there is none.
 *
 * @param slot address of a parsed frame whose IP header stands right behind its link header
 */
export function mayBeAnswered(arena: Arena, slot: number): boolean {
  const { u8, u16, u32 } = arena;
  const frame = slot + u32[(slot + S_OFF) >>> 2];
  if (((u8[frame] | u8[frame + 6]) & 1) !== 0) return false;
  const ip = frame + u16[(slot + S_L3) >>> 1];
  const isLater = u8[slot + S_FRAGMENT] === FRAGMENT_LATER;
  const type = u8[frame + u16[(slot + S_L4) >>> 1]];
  if (u8[slot + S_IP] === 4) {
    if (isLater || !isHostIpv4(u8, ip + 12) || !isHostIpv4(u8, ip + 16)) return false;
    return u8[slot + S_PROTO] !== PROTO_ICMP || !ERRORS_IPV4.includes(type);
  }
  if (!isHostIpv6(u8, ip + 8) || !isHostIpv6(u8, ip + 24)) return false;
  if (u8[slot + S_PROTO] !== PROTO_ICMPV6) return true;
  return !isLater && type >= INFORMATIONAL_IPV6 && type !== REDIRECT_IPV6;
}

/**
 * Writes the answer to a packet that is too big for the way before it: ICMP "fragmentation needed" with the next hop's
 * MTU (RFC 1191) or ICMPv6 "packet too big" (RFC 4443), from the address that the packet was going to, because the grid
 * has none of its own: it goes where a reply would go. Tags are the packet's.
 *
 * @param slot address of a frame for which {@link mayBeAnswered} holds
 * @param mtu bytes of the largest packet that would fit
 * @param target address of a slot that takes the answer; its frame's start and length are set
 */
export function writeTooBig(arena: Arena, slot: number, mtu: number, target: number): void {
  const { u8, u16, u32 } = arena;
  const frame = slot + u32[(slot + S_OFF) >>> 2];
  const l3 = u16[(slot + S_L3) >>> 1];
  const out = target + SLOT_FRAME;
  u8.copyWithin(out, frame + 6, frame + 12);
  u8.copyWithin(out + 6, frame, frame + 6);
  u8.copyWithin(out + 12, frame + 12, frame + l3);
  const packet = { at: frame + l3, length: u32[(slot + S_LEN) >>> 2] - l3 };
  const write = u8[slot + S_IP] === 4 ? writeIpv4 : writeIpv6;
  u32[(target + S_OFF) >>> 2] = SLOT_FRAME;
  u32[(target + S_LEN) >>> 2] = l3 + write(u8, packet, mtu, out + l3);
}

/** The packet that is answered: its bytes in memory, a trailer that a frame may have included. */
interface Quoted {
  readonly at: number;
  readonly length: number;
}

function writeIpv4(u8: Uint8Array, packet: Quoted, mtu: number, out: number): number {
  const quoted = Math.min(packet.length, ANSWER_MAX_IPV4 - IPV4_HEADER - ICMP_HEADER);
  const total = IPV4_HEADER + ICMP_HEADER + quoted;
  u8.fill(0, out, out + IPV4_HEADER + ICMP_HEADER);
  u8[out] = 0x45;
  u8[out + 1] = TOS_CONTROL;
  put16(u8, out + 2, total);
  put16(u8, out + 6, DONT_FRAGMENT);
  u8[out + 8] = HOP_LIMIT;
  u8[out + 9] = PROTO_ICMP;
  u8.copyWithin(out + 12, packet.at + 16, packet.at + 20);
  u8.copyWithin(out + 16, packet.at + 12, packet.at + 16);
  put16(u8, out + 10, internetChecksum(u8, out, IPV4_HEADER));
  const icmp = out + IPV4_HEADER;
  u8[icmp] = UNREACHABLE;
  u8[icmp + 1] = FRAGMENTATION_NEEDED;
  put16(u8, icmp + 6, mtu);
  u8.copyWithin(icmp + ICMP_HEADER, packet.at, packet.at + quoted);
  put16(u8, icmp + 2, internetChecksum(u8, icmp, ICMP_HEADER + quoted));
  return total;
}

function writeIpv6(u8: Uint8Array, packet: Quoted, mtu: number, out: number): number {
  const quoted = Math.min(packet.length, ANSWER_MAX_IPV6 - IPV6_HEADER - ICMP_HEADER);
  u8.fill(0, out, out + IPV6_HEADER + ICMP_HEADER);
  u8[out] = 0x60;
  put16(u8, out + 4, ICMP_HEADER + quoted);
  u8[out + 6] = PROTO_ICMPV6;
  u8[out + 7] = HOP_LIMIT;
  u8.copyWithin(out + 8, packet.at + 24, packet.at + 40);
  u8.copyWithin(out + 24, packet.at + 8, packet.at + 24);
  const icmp = out + IPV6_HEADER;
  u8[icmp] = PACKET_TOO_BIG;
  put16(u8, icmp + 6, mtu);
  u8.copyWithin(icmp + ICMP_HEADER, packet.at, packet.at + quoted);
  // The pseudo-header: both addresses, the length, the protocol (RFC 8200, section 8.1).
  const pseudo = (~internetChecksum(u8, out + 8, 32) & 0xffff) + ICMP_HEADER + quoted + PROTO_ICMPV6;
  put16(u8, icmp + 2, internetChecksum(u8, icmp, ICMP_HEADER + quoted, pseudo));
  return IPV6_HEADER + ICMP_HEADER + quoted;
}

/** Not "this network", loopback, a group or everybody. */
function isHostIpv4(u8: Uint8Array, at: number): boolean {
  return u8[at] !== 0 && u8[at] !== 127 && u8[at] < 224;
}

/** Not unspecified, loopback or a group. */
function isHostIpv6(u8: Uint8Array, at: number): boolean {
  if (u8[at] === 0xff) return false;
  for (let i = 0; i < 15; i++) if (u8[at + i] !== 0) return true;
  return u8[at + 15] > 1;
}

function put16(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >>> 8;
  u8[at + 1] = value & 0xff;
}
