import { clusterOf, nodeOf, nodeRef, type ClusterId, type NodeRef } from '../../domain/base/ids';
import { F_NEXT_FWD } from '../frames/layout';
import type { Detour, Diversion, Shortcut } from '../functions/function';
import type { Node } from './node';

/** What becomes of a flow's path behind a node. */
export interface Plan {
  /** Place on the path, as it is now, of the cluster that the flow goes on to. */
  readonly place: number;
  /** Clusters that it visits before that one, and which are not on its path. */
  readonly via: readonly ClusterId[];
}

/** How a detour that a function asks for applies to a flow at this node; undefined when it changes nothing, or cannot. */
export function planOf(node: Node, flow: number, detour: Detour): Plan | undefined {
  return 'via' in detour ? diversionOf(node, flow, detour) : shortcutOf(node, flow, detour);
}

/** The place behind the clusters that are left out, of which the next one must be one. The last one stays. */
function shortcutOf(node: Node, flow: number, { skip }: Shortcut): Plan | undefined {
  const view = node.viewOf(flow);
  const route = node.routeOf(flow);
  const first = node.side.position[node.aux(flow)] + 1;
  const next = clusterOf(node.ctx.arena.u16[(flow + F_NEXT_FWD) >>> 1]);
  let place = first;
  while (place < route.length - 1 && skip.includes(view.cluster(clusterOf(route[place])).name)) place++;
  const isThere = place > first && route.slice(first, place).some((ref) => clusterOf(ref) === next);
  return isThere && isJoined(node, node.ref, clusterOf(route[place])) ? { place, via: [] } : undefined;
}

/** By way of other clusters to the very next one: behind what was left out, or what only gets copies, nothing is put in. */
function diversionOf(node: Node, flow: number, { via }: Diversion): Plan | undefined {
  const { clusters } = node.viewOf(flow).topology;
  const route = node.routeOf(flow);
  const place = node.side.position[node.aux(flow)] + 1;
  const next = node.ctx.arena.u16[(flow + F_NEXT_FWD) >>> 1];
  if (nodeOf(next) === 0 || place >= route.length || clusterOf(route[place]) !== clusterOf(next)) return undefined;
  const wanted = via
    .map((name) => clusters.find((cluster) => cluster.name === name && cluster.role === 'anode')?.id ?? 0)
    .filter((id) => id !== 0 && !route.some((ref) => clusterOf(ref) === id) && hasMember(node, flow, id));
  let last = node.ref;
  for (const id of [...wanted, clusterOf(next)]) {
    if (!isJoined(node, last, id)) return undefined;
    last = memberOf(node, id);
  }
  return wanted.length === 0 ? undefined : { place, via: wanted };
}

/** Whether a link that carries flows joins a node and a cluster: frames travel over nothing else. */
function isJoined(node: Node, from: NodeRef, cluster: ClusterId): boolean {
  const to = memberOf(node, cluster);
  return to !== 0 && node.ctx.topologies.latest?.linkBetween(from, to, false) !== undefined;
}

function memberOf(node: Node, cluster: ClusterId): NodeRef {
  const member = node.ctx.topologies.latest?.cluster(cluster).members[0];
  return member === undefined ? 0 : nodeRef(cluster, member.node);
}

function hasMember(node: Node, flow: number, cluster: ClusterId): boolean {
  const view = node.viewOf(flow);
  return view.table(cluster).firstLive(0, node.obituary.live(view, cluster)) !== 0;
}
