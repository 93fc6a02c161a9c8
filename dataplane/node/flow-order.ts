import { clusterOf, nodeOf, nodeRef, type ClusterId, type NodeRef } from '../../domain/base/ids';
import { F_ID } from '../frames/layout';
import { hashedNode, successorOf } from '../select/route';
import type { TopologyView } from '../select/topology-view';
import type { ControlCursor } from './control-frames';
import { FRESH } from './mode-plan';
import type { Node } from './node';

/**
 * The explicit order of members by which a flow is backed up, cluster by cluster, once it carries another topology's wire ID
 * than the one that it began under.
 */

/** Of each cluster its members that live, as a topology orders them for the flow. */
export function orderIn(node: Node, flow: number, view: TopologyView, clusters: readonly ClusterId[]): NodeRef[] {
  const id = node.ctx.arena.u32[(flow + F_ID) >>> 2];
  const order: NodeRef[] = [];
  for (const cluster of new Set(clusters)) {
    const first = hashedNode(view, cluster, id, node.obituary);
    let ref = first;
    do {
      if (ref !== 0) order.push(ref);
      ref = ref === 0 ? 0 : successorOf(view, ref, id, node.obituary);
    } while (ref !== 0 && ref !== first && !order.includes(ref));
  }
  return order;
}

/**
 * The order of members by which a flow is backed up on its way to another topology: in clusters that it visits already as
 * up to now, in those of `stops` that are new to it as that topology has it.
 */
export function orderUnder(node: Node, flow: number, view: TopologyView, stops: readonly NodeRef[]): NodeRef[] {
  const clusters = stops.map((stop) => clusterOf(stop & ~FRESH));
  const isFresh = (cluster: ClusterId): boolean =>
    stops.some((stop) => (stop & FRESH) !== 0 && clusterOf(stop & ~FRESH) === cluster);
  const kept = clusters.filter((cluster) => !isFresh(cluster));
  // Who died may be a member of that topology again, in a life that knows nothing of the flow.
  const before = node.viewOf(flow);
  const isReborn = (ref: NodeRef): boolean => node.obituary.isDeadIn(before, ref) && !node.obituary.isDeadIn(view, ref);
  const isKept = (ref: NodeRef): boolean => kept.includes(clusterOf(ref)) && !isReborn(ref);
  const known = node.side.order[node.aux(flow)]?.filter(isKept) ?? [];
  const others = kept.filter((cluster) => !known.some((ref) => clusterOf(ref) === cluster));
  return [
    ...known,
    ...orderIn(node, flow, node.viewOf(flow), others),
    ...orderIn(node, flow, view, clusters.filter(isFresh)),
  ];
}

/** The next member after `ref`, cyclically, in a flow's explicit order; 0 if nobody else of its cluster lives. */
export function nextInOrder(order: readonly NodeRef[], ref: NodeRef, isDead: (ref: NodeRef) => boolean): NodeRef {
  const members = order.filter((each) => clusterOf(each) === clusterOf(ref));
  const start = members.indexOf(ref);
  for (let step = 1; step <= members.length; step++) {
    const candidate = members[(start + step) % members.length];
    if (candidate !== ref && !isDead(candidate)) return candidate;
  }
  return 0;
}

/** Writes a flow's explicit order into a control frame; an empty one if it has none. */
export function writeOrder(control: ControlCursor, order: readonly NodeRef[]): void {
  control.u16(order.length);
  for (const ref of order) control.u16(ref);
}

/** Reads what {@link writeOrder} wrote. */
export function readOrder(body: ControlCursor): NodeRef[] {
  const length = body.readU16();
  return Array.from({ length }, () => {
    const ref = body.readU16();
    return nodeRef(clusterOf(ref), nodeOf(ref));
  });
}
