import type { ExternalNetwork, VirtualLink } from '../topology/topology';
import type { VlanAllocation } from './events';
import { isReserved, type VlanSettings } from './vlan-settings';

type Way = VlanAllocation['direction'];

/** The network of an ID; undefined = there is none. */
type Networks = (id: number) => ExternalNetwork | undefined;

/**
 * The ways of which each has a VLAN of its own, by kind ([0034]): `transmit` is forward, away from the root or first end,
 * `receive` is what comes back. Tagged external links have their operator's IDs, and replicated ones listen to another's.
 */
const OWN: { readonly [Kind in VirtualLink['kind']]: readonly Way[] } = {
  external: ['both'],
  cable: ['transmit', 'receive'],
  switch: ['both'],
  hub: ['both'],
  star: ['transmit', 'receive'],
  resilient: ['transmit', 'receive'],
  clustered: ['transmit'],
  replicated: [],
};

/** The ways for which a link is given VLAN IDs of the reserved block. */
export function ownWays(link: VirtualLink, networks: Networks): readonly Way[] {
  return networkOf(link, networks)?.tagged === true ? [] : OWN[link.kind];
}

/** The ways that a link has no ID for yet, and the IDs that it holds for ways that it does not have (any more). */
export function vlanDifference(
  link: VirtualLink,
  networks: Networks,
  vlans: { readonly [vlan: number]: VlanAllocation },
): { readonly missing: readonly Way[]; readonly surplus: readonly VlanAllocation[] } {
  const ways = ownWays(link, networks);
  const own = Object.values(vlans).filter((each) => each.link === link.id && each.cluster === 0);
  return {
    missing: ways.filter((way) => own.every(({ direction }) => direction !== way)),
    surplus: own.filter(({ direction }) => !ways.includes(direction)),
  };
}

/** What stands in the way of what an external link wants of its network's port. */
export interface VlanClash {
  /** The operator's ID in question; undefined: the whole port. */
  readonly vlan?: number;
  /** The link that has it already; undefined: the grid reserves it. */
  readonly other?: VirtualLink;
  readonly what: string;
  readonly remedy: string;
}

/** Where a link's VLAN IDs meet the reserved block, or what other links have on the port of the same network ([0041]). */
export function vlanClashes(
  link: VirtualLink,
  others: readonly VirtualLink[],
  networks: Networks,
  settings: VlanSettings,
): VlanClash[] {
  const network = networkOf(link, networks);
  if (network === undefined) return [];
  const reserved = (link.vlans ?? [])
    .filter((vlan) => isReserved(settings, vlan))
    .map((vlan) => ({
      vlan,
      what: `VLAN ${vlan} is of the block ${settings.first}–${settings.last}, which the grid reserves`,
      remedy: 'name one outside the block, or give the grid another block with "vlans"',
    }));
  const beside = others.filter((other) => other.id !== link.id && networkOf(other, networks)?.id === network.id);
  return [...reserved, ...beside.flatMap((other) => portClashes(link, other, network))];
}

function portClashes(link: VirtualLink, other: VirtualLink, network: ExternalNetwork): VlanClash[] {
  if (!network.tagged) {
    const what = `network ${network.name} is untagged, and link ${other.name} joins it already`;
    return [{ other, what, remedy: 'list all members in one link, or set "tagged: true" on the network' }];
  }
  if (link.vlans === undefined || other.vlans === undefined) {
    const whose = other.vlans === undefined ? `link ${other.name} has all VLANs of` : `link ${other.name} has VLANs of`;
    const what = `${whose} network ${network.name} already${link.vlans === undefined ? ', and it would take all' : ''}`;
    return [{ other, what, remedy: 'give each link of a tagged network the "vlans" that are its own' }];
  }
  const taken = new Set(other.vlans);
  return link.vlans
    .filter((vlan) => taken.has(vlan))
    .map((vlan) => ({
      vlan,
      other,
      what: `VLAN ${vlan} of network ${network.name} is link ${other.name}'s already`,
      remedy: 'name each ID in one link of a network',
    }));
}

function networkOf(link: VirtualLink, networks: Networks): ExternalNetwork | undefined {
  if (link.kind !== 'external') return undefined;
  const member = link.members.find((each) => 'network' in each);
  return member === undefined ? undefined : networks(member.network);
}
