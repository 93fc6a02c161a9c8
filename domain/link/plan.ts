import { nodeRef } from '../base/ids';
import type { NodeAddress } from '../node/address';
import type { ExternalNetwork, LinkMember, VirtualLink } from '../topology/topology';
import { ALL_PRIMARIES, type ConnectedEnds } from './connected-ends';
import type { VlanAllocation } from './events';
import { isClosed } from './reach';
import { goes, hasDirections, isHead, sidesOf, standsFor, type MemberSide } from './sides';
import { isReserved, VLAN_ID_MAX, type VlanSettings } from './vlan-settings';

type Way = VlanAllocation['direction'];

/**
 * What a plan is made of: the links that share a LAN, and the VLAN IDs that they have. A link can be there as it is and as it was,
 * while flows go by both.
 */
export interface Lan {
  readonly links: readonly VirtualLink[];
  readonly vlans: { readonly [vlan: number]: VlanAllocation };
  readonly networks: readonly ExternalNetwork[];
  readonly settings: VlanSettings;
}

/** A port of the LAN switch, and what is plugged in there: nodes (one, or those that share a host), or a network. */
export interface LanPort {
  readonly name: string;
  readonly nodes: readonly NodeAddress[];
  readonly network?: number;
}

/** What a port has to do with a link, for one of its members. */
export interface PortUse {
  readonly link: VirtualLink;
  /** Place of the member. */
  readonly member: number;
  readonly side: MemberSide;
  /** VLANs that frames come in by, and go out by, at this port. */
  readonly sends: readonly number[];
  readonly hears: readonly number[];
  /** The end of a resilient link that is not connected now: the switch is told nothing for it. */
  readonly isIdle: boolean;
}

/** What the LAN switch is told of a port; each list in order. */
export interface PortPlan {
  readonly port: LanPort;
  /** VLAN of frames that come untagged; undefined: they are dropped. */
  readonly pvid?: number;
  /** VLANs that leave by the port with a tag, and without. */
  readonly tagged: readonly number[];
  readonly untagged: readonly number[];
  /** VLANs in which the port sends without being in them: others send there too, whom it is not to hear. */
  readonly sendOnly: readonly number[];
  /** Off where there are such VLANs: a switch that filters would drop what comes for them. */
  readonly ingressFiltering: boolean;
  readonly uses: readonly PortUse[];
}

export interface LanPlan {
  readonly ports: readonly PortPlan[];
  /** VLANs of several links, which the LAN makes one of: operators named them for networks of different ports. */
  readonly shared: readonly { readonly vlan: number; readonly links: readonly VirtualLink[] }[];
}

/**
 * What the LAN switch has to be told so that frames on each link reach whom `reachOf` says ([0034], [0035], [0036]). Nodes
 * tag what they send, and untagged networks get the VLAN of their link from the port ([0036 a]).
 *
 * @param ends how resilient links stand
 */
export function lanPlan(lan: Lan, ports: readonly LanPort[], ends: ConnectedEnds = ALL_PRIMARIES): LanPlan {
  const used = ports.map((port) => ({ port, uses: usesOf(lan, port, ends) }));
  const senders = new Map<number, number>();
  for (const { uses } of used) for (const vlan of sentBy(uses)) senders.set(vlan, (senders.get(vlan) ?? 0) + 1);
  return { ports: used.map(({ port, uses }) => portPlan(lan, port, uses, senders)), shared: sharedVlans(lan) };
}

/** The VLAN IDs of a link by its ways; a replicated link has none of its own. */
export function waysOf(lan: Lan, link: VirtualLink): { readonly [way in Way]: readonly number[] } {
  const own = ownAllocations(lan, link);
  const given = (way: Way): number[] => own.filter(({ direction }) => direction === way).map(({ vlan }) => vlan);
  return { both: operatorsVlans(lan, link) ?? given('both'), transmit: given('transmit'), receive: given('receive') };
}

/** By link, of the LANs whose links were asked for. */
const byLink = new WeakMap<Lan['vlans'], ReadonlyMap<number, readonly VlanAllocation[]>>();

/** The VLAN IDs that a link was given for its ways. */
export function ownAllocations({ vlans }: Lan, link: VirtualLink): readonly VlanAllocation[] {
  let found = byLink.get(vlans);
  if (found === undefined) {
    const lists = new Map<number, VlanAllocation[]>();
    for (const each of Object.values(vlans)) {
      if (each.cluster === 0) lists.set(each.link, [...(lists.get(each.link) ?? []), each]);
    }
    byLink.set(vlans, (found = lists));
  }
  return found.get(link.id) ?? [];
}

/** The IDs of an external link to a tagged network: those that its operator named, or all that the grid leaves. */
function operatorsVlans({ networks, settings }: Lan, link: VirtualLink): readonly number[] | undefined {
  const member = link.members.find((each) => 'network' in each);
  if (member === undefined || networks.find(({ id }) => id === member.network)?.tagged !== true) return undefined;
  if (link.vlans !== undefined) return [...link.vlans].sort((a, b) => a - b);
  return Array.from({ length: VLAN_ID_MAX }, (_, index) => index + 1).filter((vlan) => !isReserved(settings, vlan));
}

/** What a port has to do with each of the links, in their order and that of their members. */
export function usesOf(lan: Lan, port: LanPort, ends: ConnectedEnds): PortUse[] {
  return lan.links.flatMap((link) => {
    const sides = sidesOf(link);
    return link.members.flatMap((member, place): PortUse[] => {
      if (!isAt(port, member)) return [];
      const side = sides[place]!;
      return [{ link, member: place, side, ...vlansAt(lan, link, side), isIdle: isClosed(link, side, ends) }];
    });
  });
}

function isAt({ nodes, network }: LanPort, member: LinkMember): boolean {
  if ('network' in member) return member.network === network;
  return nodes.some(({ cluster, node }) => standsFor(member, nodeRef(cluster, node)));
}

/** In which VLANs a side sends, and which it hears. */
function vlansAt(lan: Lan, link: VirtualLink, side: MemberSide): Pick<PortUse, 'sends' | 'hears'> {
  if (link.kind === 'replicated') return { sends: [], hears: tappedVlans(lan, link) };
  const { both, transmit, receive } = waysOf(lan, link);
  if (!hasDirections(link)) return { sends: both, hears: both };
  const away = goes(link, 'forward') ? transmit : [];
  const back = goes(link, 'backward') ? receive : [];
  return isHead(side) ? { sends: away, hears: back } : { sends: back, hears: away };
}

function tappedVlans(lan: Lan, { tap }: VirtualLink): readonly number[] {
  const tapped = lan.links.find(({ id }) => id === tap?.link);
  if (tapped === undefined) return [];
  return waysOf(lan, tapped)[tap!.direction === 'forward' ? 'transmit' : 'receive'];
}

function portPlan(lan: Lan, port: LanPort, uses: readonly PortUse[], senders: ReadonlyMap<number, number>): PortPlan {
  const heard = new Set(uses.flatMap(({ hears, isIdle: idle }) => (idle ? [] : hears)));
  const unheard = sentBy(uses).filter((vlan) => !heard.has(vlan));
  // Where nobody else sends there is nothing to hear: being in the VLAN does no harm, and the port may filter.
  const sendOnly = unheard.filter((vlan) => senders.get(vlan)! > 1);
  const members = [...heard, ...unheard.filter((vlan) => !sendOnly.includes(vlan))].sort((a, b) => a - b);
  const isPlain = lan.networks.some(({ id, tagged }) => id === port.network && !tagged);
  const pvid = isPlain ? sentBy(uses)[0] : undefined;
  return {
    port,
    ...(pvid === undefined ? {} : { pvid }),
    tagged: isPlain ? [] : members,
    untagged: isPlain ? members : [],
    sendOnly,
    ingressFiltering: sendOnly.length === 0,
    uses,
  };
}

/** Each VLAN in which something is sent, once and in order. */
function sentBy(uses: readonly PortUse[]): number[] {
  const sent = new Set(uses.flatMap(({ sends, isIdle: idle }) => (idle ? [] : sends)));
  return [...sent].sort((a, b) => a - b);
}

function sharedVlans(lan: Lan): LanPlan['shared'] {
  const holders = new Map<number, VirtualLink[]>();
  for (const link of lan.links) {
    for (const vlan of Object.values(waysOf(lan, link)).flat()) {
      const known = holders.get(vlan) ?? [];
      if (known.every(({ id }) => id !== link.id)) holders.set(vlan, [...known, link]);
    }
  }
  const shared = [...holders].filter(([, links]) => links.length > 1).map(([vlan, links]) => ({ vlan, links }));
  return shared.sort((a, b) => a.vlan - b.vlan);
}
