import type { NodeRef } from '../../../domain/base/ids';
import type { Arena } from '../../frames/arena';
import {
  DF_FLOOD,
  DF_REPLICA,
  D_COUNT,
  D_FLAGS,
  D_LIST,
  FS_FULL_ROUTE,
  F_EMITTER,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_STATE,
  SENDERS_MAX,
  SF_MULTICAST,
  S_DESCRIPTOR,
  S_FLAGS,
  S_FLOW,
  S_FRAGMENT,
  S_FROM,
  S_LEN,
  S_REASON,
  S_REVERSE,
  S_TO,
} from '../../frames/layout';

/** S_FRAGMENT of a datagram's first fragment. */
const FIRST_FRAGMENT = 1;
const NOT_ALL = 0xffff_ffff;

/** Twin of kernel `areKnown`; see {@link Kernels.areKnown}. */
export function areKnown(arena: Arena, self: NodeRef, list: number, n: number): number {
  const { u8, u16, u32 } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    const flow = u32[(slot + S_FLOW) >>> 2];
    if (u16[(slot + S_REASON) >>> 1] !== 0 || u8[slot + S_FRAGMENT] === FIRST_FRAGMENT) return 0;
    if ((u16[(slot + S_FLAGS) >>> 1] & SF_MULTICAST) !== 0) return 0;
    if (flow === 0 || u16[(flow + F_EMITTER) >>> 1] !== self) return 0;
  }
  return 1;
}

/** Twin of kernel `arePlain`; see {@link Kernels.arePlain}. */
export function arePlain(arena: Arena, list: number, n: number): number {
  const { u8, u16, u32 } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    if (u16[(slot + S_REASON) >>> 1] !== 0 || (u8[slot + S_DESCRIPTOR + D_FLAGS] & DF_FLOOD) !== 0) return 0;
  }
  return 1;
}

/** Twin of kernel `survey`; see {@link Kernels.survey}. */
export function survey(arena: Arena, self: NodeRef, list: number, n: number, out: number): number {
  const { u8, u16, u32 } = arena;
  const senders = (out + 8) >>> 2;
  let ordinary = true;
  let bytes = 0;
  let count = 0;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    const flow = u32[(slot + S_FLOW) >>> 2];
    const from = u16[(slot + S_FROM) >>> 1];
    const previous = u16[(flow + (u8[slot + S_REVERSE] === 0 ? F_NEXT_REV : F_NEXT_FWD)) >>> 1];
    const emitter = u16[(flow + F_EMITTER) >>> 1] & 0x7f;
    if (u16[(slot + S_REASON) >>> 1] !== 0 || from !== previous) ordinary = false;
    if (named(u8, slot + S_DESCRIPTOR, self >>> 7) !== emitter) ordinary = false;
    bytes = (bytes + u32[(slot + S_LEN) >>> 2]) >>> 0;
    const known = u32.subarray(senders, senders + Math.min(count, SENDERS_MAX));
    if (from === 0 || known.includes(from)) continue;
    if (count < SENDERS_MAX) u32[senders + count] = from;
    count = Math.min(count + 1, SENDERS_MAX + 1);
  }
  u32[out >>> 2] = bytes;
  u32[(out + 4) >>> 2] = count;
  return Number(ordinary && count <= SENDERS_MAX);
}

/** The node that the first element of a cluster names; −1 when the list has none. */
function named(u8: Uint8Array, descriptor: number, cluster: number): number {
  const end = descriptor + D_LIST + 2 * u8[descriptor + D_COUNT];
  for (let at = descriptor + D_LIST; at < end; at += 2) if (u8[at] === cluster) return u8[at + 1] & 0x7f;
  return -1;
}

/** Twin of kernel `divide`; see {@link Kernels.divide}. */
export function divide(
  arena: Arena,
  self: NodeRef,
  list: number,
  n: number,
  emitting: number,
  shadowing: number,
): number {
  const { u16, u32 } = arena;
  let ordinary = true;
  let emits = 0;
  for (let i = 0; i < n; i++) {
    const number = u32[(list >>> 2) + i];
    const slot = arena.slot(number);
    if (u16[(slot + S_REASON) >>> 1] !== 0) ordinary = false;
    u32[(emitting >>> 2) + emits] = number;
    u32[(shadowing >>> 2) + (i - emits)] = number;
    if (u16[(u32[(slot + S_FLOW) >>> 2] + F_EMITTER) >>> 1] === self) emits++;
  }
  return ordinary ? emits : NOT_ALL;
}

/** Twin of kernel `haveHops`; see {@link Kernels.haveHops}. */
export function haveHops(arena: Arena, list: number, n: number): number {
  const { u8, u16, u32 } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    if (u16[(slot + S_REASON) >>> 1] !== 0 || u16[(slot + S_TO) >>> 1] === 0) return 0;
    if ((u8[slot + S_DESCRIPTOR + D_FLAGS] & DF_REPLICA) !== 0) return 0;
  }
  return 1;
}

/** Twin of kernel `areLeaving`; see {@link Kernels.areLeaving}. */
export function areLeaving(arena: Arena, self: NodeRef, list: number, n: number): number {
  const { u8, u32 } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    const descriptor = slot + S_DESCRIPTOR;
    if (u8[descriptor + D_LIST + 2 * u8[descriptor + D_COUNT] - 2] !== self >>> 7) return 0;
    if ((u8[descriptor + D_FLAGS] & DF_REPLICA) !== 0) return 0;
    if ((u32[(u32[(slot + S_FLOW) >>> 2] + F_STATE) >>> 2] & FS_FULL_ROUTE) === 0) return 0;
  }
  return 1;
}
