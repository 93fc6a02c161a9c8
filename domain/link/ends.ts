import { nodeRef, type Millis, type NodeRef } from '../base/ids';
import type { ClusterState } from '../cluster/state';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import type { NodeAddress } from '../node/address';
import type { VirtualLink } from '../topology/topology';
import type { ConnectLinkEnd, CutOverLink } from './commands';
import { cutOver, ENDS, newCutover, otherEnd, type Cutover, type CutoverCause, type ResilientEnd } from './cutover';
import type { VirtualLinkCutOver } from './events';
import { leads, sidesOf, standsFor, type MemberSide } from './sides';

/** The clusters of a grid, with their nodes: what says whether an end is up. */
export type Clusters = GridState['clusters'];

/** The nodes that a resilient link joins. */
export type ResilientNodes = { readonly [side in 'root' | ResilientEnd]: NodeAddress };

/** Who is who on a resilient link; undefined for other kinds. */
export function nodesOfResilient(link: VirtualLink): ResilientNodes | undefined {
  if (link.kind !== 'resilient') return undefined;
  const sides = sidesOf(link);
  const at = (side: MemberSide): NodeAddress | undefined => {
    const member = link.members[sides.indexOf(side)];
    return member !== undefined && 'node' in member ? { cluster: member.cluster, node: member.node } : undefined;
  };
  const [root, primary, standby] = [at('root'), at('primary'), at('standby')];
  return root && primary && standby && { root, primary, standby };
}

/**
 * The ends of a resilient link that hear nothing of its root on a LAN, or the root of them, while they are not connected: no other link
 * goes from the one to the other. Whether such an end is up nobody knows who does not hear it otherwise.
 */
export function muteEnds(link: VirtualLink, links: readonly VirtualLink[]): ResilientEnd[] {
  const nodes = nodesOfResilient(link);
  if (nodes === undefined) return [];
  const others = links.filter(({ kind }) => kind !== 'resilient');
  const isLed = (from: NodeRef, to: NodeRef): boolean =>
    others.some((other) =>
      leads(
        other,
        (member) => standsFor(member, from),
        (member) => standsFor(member, to),
      ),
    );
  const root = nodeRef(nodes.root.cluster, nodes.root.node);
  return ENDS.filter((end) => {
    const ref = nodeRef(nodes[end].cluster, nodes[end].node);
    return !isLed(root, ref) || !isLed(ref, root);
  });
}

/** How a link that is new, or whose ends are others now, stands. */
export function cutoverOf(nodes: ResilientNodes, clusters: Clusters, at: Millis): Cutover {
  return newCutover(at, { primary: isUp(clusters, nodes.primary), standby: isUp(clusters, nodes.standby) });
}

/** An end is up while new flows may go to it; one that is only suspected is not known to be dead. */
export function isUp(clusters: Clusters, { cluster, node }: NodeAddress): boolean {
  const status = clusters[cluster]?.nodes[node]?.status;
  return status === 'active' || status === 'suspected';
}

/** Connects another end where it is due ({@link cutOver}). */
export function cutOverLink(state: GridState, data: CutOverLink['data'], at: Millis): Decision<VirtualLinkCutOver> {
  const link = state.links.links[data.link];
  const cutover = state.links.cutovers[data.link];
  if (link === undefined) return reject('not-found', `there is no link ${data.link}`);
  if (cutover === undefined) return plainLink(link);
  const next = cutOver(cutover, link.restoreMs, at);
  if (next === cutover) return NOTHING_TO_DO;
  const because = next.because === 'failed' ? lossOf(state.clusters, link, cutover.connected) : next.because!;
  return [{ type: 'VirtualLinkCutOver', v: 1, data: { link: link.id, connected: next.connected, because } }];
}

/** Connects the end that somebody wants. It is refused while that is down: flows would go nowhere. */
export function connectLinkEnd(state: GridState, data: ConnectLinkEnd['data']): Decision<VirtualLinkCutOver> {
  const all = Object.values(state.links.links);
  const link = all.find(({ name }) => name === data.link);
  if (link === undefined) {
    const names = all.map(({ name }) => name).join(', ');
    return reject('not-found', `there is no link ${data.link}; links of this grid: ${names || 'none'}`);
  }
  const cutover = state.links.cutovers[link.id];
  if (cutover === undefined) return plainLink(link);
  const { end } = data;
  if (!ENDS.includes(end)) return reject('invalid', `${end} is no end; a resilient link's are ${ENDS.join(' and ')}`);
  if (end === cutover.connected) return NOTHING_TO_DO;
  if (!cutover[end].isUp) {
    return reject('not-allowed', `link ${link.name}: its ${end} is down, the ${otherEnd(end)} stays connected`);
  }
  return [{ type: 'VirtualLinkCutOver', v: 1, data: { link: link.id, connected: end, because: 'operator' } }];
}

function plainLink({ name, kind }: VirtualLink): Rejection {
  return reject('invalid', `link ${name} is a ${kind} link: only resilient ones have a standby`);
}

/** How an end came to be down that was up once. */
function lossOf(clusters: Clusters, link: VirtualLink, end: ResilientEnd): CutoverCause {
  const address = nodesOfResilient(link)?.[end];
  const status = address && (clusters[address.cluster] as ClusterState | undefined)?.nodes[address.node]?.status;
  return status === 'failed' || status === 'recovering' ? 'failed' : 'drained';
}
