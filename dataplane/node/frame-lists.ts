import { clusterOf, nodeRef, type NodeRef } from '../../domain/base/ids';
import type { Arena } from '../frames/arena';
import {
  D_COUNT,
  D_FIXED,
  D_LIST,
  F_COUNT,
  F_PATH,
  S_DESC_LEN,
  S_DESCRIPTOR,
  S_FLOW,
  S_REVERSE,
} from '../frames/layout';
import type { Node } from './node';

/** The route that a frame's descriptor lists, in the flow's forward direction; node 0 = not chosen yet. */
export function routeIn({ u8 }: Arena, address: number): NodeRef[] {
  const descriptor = address + S_DESCRIPTOR;
  const route: NodeRef[] = [];
  for (let i = 0; i < u8[descriptor + D_COUNT]; i++) {
    route.push(nodeRef(u8[descriptor + D_LIST + 2 * i], u8[descriptor + D_LIST + 2 * i + 1] & 0x7f));
  }
  return u8[address + S_REVERSE] === 0 ? route : route.reverse();
}

/** The node that a frame names of a cluster; 0 where it names none, or does not list the cluster. */
export function namedIn({ u8 }: Arena, address: number, cluster: number): number {
  const descriptor = address + S_DESCRIPTOR;
  const end = descriptor + D_LIST + 2 * u8[descriptor + D_COUNT];
  for (let at = descriptor + D_LIST; at < end; at += 2) if (u8[at] === cluster) return u8[at + 1] & 0x7f;
  return 0;
}

/**
 * Frames of a diverted flow enter the grid under the path that it began on. Where the flow leaves that path, or comes
 * back to it, their lists get the clusters that they lack.
 */
export function completeLists(node: Node, list: number, n: number): void {
  const { ctx, side } = node;
  const { u32 } = ctx.arena;
  for (let i = 0; i < n; i++) {
    const address = ctx.slot(u32[(list >>> 2) + i]);
    const flow = u32[(address + S_FLOW) >>> 2];
    if (flow !== 0 && side.isDiverted[node.aux(flow)] === 1) complete(ctx.arena, address, flow);
  }
}

function complete({ u8, u16, u32 }: Arena, address: number, flow: number): void {
  const listed = u8[address + S_DESCRIPTOR + D_COUNT];
  const count = u8[flow + F_COUNT];
  if (listed >= count) return;
  const path = u32[(flow + F_PATH) >>> 2];
  const reverse = u8[address + S_REVERSE] !== 0;
  const elements = address + S_DESCRIPTOR + D_LIST;
  // From the end on, so that what is moved is not overwritten before.
  let from = listed - 1;
  for (let to = count - 1; to >= 0; to--) {
    const own = path + 2 * (reverse ? count - 1 - to : to);
    const isListed = from >= 0 && u8[elements + 2 * from] === u8[own];
    const source = isListed ? elements + 2 * from-- : own;
    u8[elements + 2 * to] = u8[source];
    // What the frame leaves open may be known here.
    u8[elements + 2 * to + 1] = u8[source + 1] || u8[own + 1];
  }
  const length = D_FIXED + 2 * count;
  u8[address + S_DESCRIPTOR + D_COUNT] = count;
  u8[address + S_DESCRIPTOR + length - 1] = length;
  u16[(address + S_DESC_LEN) >>> 1] = length;
}

/** Whether the clusters of `part` stand in `whole` in the same order. */
export function isWithin(part: readonly NodeRef[], whole: readonly NodeRef[]): boolean {
  let at = 0;
  for (const ref of whole) if (at < part.length && clusterOf(part[at]) === clusterOf(ref)) at++;
  return at === part.length;
}
