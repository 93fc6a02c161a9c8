import { clusterOf, nodeOf, nodeRef, type NodeRef } from '../../../domain/base/ids';
import type { Arena } from '../../frames/arena';
import {
  DF_FULL_ROUTE,
  DF_REEMITTED,
  DF_REPLICA,
  DF_REVERSE,
  DF_UNICAST,
  D_COUNT,
  D_FIXED,
  D_FLAGS,
  D_FLOW_ID,
  D_FLOW_TYPE,
  D_INGRESS_TIME,
  D_LIST,
  D_MARKER,
  D_SEQUENCE,
  D_WIRE_ID,
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
} from '../../frames/layout';
import { reason } from '../../frames/reasons';

const UNKNOWN_FLOW = reason('unknown-flow');
const SLOW_FLOW = reason('slow-flow');
const NO_PATH = reason('no-path');
const DUPLICATE = reason('duplicate');
const REPLAY_OLD = reason('replay-old');
const FENCED = reason('fenced');

/** Twin of kernel `stamp`; see {@link Kernels.stamp}. */
export function stamp(arena: Arena, self: NodeRef, list: number, n: number): void {
  const { u16, u32 } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    if (u16[(slot + S_REASON) >>> 1] === 0) u16[(slot + S_REASON) >>> 1] = stampFrame(arena, self, slot);
  }
}

function stampFrame(arena: Arena, self: NodeRef, slot: number): number {
  const { u8, u16, u32, view } = arena;
  const flow = u32[(slot + S_FLOW) >>> 2];
  if (flow === 0) return UNKNOWN_FLOW;
  const state = u32[(flow + F_STATE) >>> 2];
  if ((state & FS_SLOW) !== 0) return SLOW_FLOW;
  const path = u32[(flow + F_PATH) >>> 2];
  const count = u8[flow + F_COUNT];
  if (path === 0 || count === 0 || count > PATH_COUNT_MAX) return NO_PATH;

  const reverse = u8[slot + S_REVERSE] !== 0;
  const counter = (flow + (reverse ? F_SEQ_REV : F_SEQ_FWD)) >>> 2;
  u32[counter]++;
  if (u32[counter] === 0) u32[counter] = 1; // 0 means unsequenced
  u32[(slot + S_SEQ) >>> 2] = u32[counter];
  countFrame(arena, slot, flow, reverse);

  const descriptor = slot + S_DESCRIPTOR;
  const length = D_FIXED + 2 * count;
  u8.fill(0, descriptor, descriptor + D_FLAGS);
  view.setUint16(descriptor + D_MARKER, MARKER_V1);
  u8[descriptor + D_FLAGS] = descriptorFlags(u16[(slot + S_FLAGS) >>> 1], state, reverse);
  u8[descriptor + D_WIRE_ID] = u8[flow + F_WIRE];
  view.setUint16(descriptor + D_FLOW_TYPE, u16[(flow + F_TYPE) >>> 1]);
  view.setUint32(descriptor + D_FLOW_ID, u32[(flow + F_ID) >>> 2]);
  view.setUint32(descriptor + D_SEQUENCE, u32[counter]);
  view.setUint32(descriptor + D_INGRESS_TIME, Math.trunc(arena.f64[(slot + S_TIME) >>> 3]) % 2 ** 32);
  u8[descriptor + D_COUNT] = count;
  // Short lists are written in one piece of 16 bytes, with zeros behind them, as the compiled kernel does.
  if (count <= 8) u8.fill(0, descriptor + D_LIST, descriptor + D_LIST + 16);
  for (let i = 0; i < count; i++) {
    const from = path + 2 * (reverse ? count - 1 - i : i);
    u8[descriptor + D_LIST + 2 * i] = u8[from];
    u8[descriptor + D_LIST + 2 * i + 1] = u8[from + 1];
  }
  u8[descriptor + length - 1] = length;
  u16[(slot + S_DESC_LEN) >>> 1] = length;
  nameNext(arena, slot, flow, self);
  return 0;
}

function descriptorFlags(frame: number, state: number, reverse: boolean): number {
  return (
    (frame & (SF_START | SF_END)) |
    ((frame & SF_MULTICAST) === 0 ? DF_UNICAST : 0) |
    ((state & FS_REPLICA) !== 0 ? DF_REPLICA : 0) |
    (reverse ? DF_REVERSE : 0) |
    ((state & FS_FULL_ROUTE) !== 0 ? DF_FULL_ROUTE : 0)
  );
}

/** Twin of kernel `advance`; see {@link Kernels.advance}. */
export function advance(arena: Arena, self: NodeRef, list: number, n: number): void {
  const { u8, u16, u32 } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    if (u16[(slot + S_REASON) >>> 1] !== 0) continue;
    const flow = u32[(slot + S_FLOW) >>> 2];
    if (flow === 0) {
      u16[(slot + S_REASON) >>> 1] = UNKNOWN_FLOW;
      continue;
    }
    u8[slot + S_DESCRIPTOR + D_FLAGS] &= ~DF_REEMITTED;
    nameNext(arena, slot, flow, self);
  }
}

/** Signs the list as processed here, names the emitter of the next cluster, and sets S_TO and S_SHADOW. */
function nameNext(arena: Arena, slot: number, flow: number, self: NodeRef): void {
  const { u8, u16 } = arena;
  const reverse = u8[slot + S_REVERSE] !== 0;
  const next = u16[(flow + (reverse ? F_NEXT_REV : F_NEXT_FWD)) >>> 1];
  u16[(slot + S_TO) >>> 1] = next;
  u16[(slot + S_SHADOW) >>> 1] = u16[(flow + (reverse ? F_SHADOW_REV : F_SHADOW_FWD)) >>> 1];
  nameNode(u8, slot + S_DESCRIPTOR, clusterOf(self), 0x80 | nodeOf(self));
  if (next !== 0) nameNode(u8, slot + S_DESCRIPTOR, clusterOf(next), nodeOf(next));
}

/** Writes the second byte of the first element of `cluster`, if the list has one. */
function nameNode(u8: Uint8Array, descriptor: number, cluster: number, value: number): void {
  const end = descriptor + D_LIST + 2 * u8[descriptor + D_COUNT];
  for (let at = descriptor + D_LIST; at < end; at += 2) {
    if (u8[at] !== cluster) continue;
    u8[at + 1] = value;
    return;
  }
}

/** Twin of kernel `admit`; see {@link Kernels.admit}. */
export function admit(arena: Arena, list: number, n: number): void {
  const { u8, u16, u32 } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    if (u16[(slot + S_REASON) >>> 1] !== 0) continue;
    const flow = u32[(slot + S_FLOW) >>> 2];
    const reverse = u8[slot + S_REVERSE] !== 0;
    const refused = refuse(arena, slot, flow, reverse);
    u16[(slot + S_REASON) >>> 1] = refused;
    if (refused !== 0) continue;
    u16[(flow + (reverse ? F_PREV_REV : F_PREV_FWD)) >>> 1] = u16[(slot + S_FROM) >>> 1];
    countFrame(arena, slot, flow, reverse);
  }
}

/** Why the frame is not admitted; marks its sequence as seen if it is. */
function refuse(arena: Arena, slot: number, flow: number, reverse: boolean): number {
  const { u16, u32 } = arena;
  if (flow === 0) return UNKNOWN_FLOW;
  if ((u32[(flow + F_STATE) >>> 2] & FS_SLOW) !== 0) return SLOW_FLOW;
  const from = u16[(slot + S_FROM) >>> 1];
  for (let i = 0; i < 4; i++) {
    if (from !== 0 && u16[(flow + F_FENCED + 2 * i) >>> 1] === from) return FENCED;
  }
  const sequence = u32[(slot + S_SEQ) >>> 2];
  return sequence === 0 ? 0 : judge(arena, slot, flow, reverse, sequence);
}

/** The 64-bit sliding window of one direction: bit d says whether sequence max − d was seen. */
function judge(arena: Arena, slot: number, flow: number, reverse: boolean, sequence: number): number {
  const { u8, u16, u32 } = arena;
  const max = (flow + (reverse ? F_WIN_REV_MAX : F_WIN_FWD_MAX)) >>> 2;
  const low = (flow + (reverse ? F_WIN_REV_BITS : F_WIN_FWD_BITS)) >>> 2;
  const high = low + 1;
  const stampedBy = (flow + (reverse ? F_WIN_REV_STAMP : F_WIN_FWD_STAMP)) >>> 1;
  const first = slot + S_DESCRIPTOR + D_LIST;
  const stamper = nodeRef(u8[first], u8[first + 1] & 0x7f);
  const ahead = (sequence - u32[max]) | 0;

  if (u16[stampedBy] !== stamper || ahead >= 64) {
    u16[stampedBy] = stamper;
    u32[max] = sequence;
    u32[low] = 1;
    u32[high] = 0;
    return 0;
  }
  if (ahead > 0) {
    const seenLow = u32[low];
    const seenHigh = u32[high];
    u32[max] = sequence;
    u32[low] = (ahead < 32 ? seenLow << ahead : 0) | 1;
    u32[high] = ahead < 32 ? (seenHigh << ahead) | (seenLow >>> (32 - ahead)) : seenLow << (ahead - 32);
    return 0;
  }
  const behind = -ahead;
  if (behind >= 64) return REPLAY_OLD;
  const word = behind < 32 ? low : high;
  const bit = 1 << (behind & 31);
  if ((u32[word] & bit) !== 0) return DUPLICATE;
  u32[word] |= bit;
  return 0;
}

function countFrame(arena: Arena, slot: number, flow: number, reverse: boolean): void {
  const { u32, f64 } = arena;
  u32[(flow + (reverse ? F_PACKETS_REV : F_PACKETS_FWD)) >>> 2]++;
  f64[(flow + (reverse ? F_BYTES_REV : F_BYTES_FWD)) >>> 3] += u32[(slot + S_LEN) >>> 2];
  f64[(flow + F_LAST) >>> 3] = f64[(slot + S_TIME) >>> 3];
}
