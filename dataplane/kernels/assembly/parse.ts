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
  FRAME_MAX,
  FRAME_MIN,
  K_ADDR_A,
  K_ADDR_B,
  K_HERE,
  K_PORT_A,
  K_PROTO,
  K_VLAN_1,
  NO_VLAN,
  PPP_IPV4,
  PPP_IPV6,
  PROTO_AH,
  PROTO_DCCP,
  PROTO_DESTINATION_OPTIONS,
  PROTO_FRAGMENT,
  PROTO_HOP_BY_HOP,
  PROTO_ICMP,
  PROTO_ICMPV6,
  PROTO_LAYER_2,
  PROTO_ROUTING,
  PROTO_SCTP,
  PROTO_TCP,
  PROTO_UDP,
  PROTO_UDP_LITE,
  REASON_ICMP_ERROR,
  REASON_LATER_FRAGMENT,
  REASON_MALFORMED_IP,
  REASON_NOT_IP,
  REASON_NO_PORTS,
  REASON_OVERSIZE,
  REASON_RUNT,
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
} from './layout';
import { Memory, Mix } from './memory';

/**
 * Kernel `parse`. Each frame's key is hashed while the next frame is parsed: a load that spans several fresh stores
 * would have to wait for them.
 */
export function parse(list: usize, n: u32, seedLo: u32, seedHi: u32, way: u32): void {
  const seed0 = seedPair(seedLo, seedHi, 0);
  const seed1 = seedPair(seedLo, seedHi, 2);
  const seed2 = seedPair(seedLo, seedHi, 4);
  const seed3 = seedPair(seedLo, seedHi, 6);
  const seed4 = seedPair(seedLo, seedHi, 8);
  const seed5 = seedPair(seedLo, seedHi, 10);
  const slots = Memory.firstSlot();
  let parsed: usize = 0;
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    if (load<u16>(slot, S_REASON)) continue;
    const length = load<u32>(slot, S_LEN);
    if (length - FRAME_MIN > FRAME_MAX - FRAME_MIN) {
      store<u16>(slot, <u16>(length < FRAME_MIN ? REASON_RUNT : REASON_OVERSIZE), S_REASON);
      continue;
    }
    store<u16>(slot, <u16>parseFrame(slot, length), S_REASON);
    if (parsed) {
      store<u32>(parsed, Key.hash(parsed + S_KEY, seed0, seed1, seed2, seed3, seed4, seed5), S_HASH);
      if (way) Key.tellHere(parsed, way);
    }
    parsed = slot;
  }
  if (!parsed) return;
  store<u32>(parsed, Key.hash(parsed + S_KEY, seed0, seed1, seed2, seed3, seed4, seed5), S_HASH);
  if (way) Key.tellHere(parsed, way);
}

/** Two words of NH's key; see dataplane/headers/key-hash.ts. */
function seedPair(seedLo: u32, seedHi: u32, i: u32): u64 {
  const low = Mix.mix32(Mix.mix32(seedLo + i * 0x9e3779b9) ^ seedHi);
  const high = Mix.mix32(Mix.mix32(seedLo + (i + 1) * 0x9e3779b9) ^ seedHi);
  return ((<u64>high) << 32) | low;
}

/** Parses one frame into its slot and returns the reason to leave the fast path. */
function parseFrame(slot: usize, length: u32): u32 {
  const frame = slot + load<u32>(slot, S_OFF);
  const flags = (<u32>load<u16>(slot, S_FLAGS)) & ~SF_MULTICAST;
  store<u16>(slot, <u16>(flags | (load<u8>(frame) & 1 ? SF_MULTICAST : 0)), S_FLAGS);
  const zero = i64x2.splat(0);
  v128.store(slot, zero, S_ETHERTYPE);
  v128.store(slot, zero, S_ETHERTYPE + 16);
  v128.store(slot, zero, S_KEY);
  v128.store(slot, zero, S_KEY + 16);

  let type = Memory.big16(frame + 12);
  let at: u32 = 14;
  let vlans: u32 = 0xffffffff;
  let tags: u32 = 0;
  while (type === ETHERTYPE_VLAN || type === ETHERTYPE_SERVICE_VLAN || type === ETHERTYPE_OLD_SERVICE_VLAN) {
    if (at + 4 > length) break;
    const vlan = Memory.big16(frame + at) & 0xfff;
    if (tags === 0) vlans = (NO_VLAN << 16) | vlan;
    else if (tags === 1) vlans = (vlans & 0xffff) | (vlan << 16);
    tags++;
    type = Memory.big16(frame + at + 2);
    at += 4;
  }
  if (type < ETHERTYPE_MIN) {
    if (isSnap(frame + at, length - at)) {
      type = Memory.big16(frame + at + 6);
      at += 8;
    } else {
      type = 0;
    }
  }
  store<u16>(slot, <u16>type, S_ETHERTYPE);
  store<u8>(slot, <u8>min<u32>(tags, 255), S_TAGS);
  store<u64>(slot, <u64>vlans, S_KEY + K_VLAN_1);

  if (type === ETHERTYPE_IPV4) return parseIpv4(slot, frame, at, length);
  if (type === ETHERTYPE_IPV6) return parseIpv6(slot, frame, at, length);
  if (type === ETHERTYPE_MPLS || type === ETHERTYPE_MPLS_MULTICAST) return parseMpls(slot, frame, at, length);
  if (type === ETHERTYPE_PPPOE_SESSION && at + 8 <= length && load<u8>(frame + at, 1) === 0) {
    const protocol = Memory.big16(frame + at + 6);
    if (protocol === PPP_IPV4) return parseIpv4(slot, frame, at + 8, length);
    if (protocol === PPP_IPV6) return parseIpv6(slot, frame, at + 8, length);
  }
  return layer2Key(slot, frame, REASON_NOT_IP);
}

/** LLC aa-aa-03 with OUI 0: an EtherType follows (RFC 1042). */
function isSnap(at: usize, length: u32): bool {
  return length >= 8 && load<u32>(at) === 0x0003aaaa && load<u16>(at, 4) === 0;
}

function parseMpls(slot: usize, frame: usize, at: u32, length: u32): u32 {
  for (; at + 4 <= length; at += 4) {
    if ((load<u8>(frame + at, 2) & 1) === 0) continue;
    at += 4;
    const nibble = at < length ? load<u8>(frame + at) >> 4 : 0;
    if (nibble === 4) return parseIpv4(slot, frame, at, length);
    if (nibble === 6) return parseIpv6(slot, frame, at, length);
    break;
  }
  return layer2Key(slot, frame, REASON_NOT_IP);
}

function parseIpv4(slot: usize, frame: usize, l3: u32, length: u32): u32 {
  const ip = frame + l3;
  const first: u32 = l3 + 20 <= length ? <u32>load<u8>(ip) : 0;
  const headerLength = (first & 15) << 2;
  const total = headerLength ? Memory.big16(ip + 2) : 0;
  if (first >> 4 !== 4 || headerLength < 20 || (total !== 0 && total < headerLength)) {
    return layer2Key(slot, frame, REASON_MALFORMED_IP);
  }
  const end = total ? min(length, l3 + total) : length;
  const field = Memory.big16(ip + 6);
  const fragment = field & 0x1fff ? FRAGMENT_LATER : field & 0x2000 ? FRAGMENT_FIRST : 0;
  const proto = <u32>load<u8>(ip, 9);
  const dscp = (<u32>load<u8>(ip, 1)) >> 2;
  store<u16>(slot, <u16>l3, S_L3);
  store<u8>(slot, <u8>fragment, S_FRAGMENT);
  store<u8>(slot, 4, S_IP);
  store<u8>(slot, <u8>dscp, S_DSCP);
  store<u32>(slot, Memory.big16(ip + 4), S_IP_ID);
  const ports = Transport.parse(slot, frame, l3 + headerLength, end, proto, fragment, 4);
  const source = load<u32>(ip, 12);
  const destination = load<u32>(ip, 16);
  const a = bswap<u32>(source);
  const b = bswap<u32>(destination);
  const swapped = a > b || (a === b && (<u32>ports) >> 16 < ((<u32>ports) & 0xffff));
  store<u32>(slot, swapped ? destination : source, S_KEY + K_ADDR_A + 12);
  store<u32>(slot, swapped ? source : destination, S_KEY + K_ADDR_B + 12);
  return Key.finish(slot, <u32>ports, proto, 4, swapped, <u32>(ports >> 32));
}

function parseIpv6(slot: usize, frame: usize, l3: u32, length: u32): u32 {
  const ip = frame + l3;
  if (l3 + 40 > length || load<u8>(ip) >> 4 !== 6) return layer2Key(slot, frame, REASON_MALFORMED_IP);
  const payload = Memory.big16(ip + 4);
  const end = payload ? min(length, l3 + 40 + payload) : length;
  let proto = <u32>load<u8>(ip, 6);
  let at = l3 + 40;
  let fragment: u32 = 0;
  while (at + 8 <= end) {
    const header = frame + at;
    if (proto === PROTO_HOP_BY_HOP || proto === PROTO_ROUTING || proto === PROTO_DESTINATION_OPTIONS) {
      at += (<u32>load<u8>(header, 1) + 1) << 3;
    } else if (proto === PROTO_AH) {
      at += (<u32>load<u8>(header, 1) + 2) << 2;
    } else if (proto === PROTO_FRAGMENT) {
      const field = Memory.big16(header + 2);
      fragment = field & 0xfff8 ? FRAGMENT_LATER : field & 1 ? FRAGMENT_FIRST : FRAGMENT_ATOMIC;
      store<u32>(slot, bswap<u32>(load<u32>(header, 4)), S_IP_ID);
      at += 8;
    } else {
      break;
    }
    proto = <u32>load<u8>(header);
    if (fragment === FRAGMENT_LATER) break;
  }
  store<u16>(slot, <u16>l3, S_L3);
  store<u8>(slot, <u8>fragment, S_FRAGMENT);
  store<u8>(slot, 6, S_IP);
  store<u8>(slot, <u8>((Memory.big16(ip) >> 6) & 0x3f), S_DSCP);
  const ports = Transport.parse(slot, frame, at, end, proto, fragment, 6);
  const sourceHigh = load<u64>(ip, 8);
  const sourceLow = load<u64>(ip, 16);
  const destinationHigh = load<u64>(ip, 24);
  const destinationLow = load<u64>(ip, 32);
  let swapped: bool;
  if (sourceHigh !== destinationHigh) swapped = bswap<u64>(sourceHigh) > bswap<u64>(destinationHigh);
  else if (sourceLow !== destinationLow) swapped = bswap<u64>(sourceLow) > bswap<u64>(destinationLow);
  else swapped = (<u32>ports) >> 16 < ((<u32>ports) & 0xffff);
  store<u64>(slot, swapped ? destinationHigh : sourceHigh, S_KEY + K_ADDR_A);
  store<u64>(slot, swapped ? destinationLow : sourceLow, S_KEY + K_ADDR_A + 8);
  store<u64>(slot, swapped ? sourceHigh : destinationHigh, S_KEY + K_ADDR_B);
  store<u64>(slot, swapped ? sourceLow : destinationLow, S_KEY + K_ADDR_B + 8);
  return Key.finish(slot, <u32>ports, proto, 6, swapped, <u32>(ports >> 32));
}

/** The key of frames that are not IP, or malformed: EtherType and MAC pair. Returns `reason`. */
function layer2Key(slot: usize, frame: usize, reason: u32): u32 {
  const destination = load<u32>(frame) | ((<u64>load<u16>(frame, 4)) << 32);
  const source = load<u32>(frame, 6) | ((<u64>load<u16>(frame, 10)) << 32);
  const swapped = bswap<u64>(source) > bswap<u64>(destination);
  const network = <u32>load<u16>(slot, S_NETWORK);
  store<u64>(slot, (swapped ? destination : source) << 16, S_KEY + K_ADDR_A + 8);
  store<u64>(slot, (swapped ? source : destination) << 16, S_KEY + K_ADDR_B + 8);
  store<u32>(slot, <u32>load<u16>(slot, S_ETHERTYPE), S_KEY + K_PORT_A);
  store<u32>(slot, PROTO_LAYER_2 | (network << 16), S_KEY + K_PROTO);
  store<u8>(slot, <u8>swapped, S_SRC_IS_B);
  return reason;
}

/** The transport header. */
class Transport {
  @inline static hasPorts(proto: u32): bool {
    return (
      proto === PROTO_TCP ||
      proto === PROTO_UDP ||
      proto === PROTO_UDP_LITE ||
      proto === PROTO_SCTP ||
      proto === PROTO_DCCP
    );
  }

  /** Reason in the high word, source port in bits 0–15, destination port in bits 16–31. */
  @inline static parse(slot: usize, frame: usize, l4: u32, end: u32, proto: u32, fragment: u32, version: u32): u64 {
    if (l4 <= end) store<u16>(slot, <u16>l4, S_L4);
    const header = frame + l4;
    if (fragment === FRAGMENT_LATER) return Transport.hasPorts(proto) ? (<u64>REASON_LATER_FRAGMENT) << 32 : 0;
    if (!Transport.hasPorts(proto)) {
      if (l4 < end && Transport.isIcmpError(version, proto, <u32>load<u8>(header)))
        return (<u64>REASON_ICMP_ERROR) << 32;
      return 0;
    }
    if (l4 + 4 > end) return (<u64>REASON_NO_PORTS) << 32;
    let payload: u32 = 0;
    if (proto === PROTO_TCP) {
      if (l4 + 14 <= end) store<u8>(slot, load<u8>(header, 13), S_TCP_FLAGS);
      const size = l4 + 20 <= end ? ((<u32>load<u8>(header, 12)) >> 4) << 2 : 0;
      if (size >= 20 && l4 + size <= end) payload = l4 + size;
    } else if (proto === PROTO_UDP || proto === PROTO_UDP_LITE) {
      if (l4 + 8 <= end) payload = l4 + 8;
    }
    if (payload) store<u32>(slot, payload | ((end - payload) << 16), S_PAYLOAD);
    return <u64>(Memory.big16(header) | (Memory.big16(header + 2) << 16));
  }

  /** ICMP: unreachable, source quench, redirect, time exceeded, parameter problem; ICMPv6: types 1 to 4. */
  @inline static isIcmpError(version: u32, proto: u32, type: u32): bool {
    if (version === 4) return proto === PROTO_ICMP && (type - 3 <= 2 || type - 11 <= 1);
    return proto === PROTO_ICMPV6 && type - 1 <= 3;
  }
}

/** The canonical key at S_KEY. */
class Key {
  @inline static nh(word: u64, seed: u64): u64 {
    return <u64>(<u32>word + <u32>seed) * <u64>(<u32>(word >> 32) + <u32>(seed >> 32));
  }

  @inline static hash(key: usize, s0: u64, s1: u64, s2: u64, s3: u64, s4: u64, s5: u64): u32 {
    let sum =
      Key.nh(load<u64>(key), s0) +
      Key.nh(load<u64>(key, 8), s1) +
      Key.nh(load<u64>(key, 16), s2) +
      Key.nh(load<u64>(key, 24), s3) +
      Key.nh(load<u64>(key, 32), s4) +
      Key.nh(load<u64>(key, 40), s5);
    sum = (sum ^ (sum >> 32)) * 0x9e3779b97f4a7c15;
    const hash = <u32>(sum ^ (sum >> 32));
    return hash < 2 ? hash + 2 : hash;
  }

  /** Which end stands on the network: the sender of a frame that enters, the receiver of one that leaves. */
  @inline static tellHere(slot: usize, way: u32): void {
    store<u32>(slot, 1 + ((<u32>load<u8>(slot, S_SRC_IS_B)) ^ (way - 1)), S_KEY + K_HERE);
  }

  /** The key behind its addresses, S_PROTO and S_SRC_IS_B; returns `reason`. */
  @inline static finish(slot: usize, ports: u32, proto: u32, version: u32, swapped: bool, reason: u32): u32 {
    const network = <u32>load<u16>(slot, S_NETWORK);
    store<u8>(slot, <u8>proto, S_PROTO);
    store<u32>(slot, swapped ? rotl<u32>(ports, 16) : ports, S_KEY + K_PORT_A);
    store<u32>(slot, proto | (version << 8) | (network << 16), S_KEY + K_PROTO);
    store<u8>(slot, <u8>swapped, S_SRC_IS_B);
    return reason;
  }
}
