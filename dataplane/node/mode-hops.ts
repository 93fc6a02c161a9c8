import { clusterOf, nodeOf, type FlowId, type NodeRef } from '../../domain/base/ids';
import { F_ID, F_NEXT_FWD, F_NEXT_REV } from '../frames/layout';
import { isCopyAt, placeBeside, standFor } from '../select/copies';
import { emitterFor, endsWith, hashedNode, successorOf } from '../select/route';
import type { TopologyView } from '../select/topology-view';
import { CONTROL_MODES } from './control-frames';
import { nextInOrder } from './flow-order';
import { FRESH } from './mode-plan';
import { writeWord, type Word } from './mode-words';
import type { Node } from './node';

/** Whom words about a flow's modes go to ({@link ModeChanges}). */

/** Who emits here, and who gets copies of what goes on. */
export function servedAt(node: Node, flow: number): readonly NodeRef[] {
  const copies = node.side.copyFwd[node.aux(flow)];
  return copies === 0 ? [node.ref] : [node.ref, copies];
}

/** Who gets frames of the flow next, in direction `step`: past clusters that have nobody; 0 where it was given up. */
export function hopOf(node: Node, flow: number, step: number): NodeRef {
  const { u16, u32 } = node.ctx.arena;
  const next = u16[(flow + (step > 0 ? F_NEXT_FWD : F_NEXT_REV)) >>> 1];
  if (nodeOf(next) !== 0) return next;
  return pastEmpty(
    node,
    node.viewOf(flow),
    node.routeOf(flow),
    node.placeFor(flow, step),
    step,
    u32[(flow + F_ID) >>> 2],
  );
}

/**
 * The same at a node that does not know the flow, because it stands in for one that died and no frame has come since: as
 * its first frame would go, by the route that a word carries.
 */
export function hopAlong(node: Node, word: Word, view: TopologyView, step: number): NodeRef {
  const { route, id } = word;
  const position = route.findIndex((ref) => clusterOf(ref) === node.cluster);
  const stop = position < 0 ? undefined : route[placeBeside(view, route, position, step)];
  if (stop === undefined) return 0;
  const named = nodeOf(stop) === 0 ? node.choices.of(id, clusterOf(stop)) : stop;
  const next = named === 0 ? hashedNode(view, clusterOf(stop), id, node.obituary) : livingFor(node, word, view, named);
  return next || pastEmpty(node, view, route, standFor(route, position, step), step, id);
}

/** The first node on a new route behind the one that a flow has ended with; 0 where nobody is left. */
export function beyondGap(node: Node, word: Word, position: number): NodeRef {
  const view = node.ctx.topologies.exactly(word);
  if (view === undefined) return 0;
  const route = word.stops.map((stop) => stop & ~FRESH);
  const gap = placeBeside(view, route, position, 1);
  const isThere = (ref: NodeRef, place: number): boolean =>
    place > gap && nodeOf(ref) !== 0 && !isCopyAt(view, route, place) && !node.obituary.isDeadIn(view, ref);
  return route.find(isThere) ?? 0;
}

/** The node of a route, or whom the flow falls to where that died; 0 where the flow ends with it. */
function livingFor(node: Node, { id, order }: Word, view: TopologyView, named: NodeRef): NodeRef {
  const { obituary } = node;
  if (!obituary.isDeadIn(view, named)) return named;
  if (endsWith(view, clusterOf(named))) return 0;
  return order.some((ref) => clusterOf(ref) === clusterOf(named))
    ? nextInOrder(order, named, (ref) => !obituary.mayTakeOver(view, ref))
    : successorOf(view, named, id, obituary);
}

function pastEmpty(
  node: Node,
  view: TopologyView,
  route: readonly NodeRef[],
  position: number,
  step: number,
  id: FlowId,
): NodeRef {
  for (let at = position + step; at >= 0 && at < route.length; at += step) {
    if (isCopyAt(view, route, at)) continue;
    const { failure, whenEmpty, role } = view.cluster(clusterOf(route[at]));
    // At its ends a flow has the INODEs that it began with.
    const chosen = role === 'inode' && nodeOf(route[at]) !== 0 ? route[at] : 0;
    const found = emitterFor(view, clusterOf(route[at]), chosen, id, node.obituary);
    if (found !== 0 && failure !== 'discard') return found;
    if (found !== 0 || whenEmpty === 'drop' || role === 'inode') return 0;
  }
  return 0;
}

/** Sends a word, if there is somebody to send it to. */
export function say(node: Node, to: NodeRef, word: Word): void {
  const { control, incarnation, ref } = node;
  if (nodeOf(to) === 0 || !control.begin(incarnation)) return;
  writeWord(control, word);
  control.send(ref, to, CONTROL_MODES, word.step);
}
