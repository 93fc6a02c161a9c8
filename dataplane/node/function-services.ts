import { S_FLOW } from '../frames/layout';
import type { FunctionServices } from '../functions/host';
import { BATCH, type GroupContext } from './context';
import type { Detours } from './detours';
import type { Node } from './node';
import type { Stage } from './stage';

/**
 * What a node's packet function may ask of it.
 * @param seed the topology's, for the kernels' key hash
 */
export function servicesOf(node: Node, stage: Stage, detours: Detours, seed: number): FunctionServices {
  const { ctx } = node;
  const parsedFlows = new Uint32Array(BATCH);
  return {
    views: ctx.arena,
    node: node.ref,
    seed,
    incarnation: node.incarnation,
    slotAddress: (slot) => ctx.slot(slot),
    parse: (list, n) => parseKeepingFlows(ctx, parsedFlows, list, n, seed),
    takeSlot: () => ctx.slots.allocate(),
    emit: (slot, cause) => stage.create(slot, cause),
    emitAs: (slot, cause, flow) => stage.createAs(slot, cause, flow),
    open: (slot, cause, tuple) => stage.createOpening(slot, cause, tuple),
    carries: (flow) => stage.carries(flow),
    detour: (slot, detour) => detours.ask(slot, detour),
    compared: ({ clone, ...found }) =>
      node.emitEvent({
        type: 'CloneCompared',
        at: ctx.now,
        flow: clone,
        topologySeq: ctx.topologies.latest?.published.seq ?? 0,
        ...found,
      }),
  };
}

/** The kernel `parse` begins a frame's life and clears what is known of it; here the flow is known already. */
function parseKeepingFlows(ctx: GroupContext, flows: Uint32Array, list: number, n: number, seed: number): void {
  const { u32 } = ctx.arena;
  for (let i = 0; i < n; i++) flows[i] = u32[(ctx.slot(u32[(list >>> 2) + i]) + S_FLOW) >>> 2];
  ctx.kernels.parse(list, n, seed, ~seed >>> 0);
  for (let i = 0; i < n; i++) u32[(ctx.slot(u32[(list >>> 2) + i]) + S_FLOW) >>> 2] = flows[i];
}
