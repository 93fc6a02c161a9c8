import { clusterOf, nodeOf, nodeRef, type ClusterId, type NodeRef } from '../../domain/base/ids';
import type { FlowPath, TopologyCluster } from '../../domain/topology/topology';
import { F_ID } from '../frames/layout';
import { itinerary } from '../select/path-policy';
import { endsWith, hashedNode } from '../select/route';
import type { TopologyView } from '../select/topology-view';
import type { Node } from './node';

/** Bit of a stop that the flow had not visited before. */
export const FRESH = 0x8000;

/** Whether the modes of another topology give a live flow another way than those that it is carried by. */
export function differsInModes(node: Node, flow: number, view: TopologyView): boolean {
  const path = pathIn(node, flow, view);
  if (path === undefined) return false;
  const before = node.viewOf(flow);
  return path.clusters.some((id) => {
    const [was, is] = [modeIn(before, id), modeIn(view, id)];
    return was !== is && was !== undefined && is !== undefined;
  });
}

/**
 * Whether a flow that gets another wire ID needs its route laid anew: a node of it died, and its heir may know nothing of the
 * flow and tell nobody behind it. Not so where the flow has ended with the node.
 */
export function needsLaying(node: Node, flow: number, view: TopologyView): boolean {
  const dead = deadOn(node, flow);
  const isGivenUp = dead.some((ref) => endsWith(node.viewOf(flow), clusterOf(ref)));
  return dead.length > 0 && !isGivenUp && pathIn(node, flow, view) !== undefined;
}

/** Whether a flow has ended with a node that lives again in another topology: under that one's ID it would go there. */
export function isReborn(node: Node, flow: number, view: TopologyView): boolean {
  const before = node.viewOf(flow);
  return deadOn(node, flow).some((ref) => endsWith(before, clusterOf(ref)) && !node.obituary.isDeadIn(view, ref));
}

/** The nodes of a flow's route that are known to be dead. */
function deadOn(node: Node, flow: number): NodeRef[] {
  const view = node.viewOf(flow);
  return node.routeOf(flow).filter((ref) => nodeOf(ref) !== 0 && node.obituary.isDeadIn(view, ref));
}

/**
 * The stops of a live flow at its INODE, as the modes of `view` have them; undefined: the flow keeps its own. A cluster whose
 * mode is the same in both topologies stays as it is for the flow: on its route, or not.
 *
 * @param actual where the flow was found to go, from this node on, as far as its frames have come.
 */
export function stopsUnder(
  node: Node,
  flow: number,
  view: TopologyView,
  actual: readonly NodeRef[],
): NodeRef[] | undefined {
  const path = pathIn(node, flow, view);
  if (path === undefined) return undefined;
  const own = node.routeOf(flow);
  if (isDroppedUnder(view, path.clusters)) return own;
  const stages = itinerary(view, path, node.obituary);
  if (!stages.ok) return undefined;
  const before = node.viewOf(flow);
  const stays = (id: ClusterId): boolean =>
    own.some((ref) => clusterOf(ref) === id) && !isLeftOut(node, flow, id, actual);
  const wanted = path.clusters.filter((id) =>
    modeIn(before, id) === modeIn(view, id)
      ? stays(id)
      : stages.clusters.includes(id) && !isLeftOut(node, flow, id, actual),
  );
  const stops = wanted.map((id) => stopIn(node, flow, view, id, actual));
  return withDiversions(stops, path, actual);
}

/** Whether frames of a flow that visits these clusters end at its INODE. */
export function isDroppedUnder(view: TopologyView, clusters: readonly ClusterId[]): boolean {
  return view.hasDrops && clusters.some((id) => view.hasCluster(id) && view.cluster(id).mode === 'drop');
}

/** The flow's path in another topology, if that has all clusters that the flow visits. */
function pathIn(node: Node, flow: number, view: TopologyView): FlowPath | undefined {
  const id = node.side.path[node.aux(flow)];
  const isThere = node.routeOf(flow).every((ref) => view.hasCluster(clusterOf(ref)));
  return isThere ? view.topology.paths.find((path) => path.id === id) : undefined;
}

function modeIn(view: TopologyView, id: ClusterId): TopologyCluster['mode'] | undefined {
  return view.hasCluster(id) ? view.cluster(id).mode : undefined;
}

/** Whether a packet function has the flow leave out a cluster that it began with. */
function isLeftOut(node: Node, flow: number, id: ClusterId, actual: readonly NodeRef[]): boolean {
  const own = node.routeOf(flow).map((ref) => clusterOf(ref));
  const place = own.indexOf(id);
  const reached = own.findLastIndex((cluster) => actual.some((ref) => clusterOf(ref) === cluster));
  const isPassed = place >= 0 && place < reached && !actual.some((ref) => clusterOf(ref) === id);
  return isPassed && modeIn(node.viewOf(flow), id) === 'through';
}

/** Where the flow is in a cluster, or, where it has not been there, who is chosen for it now. */
function stopIn(node: Node, flow: number, view: TopologyView, id: ClusterId, actual: readonly NodeRef[]): NodeRef {
  const known = [...actual, ...node.routeOf(flow)].find((ref) => clusterOf(ref) === id);
  if (known !== undefined && nodeOf(known) !== 0) return livingIn(node, flow, view, known);
  const flowId = node.ctx.arena.u32[(flow + F_ID) >>> 2];
  if (known !== undefined) {
    // No hop chooses for a stage that frames only go past.
    const copies = modeIn(view, id) === 'copy' ? hashedNode(view, id, flowId, node.obituary) : 0;
    return copiesIn(node, flow, view, id) || (copies === 0 ? known : copies | FRESH);
  }
  const chosen = node.routing.chooseIn(view, id, flowId);
  return (nodeOf(chosen) === 0 ? nodeRef(id, 0) : chosen) | FRESH;
}

/**
 * A node of the flow's route, or, where it is known to be dead, whom the flow has fallen to by its order: nobody may have
 * named that one yet. Copies fall to somebody whatever their cluster's policy; else, where the flow ends with its node,
 * that stays.
 */
export function livingIn(node: Node, flow: number, view: TopologyView, ref: NodeRef): NodeRef {
  const before = node.viewOf(flow);
  const id = clusterOf(ref);
  if (nodeOf(ref) === 0 || !node.obituary.isDeadIn(before, ref)) return ref;
  if (endsWith(before, id) && modeIn(view, id) !== 'copy') return ref;
  return node.heirs.nextFor(flow, ref) || ref;
}

/**
 * Who has got the flow's copies in a cluster where no frame chose a node, and is a member still: it knows the flow, and
 * another topology's hash may name somebody who does not. 0 where nobody has.
 */
function copiesIn(node: Node, flow: number, view: TopologyView, id: ClusterId): NodeRef | 0 {
  const before = node.viewOf(flow);
  if (modeIn(before, id) !== 'copy') return 0;
  const ref = hashedNode(before, id, node.ctx.arena.u32[(flow + F_ID) >>> 2], node.obituary);
  return nodeOf(ref) !== 0 && view.incarnationOf(ref) === before.incarnationOf(ref) ? ref : 0;
}

/** With the clusters that a packet function has put in, behind those that they stood behind. */
function withDiversions(stops: NodeRef[], path: FlowPath, actual: readonly NodeRef[]): NodeRef[] {
  actual.forEach((ref, i) => {
    if (i === 0 || path.clusters.includes(clusterOf(ref))) return;
    const place = stops.findIndex((stop) => clusterOf(stop & ~FRESH) === clusterOf(actual[i - 1]));
    stops.splice(Math.max(place, 0) + 1, 0, ref);
  });
  return stops;
}
