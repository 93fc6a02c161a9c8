import type { Arena } from '../../frames/arena';
import {
  FRAME_MAX,
  FRAME_MIN,
  KEY_SIZE,
  K_ADDR_A,
  K_ADDR_B,
  K_HERE,
  K_IP,
  K_NETWORK,
  K_PORT_A,
  K_PORT_B,
  K_PROTO,
  K_VLAN_1,
  K_VLAN_2,
  SF_MULTICAST,
  S_DSCP,
  S_ETHERTYPE,
  S_FLAGS,
  S_FRAGMENT,
  S_HASH,
  S_IP,
  S_IP_ID,
  S_KEY,
  S_L3,
  S_L4,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_PAYLOAD,
  S_PAYLOAD_LEN,
  S_PROTO,
  S_REASON,
  S_SRC_IS_B,
  S_TAGS,
  S_TCP_FLAGS,
} from '../../frames/layout';
import { reason } from '../../frames/reasons';
import { expandSeed, hashKey } from '../../headers/key-hash';
import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MIN,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_MULTICAST,
  ETHERTYPE_OLD_SERVICE_VLAN,
  ETHERTYPE_PPPOE_SESSION,
  ETHERTYPE_SERVICE_VLAN,
  ETHERTYPE_VLAN,
  FRAGMENT_ATOMIC,
  FRAGMENT_FIRST,
  FRAGMENT_LATER,
  hasPorts,
  NO_VLAN,
  PPP_IPV4,
  PPP_IPV6,
  PROTO_AH,
  PROTO_DESTINATION_OPTIONS,
  PROTO_FRAGMENT,
  PROTO_HOP_BY_HOP,
  PROTO_ICMP,
  PROTO_ICMPV6,
  PROTO_LAYER_2,
  PROTO_ROUTING,
  PROTO_TCP,
  PROTO_UDP,
  PROTO_UDP_LITE,
} from '../../headers/numbers';
import { WAY_NONE, type Way } from '../kernels';

const NOT_IP = reason('not-ip');
const MALFORMED_IP = reason('malformed-ip');
const NO_PORTS = reason('no-ports');
const LATER_FRAGMENT = reason('later-fragment');
const ICMP_ERROR = reason('icmp-error');
const RUNT = reason('runt');
const OVERSIZE = reason('oversize');

/** Twin of kernel `parse`; see {@link Kernels.parse}. */
export function parse(
  arena: Arena,
  list: number,
  n: number,
  seedLo: number,
  seedHi: number,
  way: Way = WAY_NONE,
): void {
  const { u8, u16, u32 } = arena;
  const seed = expandSeed(seedLo, seedHi);
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    if (u16[(slot + S_REASON) >>> 1] !== 0) continue;
    const length = u32[(slot + S_LEN) >>> 2];
    if (length < FRAME_MIN || length > FRAME_MAX) {
      u16[(slot + S_REASON) >>> 1] = length < FRAME_MIN ? RUNT : OVERSIZE;
      continue;
    }
    u32.fill(0, (slot + S_ETHERTYPE) >>> 2, (slot + S_KEY + KEY_SIZE) >>> 2);
    u16[(slot + S_REASON) >>> 1] = parseFrame(arena, slot, length);
    u32[(slot + S_HASH) >>> 2] = hashKey(u32, slot + S_KEY, seed);
    if (way !== WAY_NONE) u32[(slot + S_KEY + K_HERE) >>> 2] = 1 + (u8[slot + S_SRC_IS_B] ^ (way - 1));
  }
}

/** Parses one frame into its slot and returns the reason to leave the fast path. */
function parseFrame(arena: Arena, slot: number, length: number): number {
  const { u8, u16 } = arena;
  const frame = slot + arena.u32[(slot + S_OFF) >>> 2];
  const flags = u16[(slot + S_FLAGS) >>> 1];
  u16[(slot + S_FLAGS) >>> 1] = u8[frame] & 1 ? flags | SF_MULTICAST : flags & ~SF_MULTICAST;

  const at = parseLink(arena, slot, frame, length);
  const etherType = u16[(slot + S_ETHERTYPE) >>> 1];
  const version = networkVersion(u8, frame, at, length, etherType);
  if (version === 4) return parseIpv4(arena, slot, frame, networkOffset(u8, frame, at, etherType), length);
  if (version === 6) return parseIpv6(arena, slot, frame, networkOffset(u8, frame, at, etherType), length);
  layer2Key(arena, slot, frame, etherType);
  return NOT_IP;
}

/** Reads tags and EtherType (also of 802.3 frames with a SNAP header); returns the offset behind them. */
function parseLink(arena: Arena, slot: number, frame: number, length: number): number {
  const { u8, u16 } = arena;
  const key = slot + S_KEY;
  u16[(key + K_NETWORK) >>> 1] = u16[(slot + S_NETWORK) >>> 1];
  u16[(key + K_VLAN_1) >>> 1] = NO_VLAN;
  u16[(key + K_VLAN_2) >>> 1] = NO_VLAN;
  let type = big16(u8, frame + 12);
  let at = 14;
  let tags = 0;
  while (type === ETHERTYPE_VLAN || type === ETHERTYPE_SERVICE_VLAN || type === ETHERTYPE_OLD_SERVICE_VLAN) {
    if (at + 4 > length) break;
    const vlan = big16(u8, frame + at) & 0xfff;
    if (tags === 0) u16[(key + K_VLAN_1) >>> 1] = vlan;
    if (tags === 1) u16[(key + K_VLAN_2) >>> 1] = vlan;
    tags++;
    type = big16(u8, frame + at + 2);
    at += 4;
  }
  if (type < ETHERTYPE_MIN) {
    if (isSnap(u8, frame + at, length - at)) {
      type = big16(u8, frame + at + 6);
      at += 8;
    } else {
      type = 0;
    }
  }
  u16[(slot + S_ETHERTYPE) >>> 1] = type;
  u8[slot + S_TAGS] = Math.min(tags, 255);
  return at;
}

/** LLC aa-aa-03 with OUI 0: an EtherType follows (RFC 1042). */
function isSnap(u8: Uint8Array, at: number, length: number): boolean {
  return (
    length >= 8 &&
    u8[at] === 0xaa &&
    u8[at + 1] === 0xaa &&
    u8[at + 2] === 3 &&
    u8[at + 3] === 0 &&
    u8[at + 4] === 0 &&
    u8[at + 5] === 0
  );
}

/** 4 or 6 where the EtherType, an MPLS label stack or a PPPoE session announces IP; else 0. */
function networkVersion(u8: Uint8Array, frame: number, at: number, length: number, etherType: number): number {
  switch (etherType) {
    case ETHERTYPE_IPV4:
      return 4;
    case ETHERTYPE_IPV6:
      return 6;
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST: {
      for (; at + 4 <= length; at += 4) {
        if ((u8[frame + at + 2] & 1) === 0) continue;
        const nibble = at + 4 < length ? u8[frame + at + 4] >>> 4 : 0;
        return nibble === 4 || nibble === 6 ? nibble : 0;
      }
      return 0;
    }
    case ETHERTYPE_PPPOE_SESSION: {
      if (at + 8 > length || u8[frame + at + 1] !== 0) return 0;
      const protocol = big16(u8, frame + at + 6);
      return protocol === PPP_IPV4 ? 4 : protocol === PPP_IPV6 ? 6 : 0;
    }
    default:
      return 0;
  }
}

/** Where the IP header that {@link networkVersion} found begins. */
function networkOffset(u8: Uint8Array, frame: number, at: number, etherType: number): number {
  if (etherType === ETHERTYPE_PPPOE_SESSION) return at + 8;
  if (etherType !== ETHERTYPE_MPLS && etherType !== ETHERTYPE_MPLS_MULTICAST) return at;
  while ((u8[frame + at + 2] & 1) === 0) at += 4;
  return at + 4;
}

function parseIpv4(arena: Arena, slot: number, frame: number, l3: number, length: number): number {
  const { u8, u16, u32 } = arena;
  const ip = frame + l3;
  const headerLength = l3 + 20 <= length ? 4 * (u8[ip] & 15) : 0;
  const total = headerLength === 0 ? 0 : big16(u8, ip + 2);
  // Total length 0: a segment that the sender's network card would have cut; the frame's end counts.
  if (headerLength < 20 || u8[ip] >>> 4 !== 4 || (total !== 0 && total < headerLength)) {
    return malformed(arena, slot, frame);
  }
  const end = total === 0 ? length : Math.min(length, l3 + total);
  const fragment = big16(u8, ip + 6);
  u8[slot + S_FRAGMENT] = fragment & 0x1fff ? FRAGMENT_LATER : fragment & 0x2000 ? FRAGMENT_FIRST : 0;
  u8[slot + S_IP] = 4;
  u8[slot + S_DSCP] = u8[ip + 1] >>> 2;
  u8[slot + S_PROTO] = u8[ip + 9];
  u16[(slot + S_L3) >>> 1] = l3;
  u32[(slot + S_IP_ID) >>> 2] = big16(u8, ip + 4);
  return parseTransport(arena, slot, frame, l3 + headerLength, end, ip + 12, 4);
}

function parseIpv6(arena: Arena, slot: number, frame: number, l3: number, length: number): number {
  const { u8, u16, u32 } = arena;
  const ip = frame + l3;
  if (l3 + 40 > length || u8[ip] >>> 4 !== 6) return malformed(arena, slot, frame);
  const payload = big16(u8, ip + 4);
  const end = payload === 0 ? length : Math.min(length, l3 + 40 + payload);
  u8[slot + S_IP] = 6;
  u8[slot + S_DSCP] = (big16(u8, ip) >>> 6) & 0x3f;
  u16[(slot + S_L3) >>> 1] = l3;
  let proto = u8[ip + 6];
  let at = l3 + 40;
  while (at + 8 <= end) {
    let size = 8;
    if (proto === PROTO_HOP_BY_HOP || proto === PROTO_ROUTING || proto === PROTO_DESTINATION_OPTIONS) {
      size = 8 * (u8[frame + at + 1] + 1);
    } else if (proto === PROTO_AH) {
      size = 4 * (u8[frame + at + 1] + 2);
    } else if (proto === PROTO_FRAGMENT) {
      const field = big16(u8, frame + at + 2);
      u8[slot + S_FRAGMENT] = field & 0xfff8 ? FRAGMENT_LATER : field & 1 ? FRAGMENT_FIRST : FRAGMENT_ATOMIC;
      u32[(slot + S_IP_ID) >>> 2] = (big16(u8, frame + at + 4) << 16) | big16(u8, frame + at + 6);
    } else {
      break;
    }
    proto = u8[frame + at];
    at += size;
    if (u8[slot + S_FRAGMENT] === FRAGMENT_LATER) break;
  }
  u8[slot + S_PROTO] = proto;
  return parseTransport(arena, slot, frame, at, end, ip + 8, 16);
}

/** Ports, TCP flags and payload; writes the key with the addresses of `size` bytes at `source` and behind. */
function parseTransport(
  arena: Arena,
  slot: number,
  frame: number,
  l4: number,
  end: number,
  source: number,
  size: number,
): number {
  const { u8, u16 } = arena;
  const proto = u8[slot + S_PROTO];
  const ported = hasPorts(proto);
  const later = u8[slot + S_FRAGMENT] === FRAGMENT_LATER;
  let sourcePort = 0;
  let destinationPort = 0;
  let result = ported ? (later ? LATER_FRAGMENT : NO_PORTS) : 0;
  if (l4 <= end) u16[(slot + S_L4) >>> 1] = l4;
  if (!later && ported && l4 + 4 <= end) {
    sourcePort = big16(u8, frame + l4);
    destinationPort = big16(u8, frame + l4 + 2);
    result = 0;
    parsePayload(arena, slot, frame, l4, end, proto);
  }
  if (!later && l4 < end && isIcmpError(u8[slot + S_IP], proto, u8[frame + l4])) result = ICMP_ERROR;
  connectionKey(arena, slot, source, size, sourcePort, destinationPort);
  return result;
}

function parsePayload(arena: Arena, slot: number, frame: number, l4: number, end: number, proto: number): void {
  const { u8, u16 } = arena;
  let payload = 0;
  if (proto === PROTO_TCP) {
    if (l4 + 14 <= end) u8[slot + S_TCP_FLAGS] = u8[frame + l4 + 13];
    const header = l4 + 20 <= end ? 4 * (u8[frame + l4 + 12] >>> 4) : 0;
    if (header >= 20 && l4 + header <= end) payload = l4 + header;
  } else if (proto === PROTO_UDP || proto === PROTO_UDP_LITE) {
    if (l4 + 8 <= end) payload = l4 + 8;
  }
  if (payload === 0) return;
  u16[(slot + S_PAYLOAD) >>> 1] = payload;
  u16[(slot + S_PAYLOAD_LEN) >>> 1] = end - payload;
}

/** ICMP: unreachable, source quench, redirect, time exceeded, parameter problem; ICMPv6: types 1 to 4. */
function isIcmpError(version: number, proto: number, type: number): boolean {
  if (version === 4) return proto === PROTO_ICMP && ((type >= 3 && type <= 5) || type === 11 || type === 12);
  return proto === PROTO_ICMPV6 && type >= 1 && type <= 4;
}

function malformed(arena: Arena, slot: number, frame: number): number {
  layer2Key(arena, slot, frame, arena.u16[(slot + S_ETHERTYPE) >>> 1]);
  return MALFORMED_IP;
}

function connectionKey(
  arena: Arena,
  slot: number,
  source: number,
  size: number,
  sourcePort: number,
  destinationPort: number,
): void {
  const { u8, u16 } = arena;
  const key = slot + S_KEY;
  let order = 0;
  for (let i = 0; i < size && order === 0; i++) order = u8[source + i] - u8[source + size + i];
  const swapped = order > 0 || (order === 0 && sourcePort > destinationPort);
  const a = swapped ? source + size : source;
  const b = swapped ? source : source + size;
  for (let i = 0; i < size; i++) {
    u8[key + K_ADDR_A + 16 - size + i] = u8[a + i];
    u8[key + K_ADDR_B + 16 - size + i] = u8[b + i];
  }
  u16[(key + K_PORT_A) >>> 1] = swapped ? destinationPort : sourcePort;
  u16[(key + K_PORT_B) >>> 1] = swapped ? sourcePort : destinationPort;
  u8[key + K_PROTO] = u8[slot + S_PROTO];
  u8[key + K_IP] = u8[slot + S_IP];
  u8[slot + S_SRC_IS_B] = swapped ? 1 : 0;
}

/** The key of frames that are not IP, or malformed: EtherType and MAC pair. */
function layer2Key(arena: Arena, slot: number, frame: number, etherType: number): void {
  const { u8, u16 } = arena;
  const key = slot + S_KEY;
  let order = 0;
  for (let i = 0; i < 6 && order === 0; i++) order = u8[frame + 6 + i] - u8[frame + i];
  const swapped = order > 0;
  const a = swapped ? frame : frame + 6;
  const b = swapped ? frame + 6 : frame;
  for (let i = 0; i < 6; i++) {
    u8[key + K_ADDR_A + 10 + i] = u8[a + i];
    u8[key + K_ADDR_B + 10 + i] = u8[b + i];
  }
  u16[(key + K_PORT_A) >>> 1] = etherType;
  u8[key + K_PROTO] = PROTO_LAYER_2;
  u8[slot + S_SRC_IS_B] = swapped ? 1 : 0;
}

function big16(u8: Uint8Array, at: number): number {
  return (u8[at] << 8) | u8[at + 1];
}
