import {
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
  DESCRIPTOR_MAX,
  DF_END,
  DF_FULL_ROUTE,
  DF_REVERSE,
  DF_START,
  DF_UNICAST,
  F_COUNT,
  F_ID,
  F_PATH,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FS_FULL_ROUTE,
  MARKER_V1,
  S_DESC_LEN,
  S_DESCRIPTOR,
  S_FLAGS,
  S_FLOW,
  S_REVERSE,
  S_SEQ,
  S_TIME,
  SF_MULTICAST,
} from '../frames/layout';
import type { Arena } from '../frames/arena';

/** Gives a frame that a node created the descriptor of `cause`, turned round if it goes back, without a sequence. */
export function describeBeside({ u8, u16, u32 }: Arena, target: number, cause: number): void {
  const descriptor = target + S_DESCRIPTOR;
  const count = u8[cause + S_DESCRIPTOR + D_COUNT];
  const back = u8[cause + S_REVERSE] !== u8[target + S_REVERSE];
  u8.copyWithin(descriptor, cause + S_DESCRIPTOR, cause + S_DESCRIPTOR + DESCRIPTOR_MAX);
  for (let i = 0; i < count; i++) {
    const from = cause + S_DESCRIPTOR + D_LIST + 2 * (back ? count - 1 - i : i);
    u8[descriptor + D_LIST + 2 * i] = u8[from];
    u8[descriptor + D_LIST + 2 * i + 1] = back ? u8[from + 1] & 0x7f : u8[from + 1];
  }
  if (back) u8[descriptor + D_FLAGS] ^= DF_REVERSE;
  u8[descriptor + D_FLAGS] &= ~(DF_START | DF_END);
  u8.fill(0, descriptor + D_SEQUENCE, descriptor + D_SEQUENCE + 4);
  u16[(target + S_DESC_LEN) >>> 1] = u16[(cause + S_DESC_LEN) >>> 1];
  u32[(target + S_SEQ) >>> 2] = 0;
}

/**
 * Makes a frame that a node created one of another flow than the frame that caused it, by the flow's entry here; without a
 * sequence, because those are given where frames enter.
 */
export function describeAs(arena: Arena, target: number, flow: number): void {
  const { u8, u16, u32, f64, view } = arena;
  const descriptor = target + S_DESCRIPTOR;
  const count = u8[flow + F_COUNT];
  const path = u32[(flow + F_PATH) >>> 2];
  const reverse = u8[target + S_REVERSE] !== 0;
  const length = D_FIXED + 2 * count;
  u8.fill(0, descriptor, descriptor + length);
  view.setUint16(descriptor + D_MARKER, MARKER_V1);
  u8[descriptor + D_FLAGS] =
    ((u16[(target + S_FLAGS) >>> 1] & SF_MULTICAST) === 0 ? DF_UNICAST : 0) |
    ((u32[(flow + F_STATE) >>> 2] & FS_FULL_ROUTE) !== 0 ? DF_FULL_ROUTE : 0) |
    (reverse ? DF_REVERSE : 0);
  u8[descriptor + D_WIRE_ID] = u8[flow + F_WIRE];
  view.setUint16(descriptor + D_FLOW_TYPE, u16[(flow + F_TYPE) >>> 1]);
  view.setUint32(descriptor + D_FLOW_ID, u32[(flow + F_ID) >>> 2]);
  view.setUint32(descriptor + D_INGRESS_TIME, Math.trunc(f64[(target + S_TIME) >>> 3]) % 2 ** 32);
  u8[descriptor + D_COUNT] = count;
  for (let i = 0; i < count; i++) {
    const from = path + 2 * (reverse ? count - 1 - i : i);
    u8[descriptor + D_LIST + 2 * i] = u8[from];
    u8[descriptor + D_LIST + 2 * i + 1] = u8[from + 1];
  }
  u8[descriptor + length - 1] = length;
  u16[(target + S_DESC_LEN) >>> 1] = length;
  u32[(target + S_FLOW) >>> 2] = flow;
  u32[(target + S_SEQ) >>> 2] = 0;
}
