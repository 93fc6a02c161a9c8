import type { LinkVlans, Topology, TopologyLink, VirtualLink } from '../topology/topology';
import type { VlanAllocation } from './events';
import type { LinkState } from './evolve';
import type { Lan } from './plan';
import { DEFAULT_VLANS } from './vlan-settings';

type Way = VlanAllocation['direction'];

/** How topologies name the ways of links. */
const NAMES: { readonly [way in Way]: keyof LinkVlans } = { both: 'both', transmit: 'forward', receive: 'back' };

type Stands = Pick<LinkState, 'links' | 'vlans' | 'cutovers'>;

/** Lists that were made, by the links that they are made of: whether a topology is stale is asked at every word of every agent. */
const lists = new WeakMap<LinkState['links'], Omit<Stands, 'links'> & { readonly list: TopologyLink[] }>();
/** A link that did not change is the same object in each list. */
const carried = new WeakMap<VirtualLink, TopologyLink>();

/** The links of a grid as its topology names them, in order of their IDs. */
export function lanLinks({ links, vlans, cutovers }: Stands): readonly TopologyLink[] {
  const known = lists.get(links);
  if (known?.vlans === vlans && known.cutovers === cutovers) return known.list;
  const given = new Map<number, LinkVlans>();
  for (const { link, cluster, direction, vlan } of Object.values(vlans)) {
    if (cluster === 0) given.set(link, { ...given.get(link), [NAMES[direction]]: vlan });
  }
  const list = Object.values(links).map((link) => {
    const lan = given.get(link.id);
    const isOnStandby = cutovers[link.id]?.connected === 'standby';
    return asItStands(link, {
      ...(lan === undefined ? {} : { lan }),
      ...(isOnStandby ? { connected: 'standby' } : {}),
    });
  });
  lists.set(links, { vlans, cutovers, list });
  return list;
}

function asItStands(link: VirtualLink, now: Pick<TopologyLink, 'lan' | 'connected'>): TopologyLink {
  if (now.lan === undefined && now.connected === undefined) return link;
  const known = carried.get(link);
  if (known !== undefined && known.connected === now.connected && sameVlans(known.lan, now.lan)) return known;
  const whole = { ...link, ...now };
  carried.set(link, whole);
  return whole;
}

/** The VLAN IDs that a link carries. */
export function vlansOf({ lan = {} }: TopologyLink): number[] {
  return [lan.both, lan.forward, lan.back].filter((vlan) => vlan !== undefined);
}

/** The LAN that the links of a topology share. */
export function lanOfTopology({ links, networks }: Pick<Topology, 'links' | 'networks'>): Lan {
  return { links, networks, settings: DEFAULT_VLANS, vlans: allocationsOf(links) };
}

/** The VLAN IDs that links carry, as the VLAN manager gave them. */
export function allocationsOf(links: readonly TopologyLink[]): Lan['vlans'] {
  const all: { [vlan: number]: VlanAllocation } = {};
  for (const { id, lan = {} } of links) {
    for (const direction of ['both', 'transmit', 'receive'] as const) {
      const vlan = lan[NAMES[direction]];
      if (vlan !== undefined) all[vlan] = { vlan, link: id, cluster: 0, direction };
    }
  }
  return all;
}

function sameVlans(a: LinkVlans = {}, b: LinkVlans = {}): boolean {
  return a.both === b.both && a.forward === b.forward && a.back === b.back;
}
