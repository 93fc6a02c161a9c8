import { withEntry, withoutEntry } from '../base/entries';
import { unreachable } from '../base/errors';
import type { Millis } from '../base/ids';
import type { NodeAddress } from '../node/address';
import type { Probes } from '../probe/evolve';
import type { VirtualLink } from '../topology/topology';
import { connectedTo, endFound, ENDS, type Cutover } from './cutover';
import { cutoverOf, isUp, nodesOfResilient, type Clusters } from './ends';
import type { LinkEvent, VlanAllocation } from './events';

/** Links, their VLAN IDs and the probes on them, each by ID. */
export interface LinkState {
  readonly links: { readonly [link: number]: VirtualLink };
  readonly vlans: { readonly [vlan: number]: VlanAllocation };
  /**
   * Since when no frame is sent by IDs that nobody has now: their release, or when the last topology was retired that named
   * them; {@link HELD} until then. Frames with them can be under way for a while.
   */
  readonly resting: { readonly [vlan: number]: Millis };
  readonly probes: Probes;
  /** How each resilient link stands. */
  readonly cutovers: { readonly [link: number]: Cutover };
}

/** Nobody has the ID, but flows of a live topology go by it. */
export const HELD: Millis = Number.MAX_SAFE_INTEGER;

export const NO_LINKS: LinkState = { links: {}, vlans: {}, resting: {}, probes: {}, cutovers: {} };

/** What becomes of links depends on what is around them. */
export interface LinksAround {
  /** With their nodes: a resilient link begins as its ends are. */
  readonly clusters: Clusters;
  /** Whether a live topology names a VLAN ID. */
  readonly isNamed: (vlan: number) => boolean;
}

/** @param at time of the event's commit */
export function evolveLinks(state: LinkState, event: LinkEvent, at: Millis, around: LinksAround): LinkState {
  switch (event.type) {
    case 'VirtualLinkCreated':
    case 'VirtualLinkChanged':
      return withLink(state, event.data, at, around.clusters);
    case 'VirtualLinkDeleted':
      return {
        ...state,
        links: withoutEntry(state.links, event.data.link),
        cutovers: without(state.cutovers, event.data.link),
      };
    case 'VirtualLinkCutOver': {
      const { link, connected, because } = event.data;
      const before = state.cutovers[link];
      if (before === undefined) return state;
      return { ...state, cutovers: withEntry(state.cutovers, link, connectedTo(before, connected, because, at)) };
    }
    case 'VlanAllocated':
      return {
        ...state,
        vlans: withEntry(state.vlans, event.data.vlan, event.data),
        resting: event.data.vlan in state.resting ? withoutEntry(state.resting, event.data.vlan) : state.resting,
      };
    case 'VlanReleased':
      return {
        ...state,
        vlans: withoutEntry(state.vlans, event.data.vlan),
        resting: withEntry(state.resting, event.data.vlan, around.isNamed(event.data.vlan) ? HELD : at),
      };
    default:
      return unreachable(event);
  }
}

/** IDs that were held and that no live topology names any more begin to rest: a topology was retired at `at`. */
export function restUnnamed(state: LinkState, at: Millis, isNamed: (vlan: number) => boolean): LinkState {
  const ended = Object.keys(state.resting).filter(
    (vlan) => state.resting[Number(vlan)] === HELD && !isNamed(Number(vlan)),
  );
  if (ended.length === 0) return state;
  return { ...state, resting: { ...state.resting, ...Object.fromEntries(ended.map((vlan) => [vlan, at])) } };
}

/** A node's life went on: resilient links that it is an end of know whether that is up. */
export function evolveEnds(state: LinkState, node: NodeAddress, at: Millis, clusters: Clusters): LinkState {
  let { cutovers } = state;
  for (const [id, cutover] of Object.entries(cutovers)) {
    const nodes = nodesOfResilient(state.links[Number(id)]!);
    let after = cutover;
    for (const end of ENDS) {
      if (nodes !== undefined && isSame(nodes[end], node)) after = endFound(after, end, isUp(clusters, node), at);
    }
    if (after !== cutover) cutovers = withEntry(cutovers, Number(id), after);
  }
  return cutovers === state.cutovers ? state : { ...state, cutovers };
}

/** A link stands as it stood while its ends are the same nodes. */
function withLink(state: LinkState, link: VirtualLink, at: Millis, clusters: Clusters): LinkState {
  const links = withEntry(state.links, link.id, link);
  const nodes = nodesOfResilient(link);
  if (nodes === undefined) return { ...state, links, cutovers: without(state.cutovers, link.id) };
  const before = state.links[link.id] && nodesOfResilient(state.links[link.id]!);
  const isKnown = state.cutovers[link.id] !== undefined && before !== undefined;
  if (isKnown && ENDS.every((end) => isSame(before[end], nodes[end]))) return { ...state, links };
  return { ...state, links, cutovers: withEntry(state.cutovers, link.id, cutoverOf(nodes, clusters, at)) };
}

function without(cutovers: LinkState['cutovers'], link: number): LinkState['cutovers'] {
  return link in cutovers ? withoutEntry(cutovers, link) : cutovers;
}

function isSame(a: NodeAddress, b: NodeAddress): boolean {
  return a.cluster === b.cluster && a.node === b.node;
}
