import type { ClusterId, Millis, NodeRef } from '../domain/base/ids';
import type { GridState } from '../domain/grid-state';
import type { CutoverCause, ResilientEnd } from '../domain/link/cutover';
import { linkMacs, nicMac } from '../domain/link/mac';
import { waysOf } from '../domain/link/plan';
import { reachOf, type Sender, type Traffic } from '../domain/link/reach';
import { directionOf, hasDirections, isHead, memberName, sidesOf } from '../domain/link/sides';
import { restMs, vlanSettingsOf } from '../domain/link/vlan-settings';
import type { FlowPath, LinkDirection, LinkKind, VirtualLink } from '../domain/topology/topology';
import { stepsOf } from '../domain/path/steps';
import { joinsNode, linkBetween } from '../domain/topology/links';
import { lanOf, pluggedNodes } from './lan';

/** The links of a grid as `link list` shows them. */
export interface LinksView {
  readonly grid: string;
  readonly links: readonly LinkView[];
  /** VLAN IDs that were released and are not given again yet. */
  readonly resting: number;
}

export interface LinkView {
  readonly id: number;
  readonly name: string;
  readonly kind: LinkKind;
  /** Of links that tell ways apart. */
  readonly direction?: LinkDirection;
  readonly control: boolean;
  readonly hub: boolean;
  /** Of a resilient link whose primary is connected again when it has been back for so long. */
  readonly restoreMs?: Millis;
  /** Of a resilient link: the end that is connected; `since` and `because` where that was not so from the beginning. */
  readonly connected?: ConnectedView;
  readonly members: readonly MemberView[];
  readonly vlans: {
    readonly both: readonly number[];
    readonly transmit: readonly number[];
    readonly receive: readonly number[];
  };
  /** What a replicated link listens to. */
  readonly tap?: { readonly link: string; readonly direction: string };
}

export interface ConnectedView {
  readonly end: ResilientEnd;
  readonly node: string;
  readonly since?: Millis;
  readonly because?: CutoverCause;
}

export interface MemberView {
  readonly name: string;
  readonly side: string;
  readonly sends: boolean;
  readonly hears: boolean;
  readonly promiscuous: boolean;
}

/** One link whole, as `link show` shows it. */
export interface WholeLinkView extends LinkView {
  readonly mtu: number;
  /** Of each node that is on the link: its own address, and on a virtual hub its cluster's there. */
  readonly macs: readonly { readonly node: string; readonly nic: string; readonly link?: string }[];
  readonly reach: readonly ReachView[];
  /** Paths whose flows it carries from one cluster to the next, or in and out of the grid. */
  readonly paths: readonly string[];
}

/** Whom frames of a sender reach; `to` is a member, or `unknown`, `multicast` or `broadcast`. */
export interface ReachView {
  readonly from: string;
  readonly to: string;
  readonly interfaces: readonly string[];
  readonly applications: readonly string[];
  /** Of a resilient link: this holds while the primary is down. */
  readonly primaryDown?: true;
}

export function linksView(state: GridState): LinksView {
  const rest = restMs(vlanSettingsOf(state.grid));
  const resting = Object.values(state.links.resting).filter((since) => state.at - since < rest).length;
  const links = Object.values(state.links.links).map((link) => linkView(state, link));
  return { grid: state.grid?.name ?? '', links, resting };
}

export function wholeLinkView(state: GridState, link: VirtualLink): WholeLinkView {
  return {
    ...linkView(state, link),
    mtu: link.mtu,
    macs: macsOf(state, link),
    reach: reachView(state, link),
    paths: Object.values(state.paths)
      .filter((path) => isUsedBy(state, link, path))
      .map(({ name }) => name),
  };
}

function linkView(state: GridState, link: VirtualLink): LinkView {
  const { id, name, kind, control, tap } = link;
  const tapped = tap === undefined ? undefined : state.links.links[tap.link];
  return {
    id,
    name,
    kind,
    ...(hasDirections(link) ? { direction: directionOf(link) } : {}),
    control,
    hub: link.hub === true,
    ...(link.restoreMs === undefined ? {} : { restoreMs: link.restoreMs }),
    ...connectedView(state, link),
    members: memberViews(state, link),
    vlans: waysOf(lanOf(state), link),
    ...(tap === undefined ? {} : { tap: { link: tapped?.name ?? String(tap.link), direction: tap.direction } }),
  };
}

function connectedView(state: GridState, link: VirtualLink): Pick<LinkView, 'connected'> {
  const cutover = state.links.cutovers[link.id];
  if (cutover === undefined) return {};
  const { connected: end, since, because } = cutover;
  const node = memberNames(state, link)[sidesOf(link).indexOf(end)]!;
  return { connected: { end, node, ...(because === undefined ? {} : { since, because }) } };
}

function memberViews(state: GridState, link: VirtualLink): MemberView[] {
  const sides = sidesOf(link);
  const names = memberNames(state, link);
  const direction = hasDirections(link) ? directionOf(link) : 'both';
  return link.members.map((member, place) => {
    const side = sides[place]!;
    const isListening = link.kind === 'replicated';
    return {
      name: names[place]!,
      side,
      sends: !isListening && (direction === 'both' || isHead(side) === (direction === 'forward')),
      hears: isListening || direction === 'both' || isHead(side) === (direction === 'backward'),
      promiscuous: 'promiscuous' in member && member.promiscuous === true,
    };
  });
}

/** What a link's members are called, in their order. */
export function memberNames(state: GridState, link: VirtualLink): string[] {
  const network = (id: number): string => state.grid?.networks.find((each) => each.id === id)?.name ?? `network ${id}`;
  return link.members.map((member) => memberName(member, { cluster: (id) => clusterName(state, id), network }));
}

function reachView(state: GridState, link: VirtualLink): ReachView[] {
  const names = memberNames(state, link);
  const tapped =
    link.tap === undefined ? 'the tapped link' : (state.links.links[link.tap.link]?.name ?? 'the tapped link');
  const senders: readonly Sender[] = link.kind === 'replicated' ? ['tapped'] : [...link.members.keys()];
  const failures = link.kind === 'resilient' ? [false, true] : [false];
  const named = (places: readonly number[]): string[] => places.map((place) => names[place]!);
  return failures.flatMap((isPrimaryDown) =>
    senders.flatMap((from) =>
      trafficFrom(link, from).map((traffic): ReachView => {
        const { interfaces, applications } = reachOf(link, from, traffic, { isPrimaryDown });
        return {
          from: from === 'tapped' ? tapped : names[from]!,
          to: typeof traffic === 'string' ? traffic : names[traffic.member]!,
          interfaces: named(interfaces),
          applications: named(applications),
          ...(isPrimaryDown ? { primaryDown: true } : {}),
        };
      }),
    ),
  );
}

function trafficFrom({ members }: VirtualLink, from: Sender): Traffic[] {
  const others = members.flatMap((_, member) => (member === from ? [] : [{ member }]));
  return [...others, 'unknown', 'multicast', 'broadcast'];
}

function macsOf(state: GridState, link: VirtualLink): WholeLinkView['macs'] {
  const hub = new Map(linkMacs(link, Object.values(state.links.vlans)).map(({ cluster, mac }) => [cluster, mac]));
  const joined = pluggedNodes(state).filter(({ ref }) => joinsNode(link, ref));
  return joined.map(({ name, address: { cluster, node } }) => {
    const mac = hub.get(cluster);
    return { node: name, nic: nicMac(cluster, node), ...(mac === undefined ? {} : { link: mac }) };
  });
}

/** Whether flows of a path, or what answers them, go over the link: on a step, or at the networks of its ends. */
function isUsedBy(state: GridState, link: VirtualLink, path: FlowPath): boolean {
  const network = link.members.find((member) => 'network' in member);
  if (network !== undefined) return [...path.from, path.to].includes(network.network);
  const links = Object.values(state.links.links);
  const nodes = pluggedNodes(state);
  const refs = (cluster: ClusterId): NodeRef[] =>
    nodes.filter(({ address }) => address.cluster === cluster).map(({ ref }) => ref);
  const takes = (a: NodeRef, b: NodeRef): boolean => linkBetween({ links }, a, b, false) === link;
  const steps = stepsOf(path, (id) => state.clusters[id]?.settings);
  return steps.some(({ from, to }) => refs(from).some((a) => refs(to).some((b) => takes(a, b) || takes(b, a))));
}

function clusterName(state: GridState, id: ClusterId): string {
  return state.clusters[id]?.settings.name ?? `cluster ${id}`;
}
