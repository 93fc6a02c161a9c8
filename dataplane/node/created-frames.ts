import { clusterOf, nodeOf, type NodeRef } from '../../domain/base/ids';
import { trailerV1, type DescriptorFields } from '../descriptor/codec';
import type { Arena } from '../frames/arena';
import {
  D_COUNT,
  D_FLAGS,
  D_LIST,
  D_SEQUENCE,
  DESCRIPTOR_MAX,
  DF_END,
  DF_FULL_ROUTE,
  DF_REVERSE,
  DF_START,
  DF_UNICAST,
  F_ID,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FS_FULL_ROUTE,
  S_DESC_LEN,
  S_DESCRIPTOR,
  S_FLAGS,
  S_FLOW,
  S_REVERSE,
  S_SEQ,
  S_TIME,
  SF_MULTICAST,
} from '../frames/layout';

/** Addresses are put in when the frame is sealed. */
const NOT_YET = new Uint8Array(6);

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
 * Makes a frame that a node created one of another flow than the frame that caused it, by the flow's entry here and its
 * route; without a sequence, because those are given where frames enter.
 */
export function describeAs(
  { u8, u16, u32, f64 }: Arena,
  target: number,
  flow: number,
  route: readonly NodeRef[],
): void {
  const reverse = u8[target + S_REVERSE] !== 0;
  const fields: DescriptorFields = {
    destination: NOT_YET,
    source: NOT_YET,
    flags:
      ((u16[(target + S_FLAGS) >>> 1] & SF_MULTICAST) === 0 ? DF_UNICAST : 0) |
      ((u32[(flow + F_STATE) >>> 2] & FS_FULL_ROUTE) !== 0 ? DF_FULL_ROUTE : 0) |
      (reverse ? DF_REVERSE : 0),
    wireId: u8[flow + F_WIRE],
    flowType: u16[(flow + F_TYPE) >>> 1],
    flowId: u32[(flow + F_ID) >>> 2],
    sequence: 0,
    ingressTime: Math.trunc(f64[(target + S_TIME) >>> 3]),
    path: (reverse ? route.toReversed() : route).map((ref) => ({
      cluster: clusterOf(ref),
      node: nodeOf(ref),
      processed: false,
    })),
  };
  u16[(target + S_DESC_LEN) >>> 1] = trailerV1.encode(fields, u8, target + S_DESCRIPTOR);
  u32[(target + S_FLOW) >>> 2] = flow;
  u32[(target + S_SEQ) >>> 2] = 0;
}
