import { clusterOf, nodeOf, nodeRef, type FlowId, type NodeRef } from '../../domain/base/ids';
import type { Obituary } from './liveness';
import { hashedNode, successorOf } from './route';
import type { TopologyView } from './topology-view';

/**
 * Clusters in mode `copy` ([0060]): they stand on a flow's route and get copies of its frames (flag 3) from the stage
 * beside them, but nobody waits for them. Frames themselves go past; copies go on to the next cluster only if it is in
 * mode `copy` too, else they end.
 */

/** Whether the stage at `place` of a route gets copies only. The ends of a route never do. */
export function isCopyAt(view: TopologyView, route: readonly NodeRef[], place: number): boolean {
  return place > 0 && place < route.length - 1 && view.cluster(clusterOf(route[place])).mode === 'copy';
}

/**
 * Where a node at `place` of a route stands for what it sends in direction `step`: where a path returns to the INODEs that it
 * begins at ([0049]), at its end for what goes back.
 */
export function standFor(route: readonly NodeRef[], place: number, step: number): number {
  const last = route.length - 1;
  return step < 0 && place === 0 && clusterOf(route[0]) === clusterOf(route[last]) ? last : place;
}

/** The place that what leaves the stage at `place` goes to next, in direction `step` (1 or −1); may lie outside the route. */
export function placeBeside(view: TopologyView, route: readonly NodeRef[], place: number, step: number): number {
  let at = standFor(route, place, step) + step;
  if (isCopyAt(view, route, place)) return at;
  while (isCopyAt(view, route, at)) at += step;
  return at;
}

/**
 * Whom the stage at `place` of a route stands beside: the node before it, and, as that is not chosen yet, the cluster behind it
 * (node 0); 0 = nobody.
 */
export function besidesOf(
  view: TopologyView,
  route: readonly NodeRef[],
  place: number,
): [before: NodeRef, after: NodeRef] {
  const after = isCopyAt(view, route, place) ? 0 : nextStop(view, route, place, 1);
  return [nextStop(view, route, place, -1), nodeRef(clusterOf(after), 0)];
}

/** The next stage that frames stop at; 0 = there is none. */
function nextStop(view: TopologyView, route: readonly NodeRef[], place: number, step: number): NodeRef {
  let at = place + step;
  while (isCopyAt(view, route, at)) at += step;
  return at < 0 || at >= route.length ? 0 : route[at];
}

/** Who gets a copy of what leaves the stage at `place` in direction `step`; 0 = nobody. */
export function copyTarget(
  view: TopologyView,
  route: readonly NodeRef[],
  place: number,
  step: number,
  flow: FlowId,
  dead: Obituary,
): NodeRef {
  const at = standFor(route, place, step) + step;
  if (isCopyAt(view, route, place) || !isCopyAt(view, route, at)) return 0;
  const chosen = route[at];
  if (nodeOf(chosen) === 0) return hashedNode(view, clusterOf(chosen), flow, dead);
  return dead.isDeadIn(view, chosen) ? successorOf(view, chosen, flow, dead) : chosen;
}
