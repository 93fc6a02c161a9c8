import type { NodeAddress } from '../node/address';
import type { LinkKind, LinkMember, VirtualLink } from '../topology/topology';
import { ALL_PRIMARIES, type ConnectedEnds } from './connected-ends';
import { linkMacs, nicMac } from './mac';
import { ownAllocations, usesOf, type Lan, type PortUse } from './plan';
import { isClosed, takesAll } from './reach';
import { goes, hasDirections, isHead, sidesOf, type MemberSide } from './sides';

/** A virtual interface (VLI) of a node: what it is to be on one link ([0034]). Plain data. */
export interface LinkInterface {
  readonly node: NodeAddress;
  /** The link, and the place of the first member that the node is. */
  readonly link: number;
  readonly member: number;
  readonly kind: LinkKind;
  /** The link carries hellos and other control frames, and no flows. */
  readonly isControl: boolean;
  /** The VLAN that it tags with; absent: its side sends nothing. A tagged external link's frames bring their own. */
  readonly sends?: number;
  /** VLANs that it hears, in order. */
  readonly hears: readonly number[];
  /** The other end's tags are its operator's, and part of the frame. */
  readonly keepsTags: boolean;
  /** It is the end of a resilient link that is not connected: it sends and hears nothing. */
  readonly isIdle: boolean;
  /** Its application sees every frame; others those for it, for groups and for everybody. */
  readonly takesAll: boolean;
  /** Frames for one station come to its application with its own address ([0036 d], [0036 f]). */
  readonly substitutes: boolean;
  /** The node's address on the grid (Table 1, Mn), and the one of its cluster on a virtual hub (Mv). */
  readonly nic: string;
  readonly address?: string;
  /** Whom it may hear; absent: anybody, beyond the grid's end. */
  readonly senders?: readonly LinkMember[];
  /** Whom flows go to from it; absent: beyond the grid's end, or nobody. */
  readonly receivers?: readonly LinkMember[];
}

/**
 * The interfaces that a node has to have for the links of its grid, one each, in the order of links.
 */
export function interfacesOf(lan: Lan, node: NodeAddress, ends: ConnectedEnds = ALL_PRIMARIES): LinkInterface[] {
  const uses = usesOf(lan, { name: '', nodes: [node] }, ends);
  const interfaces = new Map<number, LinkInterface>();
  for (const use of uses) {
    const one = interfaceFor(lan, node, use, ends);
    const known = interfaces.get(one.link);
    // A node that is a member by itself and by its cluster is one station.
    interfaces.set(one.link, known === undefined ? one : { ...known, takesAll: known.takesAll || one.takesAll });
  }
  return [...interfaces.values()];
}

function interfaceFor(lan: Lan, node: NodeAddress, use: PortUse, ends: ConnectedEnds): LinkInterface {
  const { link, member, side, sends, hears } = use;
  const keepsTags = isTagged(lan, link);
  const own = linkMacs(link, ownAllocations(lan, link)).find(({ cluster }) => cluster === node.cluster);
  return {
    node: { cluster: node.cluster, node: node.node },
    link: link.id,
    member,
    kind: link.kind,
    isControl: link.control,
    ...(keepsTags || sends.length === 0 ? {} : { sends: sends[0]! }),
    hears,
    keepsTags,
    isIdle: use.isIdle,
    takesAll: takesAll(link, member),
    substitutes: link.kind === 'replicated' || (link.kind === 'clustered' && !isHead(side)),
    nic: nicMac(node.cluster, node.node),
    ...(own === undefined ? {} : { address: own.mac }),
    ...(link.kind === 'external' ? {} : { senders: sendersTo(lan, use, ends) }),
    ...(link.kind === 'external' || link.kind === 'replicated' ? {} : { receivers: receiversOf(use, ends) }),
  };
}

function isTagged({ networks }: Lan, link: VirtualLink): boolean {
  const outside = link.members.find((each) => 'network' in each);
  return outside !== undefined && networks.find(({ id }) => id === outside.network)?.tagged === true;
}

/** Members whose frames may come: on links with directions those of the other side that are connected, if frames go that way. */
function sendersTo(lan: Lan, { link, side }: PortUse, ends: ConnectedEnds): readonly LinkMember[] {
  if (link.kind === 'replicated') return tappedSenders(lan, link, ends);
  if (!hasDirections(link)) return link.members;
  if (!goes(link, isHead(side) ? 'backward' : 'forward')) return [];
  return membersAt(link, !isHead(side), ends);
}

/** The same the other way round: each frame names the node that it is for. */
function receiversOf({ link, side }: PortUse, ends: ConnectedEnds): readonly LinkMember[] {
  if (!hasDirections(link)) return link.members;
  return goes(link, isHead(side) ? 'forward' : 'backward') ? membersAt(link, !isHead(side), ends) : [];
}

function tappedSenders(lan: Lan, { tap }: VirtualLink, ends: ConnectedEnds): readonly LinkMember[] {
  const tapped = lan.links.find(({ id }) => id === tap?.link);
  if (tapped === undefined) return [];
  return membersAt(tapped, tap!.direction === 'forward', ends);
}

function membersAt(link: VirtualLink, areHeads: boolean, ends: ConnectedEnds): readonly LinkMember[] {
  const sides = sidesOf(link);
  const isOpen = (side: MemberSide): boolean => !isClosed(link, side, ends);
  return link.members.filter((_, place) => isHead(sides[place]!) === areHeads && isOpen(sides[place]!));
}
