import {
  DF_FULL_ROUTE,
  DF_REEMITTED,
  DF_REPLICA,
  DF_REVERSE,
  DF_UNICAST,
  D_COUNT,
  D_FIXED,
  D_FLAGS,
  D_LIST,
  D_SEQUENCE,
  FS_FULL_ROUTE,
  FS_REPLICA,
  FS_SLOW,
  F_BYTES_FWD,
  F_BYTES_REV,
  F_COUNT,
  F_FENCED,
  F_ID,
  F_LAST,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_PACKETS_FWD,
  F_PACKETS_REV,
  F_PATH,
  F_PREV_FWD,
  F_PREV_REV,
  F_SEQ_FWD,
  F_SEQ_REV,
  F_SHADOW_FWD,
  F_SHADOW_REV,
  F_STATE,
  F_TYPE,
  F_WIN_FWD_BITS,
  F_WIN_FWD_MAX,
  F_WIN_FWD_STAMP,
  F_WIN_REV_BITS,
  F_WIN_REV_MAX,
  F_WIN_REV_STAMP,
  F_WIRE,
  MARKER_V1,
  PATH_COUNT_MAX,
  REASON_DUPLICATE,
  REASON_FENCED,
  REASON_NO_PATH,
  REASON_REPLAY_OLD,
  REASON_SLOW_FLOW,
  REASON_UNKNOWN_FLOW,
  SF_END,
  SF_MULTICAST,
  SF_START,
  S_DESCRIPTOR,
  S_DESC_LEN,
  S_FLAGS,
  S_FLOW,
  S_FROM,
  S_LEN,
  S_REASON,
  S_REVERSE,
  S_SEQ,
  S_SHADOW,
  S_TIME,
  S_TO,
} from './layout';
import { Memory } from './memory';

/** Kernel `stamp`: touches the batch's flow entries first, so that their cache misses overlap. */
export function stamp(self: u32, list: usize, n: u32): void {
  const slots = Memory.firstSlot();
  let touched: u64 = 0;
  let next: u32 = 0;
  for (; next + 4 <= n; next += 4) {
    touched += Stamp.touch(slots, list, next);
    touched += Stamp.touch(slots, list, next + 1);
    touched += Stamp.touch(slots, list, next + 2);
    touched += Stamp.touch(slots, list, next + 3);
  }
  for (; next < n; next++) touched += Stamp.touch(slots, list, next);
  Memory.keep(touched, list);
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    if (!load<u16>(slot, S_REASON)) store<u16>(slot, <u16>Stamp.apply(self, slot), S_REASON);
  }
}

/** Elements of a list that one vector takes. */
const SHORT: u32 = 8;

/** What `stamp` writes. Static methods, because they can be marked for inlining. */
class Stamp {
  /** Brings in both lines of the flow entry of a batch's `i`-th frame; without a branch, which would hold up the loads. */
  @inline static touch(slots: usize, list: usize, i: u32): u64 {
    const slot = Memory.slotAt(slots, list, i);
    const flow: usize = select<u32>(load<u32>(slot, S_FLOW), 0, load<u16>(slot, S_REASON) === 0);
    return <u64>load<u32>(flow, F_ID) + <u64>load<u32>(flow, F_PACKETS_FWD);
  }

  @inline static apply(self: u32, slot: usize): u32 {
    const flow: usize = load<u32>(slot, S_FLOW);
    if (!flow) return REASON_UNKNOWN_FLOW;
    const state = load<u32>(flow, F_STATE);
    if (state & FS_SLOW) return REASON_SLOW_FLOW;
    const path: usize = load<u32>(flow, F_PATH);
    const count = <u32>load<u8>(flow, F_COUNT);
    if (!path || count - 1 >= PATH_COUNT_MAX) return REASON_NO_PATH;

    const reverse = <u32>load<u8>(slot, S_REVERSE);
    // Loaded before the counter in it is stored: a load that spans a fresh store waits for it.
    const entry = v128.load(flow);
    const counter = flow + (reverse ? F_SEQ_REV : F_SEQ_FWD);
    let sequence = load<u32>(counter) + 1;
    if (sequence === 0) sequence = 1; // 0 means unsequenced
    store<u32>(counter, sequence);
    store<u32>(slot, sequence, S_SEQ);
    Flow.count(slot, flow, reverse);

    const frameFlags = <u32>load<u16>(slot, S_FLAGS);
    const flags =
      (frameFlags & (SF_START | SF_END)) |
      (frameFlags & SF_MULTICAST ? 0 : DF_UNICAST) |
      (state & FS_REPLICA ? DF_REPLICA : 0) |
      (reverse ? DF_REVERSE : 0) |
      (state & FS_FULL_ROUTE ? DF_FULL_ROUTE : 0);
    const descriptor = slot + S_DESCRIPTOR;
    v128.store(descriptor, i64x2(<i64>bswap<u16>(<u16>MARKER_V1), 0));
    store<u64>(descriptor, 0, 16);
    v128.store(descriptor, Stamp.headOf(entry, flags, sequence, load<f64>(slot, S_TIME)), D_FLAGS);
    store<u8>(descriptor, <u8>count, D_COUNT);
    Stamp.writeList(descriptor + D_LIST, path, count, reverse);
    Flow.nameNext(slot, flow, self);
    const length = D_FIXED + 2 * count;
    store<u8>(descriptor + length - 1, <u8>length);
    store<u16>(slot, <u16>length, S_DESC_LEN);
    return 0;
  }

  /** The 16 bytes from D_FLAGS on: flags, wire ID, flow type, flow ID, sequence, ingress time, in network order. */
  @inline static headOf(entry: v128, flags: u32, sequence: u32, timeUs: f64): v128 {
    // Added to 2^52, a whole number lies in the low bits of the sum: its low 32 bits are those of the time.
    const time = <u32>reinterpret<u64>(floor(timeUs) + 4503599627370496.0);
    const counted = i64x2(<i64>(((<u64>sequence) << 32) | flags), <i64>time);
    return v128.shuffle<u8>(entry, counted, 16, 10, 9, 8, 3, 2, 1, 0, 23, 22, 21, 20, 27, 26, 25, 24);
  }

  /** Lists of up to SHORT elements are written in one piece, with zeros behind them. */
  @inline static writeList(to: usize, path: usize, count: u32, reverse: u32): void {
    if (count <= SHORT) {
      const size = i8x16.splat(<i8>(2 * count));
      const places = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
      const list = v128.load(path);
      if (reverse) {
        // Turned around as a whole, a list that is not full stands at the end.
        const turned = v128.shuffle<u16>(list, list, 7, 6, 5, 4, 3, 2, 1, 0);
        v128.store(to, v128.swizzle(turned, i8x16.add(places, i8x16.sub(i8x16.splat(16), size))));
      } else {
        v128.store(to, v128.and(list, i8x16.lt_s(places, size)));
      }
      return;
    }
    if (reverse) {
      for (let from = path + 2 * (count - 1); from >= path; from -= 2, to += 2) store<u16>(to, load<u16>(from));
      return;
    }
    const end = path + 2 * count;
    for (; path + 8 <= end; path += 8, to += 8) store<u64>(to, load<u64>(path));
    for (; path < end; path += 2, to += 2) store<u16>(to, load<u16>(path));
  }
}

/** Kernel `advance`. */
export function advance(self: u32, list: usize, n: u32): void {
  const slots = Memory.firstSlot();
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    if (load<u16>(slot, S_REASON)) continue;
    const flow: usize = load<u32>(slot, S_FLOW);
    if (!flow) {
      store<u16>(slot, <u16>REASON_UNKNOWN_FLOW, S_REASON);
      continue;
    }
    const flags = slot + S_DESCRIPTOR + D_FLAGS;
    store<u8>(flags, load<u8>(flags) & (<u8>~DF_REEMITTED));
    Flow.nameNext(slot, flow, self);
  }
}

/** Kernel `admit`. */
export function admit(_self: u32, list: usize, n: u32): void {
  const slots = Memory.firstSlot();
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    if (load<u16>(slot, S_REASON)) continue;
    const flow: usize = load<u32>(slot, S_FLOW);
    const reverse = <u32>load<u8>(slot, S_REVERSE);
    const refused = refuse(slot, flow, reverse);
    if (refused) {
      store<u16>(slot, <u16>refused, S_REASON);
      continue;
    }
    store<u16>(flow + (reverse ? F_PREV_REV : F_PREV_FWD), load<u16>(slot, S_FROM));
    Flow.count(slot, flow, reverse);
  }
}

/** Why the frame is not admitted; marks its sequence as seen if it is. */
function refuse(slot: usize, flow: usize, reverse: u32): u32 {
  if (!flow) return REASON_UNKNOWN_FLOW;
  if (load<u32>(flow, F_STATE) & FS_SLOW) return REASON_SLOW_FLOW;
  const fenced = load<u64>(flow, F_FENCED);
  if (fenced) {
    const from = <u32>load<u16>(slot, S_FROM);
    for (let i = 0; i < 4; i++) {
      if (from !== 0 && <u32>load<u16>(flow + 2 * i, F_FENCED) === from) return REASON_FENCED;
    }
  }
  const sequence = load<u32>(slot, S_SEQ);
  return sequence ? judge(slot, flow, reverse, sequence) : 0;
}

/** The 64-bit sliding window of one direction: bit d says whether sequence max − d was seen. */
function judge(slot: usize, flow: usize, reverse: u32, sequence: u32): u32 {
  const max = flow + (reverse ? F_WIN_REV_MAX : F_WIN_FWD_MAX);
  const bits = flow + (reverse ? F_WIN_REV_BITS : F_WIN_FWD_BITS);
  const stampedBy = flow + (reverse ? F_WIN_REV_STAMP : F_WIN_FWD_STAMP);
  const first = <u32>load<u16>(slot, S_DESCRIPTOR + D_LIST);
  const stamper = ((first & 0xff) << 7) | ((first >> 8) & 0x7f);
  const ahead = <i32>(sequence - load<u32>(max));
  if (<u32>load<u16>(stampedBy) !== stamper || ahead >= 64) {
    store<u16>(stampedBy, <u16>stamper);
    store<u32>(max, sequence);
    store<u64>(bits, 1);
    return 0;
  }
  const seen = load<u64>(bits);
  if (ahead > 0) {
    store<u32>(max, sequence);
    store<u64>(bits, (seen << ahead) | 1);
    return 0;
  }
  const behind = <u32>-ahead;
  if (behind >= 64) return REASON_REPLAY_OLD;
  const bit: u64 = 1 << (<u64>behind);
  if (seen & bit) return REASON_DUPLICATE;
  store<u64>(bits, seen | bit);
  return 0;
}

/** What both ends of a hop do with a flow's entry. */
class Flow {
  /** Counts the frame in its flow. */
  @inline static count(slot: usize, flow: usize, reverse: u32): void {
    const packets = flow + (reverse ? F_PACKETS_REV : F_PACKETS_FWD);
    const bytes = flow + (reverse ? F_BYTES_REV : F_BYTES_FWD);
    store<u32>(packets, load<u32>(packets) + 1);
    store<f64>(bytes, load<f64>(bytes) + <f64>load<u32>(slot, S_LEN));
    store<u64>(flow, load<u64>(slot, S_TIME), F_LAST);
  }

  /** Signs the list as processed here, names the emitter of the next cluster, and sets S_TO and S_SHADOW. */
  @inline static nameNext(slot: usize, flow: usize, self: u32): void {
    const reverse = load<u8>(slot, S_REVERSE);
    const next = <u32>load<u16>(flow + (reverse ? F_NEXT_REV : F_NEXT_FWD));
    const shadow = load<u16>(flow + (reverse ? F_SHADOW_REV : F_SHADOW_FWD));
    store<u16>(slot, <u16>next, S_TO);
    store<u16>(slot, shadow, S_SHADOW);
    const list = slot + S_DESCRIPTOR + D_LIST;
    const count = <u32>load<u8>(slot, S_DESCRIPTOR + D_COUNT);
    if (count <= SHORT) {
      const elements = v128.load(list);
      const within = ((1 << (2 * count)) - 1) & CLUSTERS;
      Flow.nameShort(list, elements, within, self >> 7, 0x80 | (self & 0x7f));
      if (next) Flow.nameShort(list, elements, within, next >> 7, next & 0x7f);
      return;
    }
    nameNode(list, count, self >> 7, 0x80 | (self & 0x7f));
    if (next) nameNode(list, count, next >> 7, next & 0x7f);
  }

  /** As {@link nameNode}, in a list that was loaded: bit b of `within` says that byte b is a cluster's. */
  @inline static nameShort(list: usize, elements: v128, within: u32, cluster: u32, value: u32): void {
    const places = (<u32>i8x16.bitmask(i8x16.eq(elements, i8x16.splat(<i8>cluster)))) & within;
    if (places) store<u8>(list + <usize>ctz(places), <u8>value, 1);
  }
}

/** Bits of the bytes of a list that name clusters. */
const CLUSTERS: u32 = 0x5555;

/** Writes the second byte of the first element of `cluster`, if the list has one. */
function nameNode(list: usize, count: u32, cluster: u32, value: u32): void {
  const end = list + 2 * count;
  for (let at = list; at < end; at += 2) {
    if (<u32>load<u8>(at) !== cluster) continue;
    store<u8>(at, <u8>value, 1);
    return;
  }
}
