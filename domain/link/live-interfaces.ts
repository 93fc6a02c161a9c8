import { canonical, type Canonical } from '../base/canonical';
import type { NodeAddress } from '../node/address';
import type { LinkMember, Topology } from '../topology/topology';
import { interfacesOf, type LinkInterface } from './interfaces';
import { lanOfTopology } from './lan-links';

/**
 * The interfaces that nodes have between them while several topologies are live: what any of these says of a link, because
 * flows go by the links of the topology that they began in. Links to networks are not among them: what comes from there
 * enters by the networks' own ports.
 *
 * Each VLAN is heard by one interface of a node, so that no frame comes to it twice. Where topologies differ in a link, the
 * newer says of what kind it is, and its interfaces are preferred.
 *
 * @param topologies newest first
 * @param nodes in any order
 */
export function liveInterfaces(
  topologies: readonly Pick<Topology, 'links' | 'networks'>[],
  nodes: readonly NodeAddress[],
): LinkInterface[] {
  const ordered = [...nodes].sort((a, b) => a.cluster - b.cluster || a.node - b.node);
  const all: LinkInterface[] = [];
  const places = new Map<string, number[]>();
  for (const topology of topologies) {
    const lan = lanOfTopology({ ...topology, links: topology.links.filter(({ kind }) => kind !== 'external') });
    for (const node of ordered) {
      for (const older of interfacesOf(lan, node)) {
        const key = `${older.node.cluster}/${older.node.node} ${older.link}`;
        const known = places.get(key) ?? [];
        const place = known.find((each) => meet(all[each]!, older));
        if (place === undefined) places.set(key, [...known, all.push(older) - 1]);
        else all[place] = merged(all[place]!, older);
      }
    }
  }
  return all;
}

/** One text for the same interfaces in the same order, wherever they were made. */
export function interfacesText(interfaces: readonly LinkInterface[]): string {
  return canonical(interfaces as unknown as Canonical);
}

/** Whether two interfaces of a node on a link are one: a link of another kind can have other VLANs. */
function meet(a: LinkInterface, b: LinkInterface): boolean {
  return (a.sends !== undefined && a.sends === b.sends) || a.hears.some((vlan) => b.hears.includes(vlan));
}

function merged(newer: LinkInterface, older: LinkInterface): LinkInterface {
  const sends = newer.sends ?? older.sends;
  return {
    ...newer,
    ...(sends === undefined ? {} : { sends }),
    hears: [...new Set([...newer.hears, ...older.hears])].sort((a, b) => a - b),
    takesAll: newer.takesAll || older.takesAll,
    ...unionOf('senders', newer, older),
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
