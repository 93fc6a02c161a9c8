import type { Arena } from '../frames/arena';
import { S_FRAGMENT, S_IP, S_L3, S_L4, S_LEN, S_OFF, S_PROTO, SLOT_FRAME } from '../frames/layout';
import { internetChecksum } from '../functions/checksum-update';
import { FRAGMENT_LATER, PROTO_ICMP, PROTO_ICMPV6 } from '../headers/numbers';
import { isHostIpv4, isHostIpv6 } from './forwarding';
import { icmpv6Checksum } from './neighbour-discovery';

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
/** ICMP types that are errors (RFC 1122 section 3.2.2); ICMPv6 errors are all types below 128, and redirects. */
const ERRORS_IPV4: readonly number[] = [3, 4, 5, 11, 12];
const INFORMATIONAL_IPV6 = 128;
const REDIRECT_IPV6 = 137;

/** An ICMP or ICMPv6 error by the numbers of either (RFC 792, RFC 4443), and what stands in its second word. */
export interface IcmpError {
  readonly type4: number;
  readonly code4: number;
  readonly type6: number;
  readonly code6: number;
}

export const TOO_BIG: IcmpError = { type4: 3, code4: 4, type6: 2, code6: 0 };
export const NO_ROUTE: IcmpError = { type4: 3, code4: 0, type6: 1, code6: 0 };
export const HOST_UNREACHABLE: IcmpError = { type4: 3, code4: 1, type6: 1, code6: 3 };
export const PORT_UNREACHABLE: IcmpError = { type4: 3, code4: 3, type6: 1, code6: 4 };
export const TIME_EXCEEDED: IcmpError = { type4: 11, code4: 0, type6: 3, code6: 0 };

/**
 * Whether a packet may be answered with an ICMP error at all: not one that is, or may be, an error itself, nor one that
 * does not come from one host to one other (RFC 1122 section 3.2.2, RFC 4443 section 2.4 e), nor a fragment but the first.
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

/** Whom an answer is from: an address of 4 or 16 bytes. */
export interface AnswerSource {
  readonly bytes: Uint8Array;
  readonly at: number;
}

/**
 * Writes the ICMP or ICMPv6 error about a packet, back to where its frame came from. Tags are the packet's.
 *
 * @param slot address of a frame for which {@link mayBeAnswered} holds
 * @param word the second half of the error's second word: the MTU of one that is too big, else 0
 * @param source whom it is from; undefined: the address that the packet was going to
 * @param target address of a slot that takes the answer; its frame's start and length are set
 */
export function writeIcmpError(
  arena: Arena,
  slot: number,
  error: IcmpError,
  word: number,
  source: AnswerSource | undefined,
  target: number,
): void {
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
  u32[(target + S_LEN) >>> 2] = l3 + write(u8, packet, error, word, source, out + l3);
}

/** The packet that is answered: its bytes in memory, padding that the frame may have included. */
interface Quoted {
  readonly at: number;
  readonly length: number;
}

function writeIpv4(
  u8: Uint8Array,
  packet: Quoted,
  { type4, code4 }: IcmpError,
  word: number,
  source: AnswerSource | undefined,
  out: number,
): number {
  const said = (u8[packet.at + 2] << 8) | u8[packet.at + 3];
  const quoted = Math.min(packet.length, said || packet.length, ANSWER_MAX_IPV4 - IPV4_HEADER - ICMP_HEADER);
  const total = IPV4_HEADER + ICMP_HEADER + quoted;
  u8.fill(0, out, out + IPV4_HEADER + ICMP_HEADER);
  u8[out] = 0x45;
  u8[out + 1] = TOS_CONTROL;
  put16(u8, out + 2, total);
  put16(u8, out + 6, DONT_FRAGMENT);
  u8[out + 8] = HOP_LIMIT;
  u8[out + 9] = PROTO_ICMP;
  if (source === undefined) u8.copyWithin(out + 12, packet.at + 16, packet.at + 20);
  else u8.set(source.bytes.subarray(source.at, source.at + 4), out + 12);
  u8.copyWithin(out + 16, packet.at + 12, packet.at + 16);
  put16(u8, out + 10, internetChecksum(u8, out, IPV4_HEADER));
  const icmp = out + IPV4_HEADER;
  u8[icmp] = type4;
  u8[icmp + 1] = code4;
  put16(u8, icmp + 6, word);
  u8.copyWithin(icmp + ICMP_HEADER, packet.at, packet.at + quoted);
  put16(u8, icmp + 2, internetChecksum(u8, icmp, ICMP_HEADER + quoted));
  return total;
}

function writeIpv6(
  u8: Uint8Array,
  packet: Quoted,
  { type6, code6 }: IcmpError,
  word: number,
  source: AnswerSource | undefined,
  out: number,
): number {
  const said = (u8[packet.at + 4] << 8) | u8[packet.at + 5];
  const length = said === 0 ? packet.length : Math.min(packet.length, IPV6_HEADER + said);
  const quoted = Math.min(length, ANSWER_MAX_IPV6 - IPV6_HEADER - ICMP_HEADER);
  u8.fill(0, out, out + IPV6_HEADER + ICMP_HEADER);
  u8[out] = 0x60;
  put16(u8, out + 4, ICMP_HEADER + quoted);
  u8[out + 6] = PROTO_ICMPV6;
  u8[out + 7] = HOP_LIMIT;
  if (source === undefined) u8.copyWithin(out + 8, packet.at + 24, packet.at + 40);
  else u8.set(source.bytes.subarray(source.at, source.at + 16), out + 8);
  u8.copyWithin(out + 24, packet.at + 8, packet.at + 24);
  const icmp = out + IPV6_HEADER;
  u8[icmp] = type6;
  u8[icmp + 1] = code6;
  put16(u8, icmp + 6, word);
  u8.copyWithin(icmp + ICMP_HEADER, packet.at, packet.at + quoted);
  put16(u8, icmp + 2, icmpv6Checksum(u8, out, icmp, ICMP_HEADER + quoted));
  return IPV6_HEADER + ICMP_HEADER + quoted;
}

const ECHO_4 = 8;
const ECHO_6 = 128;
const ECHO_REPLY_4 = 0;
const ECHO_REPLY_6 = 129;

/** Whether a parsed frame's whole packet is an echo request with a right checksum. */
export function isEchoRequest(arena: Arena, slot: number): boolean {
  const { u8, u16, u32 } = arena;
  const frame = slot + u32[(slot + S_OFF) >>> 2];
  const ip = frame + u16[(slot + S_L3) >>> 1];
  const icmp = frame + u16[(slot + S_L4) >>> 1];
  const length = payloadEnd(u8, ip, u8[slot + S_IP]) - icmp;
  if (u8[slot + S_FRAGMENT] !== 0 || length < ICMP_HEADER || icmp + length > frame + u32[(slot + S_LEN) >>> 2])
    return false;
  if (u8[slot + S_IP] === 4) {
    return u8[slot + S_PROTO] === PROTO_ICMP && u8[icmp] === ECHO_4 && internetChecksum(u8, icmp, length) === 0;
  }
  return u8[slot + S_PROTO] === PROTO_ICMPV6 && u8[icmp] === ECHO_6 && icmpv6Checksum(u8, ip, icmp, length) === 0;
}

/**
 * Makes the reply out of an echo request for which {@link isEchoRequest} holds, in its own slot: back to whom it came from,
 * from the address that it was sent to.
 */
export function turnEcho(arena: Arena, slot: number): void {
  const { u8, u16, u32 } = arena;
  const frame = slot + u32[(slot + S_OFF) >>> 2];
  const ip = frame + u16[(slot + S_L3) >>> 1];
  const icmp = frame + u16[(slot + S_L4) >>> 1];
  const version = u8[slot + S_IP];
  const end = payloadEnd(u8, ip, version);
  u32[(slot + S_LEN) >>> 2] = end - frame;
  exchange(u8, frame, frame + 6, 6);
  if (version === 4) exchange(u8, ip + 12, ip + 16, 4);
  else exchange(u8, ip + 8, ip + 24, 16);
  u8[ip + (version === 4 ? 8 : 7)] = HOP_LIMIT;
  u8[icmp] = version === 4 ? ECHO_REPLY_4 : ECHO_REPLY_6;
  put16(u8, icmp + 2, 0);
  if (version === 6) {
    put16(u8, icmp + 2, icmpv6Checksum(u8, ip, icmp, end - icmp));
    return;
  }
  put16(u8, icmp + 2, internetChecksum(u8, icmp, end - icmp));
  put16(u8, ip + 10, 0);
  put16(u8, ip + 10, internetChecksum(u8, ip, 4 * (u8[ip] & 15)));
}

function payloadEnd(u8: Uint8Array, ip: number, version: number): number {
  return version === 4 ? ip + ((u8[ip + 2] << 8) | u8[ip + 3]) : ip + IPV6_HEADER + ((u8[ip + 4] << 8) | u8[ip + 5]);
}

function exchange(u8: Uint8Array, a: number, b: number, length: number): void {
  for (let i = 0; i < length; i++) {
    const byte = u8[a + i];
    u8[a + i] = u8[b + i];
    u8[b + i] = byte;
  }
}

function put16(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >>> 8;
  u8[at + 1] = value & 0xff;
}
