import { canonical, type Canonical } from '../base/canonical';
import type { NodeAddress } from '../node/address';
import type { LinkMember, Topology, TopologyLink } from '../topology/topology';
import { connectedEnd, incarnationIn, standbysIn, type IsOver } from './connected-ends';
import { nodesOfResilient } from './ends';
import { interfacesOf, type LinkInterface } from './interfaces';
import { lanOfTopology } from './lan-links';

type LinkTopology = Pick<Topology, 'links' | 'networks' | 'clusters'>;

/**
 * The interfaces that nodes have between them while several topologies are live: what any of these says of a link, because
 * flows go by the links of the topology that they began in. Links to networks are not among them: what comes from there
 * enters by the networks' own ports.
 *
 * Each VLAN is heard by one interface of a node, so that no frame comes to it twice. Where topologies differ in a link, the
 * newer says of what kind it is, and its interfaces are preferred.
 *
 * Of a resilient link the end is open that a topology has connected, unless its life is over; so both are while flows live that
 * began before a planned change.
 *
 * @param topologies newest first
 * @param nodes in any order
 * @param isDead lives that are over, besides those that the newest topology does not name any more
 */
export function liveInterfaces(
  topologies: readonly LinkTopology[],
  nodes: readonly NodeAddress[],
  isDead: IsOver = () => false,
): LinkInterface[] {
  const ordered = [...nodes].sort((a, b) => a.cluster - b.cluster || a.node - b.node);
  const [newest] = topologies;
  const isOver: IsOver = (node, incarnation) =>
    newest === undefined || incarnationIn(newest, node) !== incarnation || isDead(node, incarnation);
  const all: LinkInterface[] = [];
  const places = new Map<string, number[]>();
  for (const topology of topologies) {
    const links = topology.links.filter(
      (link) => link.kind !== 'external' && (topology === newest || hasEnd(topology, link, isOver)),
    );
    const lan = lanOfTopology({ ...topology, links });
    const ends = { onStandby: standbysIn(topology, isOver) };
    for (const node of ordered) {
      for (const older of interfacesOf(lan, node, ends)) {
        const key = `${older.node.cluster}/${older.node.node} ${older.link}`;
        const known = places.get(key) ?? [];
        const place = known.find((each) => areOne(all[each]!, older));
        const others = known.filter((each) => each !== place && hearAlike(all[each]!, older));
        for (const each of others) all[each] = heardToo(all[each]!, older);
        const hears = older.hears.filter((vlan) => others.every((each) => !all[each]!.hears.includes(vlan)));
        if (place === undefined) places.set(key, [...known, all.push({ ...older, hears }) - 1]);
        else all[place] = merged(all[place]!, { ...older, hears });
      }
    }
  }
  return all;
}

/** One text for the same interfaces in the same order, wherever they were made. */
export function interfacesText(interfaces: readonly LinkInterface[]): string {
  return canonical(interfaces as unknown as Canonical);
}

/** Whether flows that began under a topology can still go by a link: not by a resilient one both of whose ends were replaced. */
function hasEnd(topology: LinkTopology, link: TopologyLink, isOver: IsOver): boolean {
  const end = connectedEnd(topology, link, isOver);
  if (end === undefined) return true;
  const node = nodesOfResilient(link)![end];
  return !isOver(node, incarnationIn(topology, node));
}

/**
 * Whether two interfaces of a node on a link can be one: it sends by a single VLAN. A link of another kind can have others, and a
 * VLAN by which the node sent can be one that it hears now.
 */
function areOne(a: LinkInterface, b: LinkInterface): boolean {
  if (a.sends !== undefined && b.sends !== undefined) return a.sends === b.sends;
  return hearAlike(a, b);
}

function hearAlike(a: LinkInterface, b: LinkInterface): boolean {
  return a.hears.some((vlan) => b.hears.includes(vlan));
}

/** An interface that hears for an older one what both hear, which sends otherwise. */
function heardToo(newer: LinkInterface, older: LinkInterface): LinkInterface {
  return {
    ...newer,
    isIdle: newer.isIdle && older.isIdle,
    takesAll: newer.takesAll || older.takesAll,
    ...unionOf('senders', newer, older),
  };
}

function merged(newer: LinkInterface, older: LinkInterface): LinkInterface {
  const sends = newer.sends ?? older.sends;
  return {
    ...heardToo(newer, older),
    ...(sends === undefined ? {} : { sends }),
    hears: [...new Set([...newer.hears, ...older.hears])].sort((a, b) => a - b),
    ...unionOf('receivers', newer, older),
  };
}

function unionOf(
  whom: 'senders' | 'receivers',
  newer: LinkInterface,
  older: LinkInterface,
): Partial<Record<'senders' | 'receivers', readonly LinkMember[]>> {
  const known = newer[whom] ?? [];
  const more = (older[whom] ?? []).filter((member) => !known.some((each) => isSameMember(each, member)));
  if (newer[whom] === undefined && older[whom] === undefined) return {};
  return { [whom]: more.length === 0 ? known : [...known, ...more] };
}

function isSameMember(a: LinkMember, b: LinkMember): boolean {
  if ('network' in a || 'network' in b) return 'network' in a && 'network' in b && a.network === b.network;
  return a.cluster === b.cluster && ('node' in a ? a.node : 0) === ('node' in b ? b.node : 0);
}
