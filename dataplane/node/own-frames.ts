import { S_FLOW, S_NETWORK } from '../frames/layout';
import { reason } from '../frames/reasons';
import { CREATED, EXTERNAL_OUT } from './counters';
import type { Node } from './node';

const RING_FULL = reason('ring-full');

/** A frame that this INODE has made itself leaves for an external network; its slot is taken over. */
export function sendOwn(node: Node, slot: number, network: number): void {
  node.counters.values[CREATED]++;
  letOut(node, slot, network);
}

/** A frame leaves for an external network, whatever it is of; its slot is taken over. */
export function letOut(node: Node, slot: number, network: number): void {
  const { ctx, counters } = node;
  const address = ctx.slot(slot);
  ctx.arena.u16[(address + S_NETWORK) >>> 1] = network;
  ctx.arena.u32[(address + S_FLOW) >>> 2] = 0;
  counters.values[EXTERNAL_OUT]++;
  ctx.observe('left', address, node.ref, 0);
  if (!ctx.handOut(slot, network)) node.drop(slot, RING_FULL);
}
