import { clusterOf, nodeOf, type NodeRef } from '../../domain/base/ids';
import {
  F_BACKUP,
  F_COUNT,
  F_EMITTER,
  F_ID,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_SHADOW_FWD,
  F_SHADOW_REV,
  F_STATE,
  F_WIRE,
  FS_FULL_ROUTE,
  FS_REPLICA,
} from '../frames/layout';
import { isCopyAt, placeBeside } from '../select/copies';
import { endsWith, hashedNode } from '../select/route';
import type { TopologyView } from '../select/topology-view';
import { FRESH } from './mode-plan';
import type { Word } from './mode-words';
import type { Node } from './node';

const DIRECTIONS = [
  { step: 1, reverse: 0, next: F_NEXT_FWD, shadow: F_SHADOW_FWD },
  { step: -1, reverse: 1, next: F_NEXT_REV, shadow: F_SHADOW_REV },
] as const;

/**
 * Puts the stops, the topology and the order of a word into the entry of a flow that this node has. Who emits here stays,
 * and so does who emits beside, where that cluster is beside this one still. Undefined: no place on the route, or no room.
 *
 * @returns nodes that the flow does not come to any more, as far as this one knows of them.
 */
export function layEntry(node: Node, flow: number, word: Word, view: TopologyView): readonly NodeRef[] | undefined {
  const { u8, u16, u32 } = node.ctx.arena;
  const { side } = node;
  const aux = node.aux(flow);
  const route = word.stops.map((stop) => stop & ~FRESH);
  const position = route.findIndex((ref) => clusterOf(ref) === node.cluster);
  const wasCopy = (u32[(flow + F_STATE) >>> 2] & FS_REPLICA) !== 0;
  const isCopy = isCopyAt(view, route, position);
  const served = [F_NEXT_FWD, F_SHADOW_FWD, F_NEXT_REV, F_SHADOW_REV].map((field) => u16[(flow + field) >>> 1]);
  served.push(side.copyFwd[aux], ...node.routeOf(flow));
  const backup = u16[(flow + F_BACKUP) >>> 1];
  if (position < 0 || !node.setRoute(flow, route)) return undefined;

  // Who died may be a member again, in a life that the flow's new order names.
  if (node.viewOf(flow) !== view) {
    for (const stop of word.stops) if ((stop & FRESH) !== 0) node.heirs.unfenceIn(flow, clusterOf(stop & ~FRESH));
  }
  u8[flow + F_COUNT] = route.length;
  u8[flow + F_WIRE] = view.topology.wireId;
  side.view[aux] = view;
  side.order[aux] = word.order;
  node.standOn(flow, route, position);
  if (isCopy && !wasCopy) node.markReplica(flow);
  if (!isCopy && wasCopy) node.unmarkReplica(flow);
  if (route.every((ref) => nodeOf(ref) !== 0)) node.setState(flow, FS_FULL_ROUTE);
  nameHops(node, flow, view, word.stops);
  u16[(flow + F_BACKUP) >>> 1] = node.heirs.shadowOf(flow, u16[(flow + F_EMITTER) >>> 1]);

  const left = served.filter(
    (ref, i) =>
      nodeOf(ref) !== 0 && served.indexOf(ref) === i && !route.some((stop) => clusterOf(stop) === clusterOf(ref)),
  );
  const isAlone = isCopy && !wasCopy && backup !== 0 && backup !== node.ref;
  return isAlone ? [...left, backup] : left;
}

function nameHops(node: Node, flow: number, view: TopologyView, stops: readonly NodeRef[]): void {
  const { u16, u32 } = node.ctx.arena;
  const { side } = node;
  const aux = node.aux(flow);
  const route = stops.map((stop) => stop & ~FRESH);
  for (const { step, reverse, next, shadow } of DIRECTIONS) {
    const place = placeBeside(view, route, side.position[aux], step);
    const stop = route[place] ?? 0;
    const isFresh = (stops[place] & FRESH) !== 0;
    const known = u16[(flow + next) >>> 1];
    let to = known;
    if (stop === 0) {
      to = 0;
    } else if (isFresh || nodeOf(known) === 0 || clusterOf(known) !== clusterOf(stop)) {
      const id = u32[(flow + F_ID) >>> 2];
      const isOpen = nodeOf(stop) === 0;
      const emitter = isOpen ? hashedNode(view, clusterOf(stop), id, node.obituary) : livingIn(node, flow, view, stop);
      to = emitter || node.heirs.standIn(flow, stop);
      // How the flow came to the node that it leaves now is told.
      side.replaced[2 * aux + reverse] = 0;
    }
    u16[(flow + next) >>> 1] = to;
    u16[(flow + shadow) >>> 1] = node.heirs.shadowOf(flow, to);
  }
}

/** A stop of the flow, or, where that died, whom the flow falls to by its order; 0 where it ends with the node. */
function livingIn(node: Node, flow: number, view: TopologyView, stop: NodeRef): NodeRef {
  if (!node.obituary.isDeadIn(view, stop)) return stop;
  return endsWith(view, clusterOf(stop)) ? 0 : node.heirs.nextFor(flow, stop);
}
