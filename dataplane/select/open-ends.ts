import { clusterOf, nodeOf, nodeRef, type ClusterId, type NodeRef } from '../../domain/base/ids';
import type { LiveNodes } from '../../domain/cluster/rendezvous';
import { connectedEnd, type IsOver } from '../../domain/link/connected-ends';
import { nodesOfResilient } from '../../domain/link/ends';
import { leads, sidesOf, standsFor } from '../../domain/link/sides';
import type { LinkMember, TopologyLink } from '../../domain/topology/topology';
import type { TopologyView } from './topology-view';

/**
 * Whom flows can go to while each resilient link has one end connected ([0036 c]), as plain functions of a topology and who is
 * out. Only choices look here: forwarding goes where the choice was made.
 */

/** Who is neither dead nor gone, as one observer knows it. */
export type IsOut = (ref: NodeRef) => boolean;

/** Whom a node is chosen for: where the flow comes from and goes on to; node 0 = somebody of that cluster, 0 = nobody known. */
export interface Beside {
  readonly before: NodeRef;
  readonly after: NodeRef;
}

export const NOBODY_BESIDE: Beside = { before: 0, after: 0 };

/**
 * Members of a cluster, of those in `live`, that a flow can reach from its node before, and go on from to the cluster behind. Where
 * neither is known, those that are not the idle ends of all links by which other clusters reach them.
 */
export function openMembers(
  view: TopologyView,
  cluster: ClusterId,
  { before, after }: Beside,
  live: LiveNodes,
  isOut: IsOut,
): LiveNodes {
  const open = new Uint8Array(live.length);
  let count = 0;
  for (let node = 1; node < live.length; node++) {
    if (live[node] !== 1) continue;
    const ref = nodeRef(cluster, node);
    const isKnown = before !== 0 || after !== 0;
    const isOpen = isKnown
      ? (before === 0 || reaches(view, before, ref, isOut)) && (after === 0 || reaches(view, ref, after, isOut))
      : !isIdle(view, ref, isOut);
    if (isOpen) count++;
    open[node] = isOpen ? 1 : 0;
  }
  return count === 0 ? live : open;
}

/** Whether frames get from one to the other now. Where no link joins the two, that is no matter of resilient links. */
function reaches(view: TopologyView, from: NodeRef, to: NodeRef, isOut: IsOut): boolean {
  const links = view.topology.links.filter(
    (link) =>
      !link.control &&
      leads(
        link,
        (member) => isMeant(member, from),
        (member) => isMeant(member, to),
      ),
  );
  return links.length === 0 || links.some((link) => isOpenBetween(view, link, from, to, isOut));
}

function isMeant(member: LinkMember, ref: NodeRef): boolean {
  if (nodeOf(ref) !== 0) return standsFor(member, ref);
  return 'cluster' in member && member.cluster === clusterOf(ref);
}

function isOpenBetween(view: TopologyView, link: TopologyLink, from: NodeRef, to: NodeRef, isOut: IsOut): boolean {
  const end = connectedNode(view, link, isOut);
  // Of the two one is the root.
  return end === undefined || isOneOf(end, from) || isOneOf(end, to);
}

function isOneOf(ref: NodeRef, meant: NodeRef): boolean {
  return ref === meant || (nodeOf(meant) === 0 && clusterOf(ref) === clusterOf(meant));
}

/** Whether a node is the idle end of a resilient link, and no other link joins it to other clusters. */
function isIdle(view: TopologyView, ref: NodeRef, isOut: IsOut): boolean {
  let isEnd = false;
  for (const link of view.topology.links) {
    if (link.control || link.kind === 'external' || link.kind === 'replicated') continue;
    const place = link.members.findIndex((member) => standsFor(member, ref));
    const leavesCluster = link.members.some((member) => 'cluster' in member && member.cluster !== clusterOf(ref));
    if (place < 0 || !leavesCluster) continue;
    const end = connectedNode(view, link, isOut);
    if (end === undefined || end === ref || sidesOf(link)[place] === 'root') return false;
    isEnd = true;
  }
  return isEnd;
}

/** The node that is connected to a resilient link's root; undefined for other links. */
function connectedNode(view: TopologyView, link: TopologyLink, isOut: IsOut): NodeRef | undefined {
  const isOver: IsOver = ({ cluster, node }) => isOut(nodeRef(cluster, node));
  const end = connectedEnd(view.topology, link, isOver);
  const node = end === undefined ? undefined : nodesOfResilient(link)?.[end];
  return node && nodeRef(node.cluster, node.node);
}
