import type { Incarnation } from '../base/ids';
import type { NodeAddress } from '../node/address';
import type { Topology, TopologyLink } from '../topology/topology';
import { otherEnd, type ResilientEnd } from './cutover';
import { nodesOfResilient } from './ends';

/** How resilient links stand, by their IDs. Absent = all have their primary connected. */
export interface ConnectedEnds {
  /** The standby is connected. */
  readonly onStandby: ReadonlySet<number>;
  /** Both ends are open, while what was sent to one of them before a planned change is under way; absent = none. */
  readonly draining?: ReadonlySet<number>;
}

export const ALL_PRIMARIES: ConnectedEnds = { onStandby: new Set() };

/** Whether a life of a node is over, as somebody knows it; incarnation 0 = it is no member. */
export type IsOver = (node: NodeAddress, incarnation: Incarnation) => boolean;

/**
 * The end of a resilient link that is connected under a topology, as an observer knows it: what the topology says, unless that
 * end's life is over and the other's is not. So a root need not wait for the log, and comes to the same. Undefined for
 * links of other kinds.
 */
export function connectedEnd(
  topology: Pick<Topology, 'clusters'>,
  link: TopologyLink,
  isOver: IsOver,
): ResilientEnd | undefined {
  const nodes = nodesOfResilient(link);
  if (nodes === undefined) return undefined;
  const said = link.connected ?? 'primary';
  const isGone = (end: ResilientEnd): boolean => isOver(nodes[end], incarnationIn(topology, nodes[end]));
  return isGone(said) && !isGone(otherEnd(said)) ? otherEnd(said) : said;
}

/** Links of a topology that have their standby connected, as an observer knows it. */
export function standbysIn(topology: Pick<Topology, 'clusters' | 'links'>, isOver: IsOver): ReadonlySet<number> {
  const found = topology.links.filter((link) => connectedEnd(topology, link, isOver) === 'standby');
  return new Set(found.map(({ id }) => id));
}

/** The life of a node that a topology names; 0 = it is no member. */
export function incarnationIn({ clusters }: Pick<Topology, 'clusters'>, { cluster, node }: NodeAddress): Incarnation {
  const members = clusters.find(({ id }) => id === cluster)?.members;
  return members?.find((member) => member.node === node)?.incarnation ?? 0;
}
