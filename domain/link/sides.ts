import { clusterOf, nodeName, nodeOf, type NodeRef } from '../base/ids';
import type { LinkDirection, LinkMember, LinkSide, VirtualLink } from '../topology/topology';

/** What a member is to its link: `outside` is a network, `inside` what an external link joins to it, `listener` a tap's. */
export type MemberSide = LinkSide | 'first' | 'second' | 'peer' | 'outside' | 'inside' | 'listener';

/** Sides by place in the list of members, for those that state none; the last one is that of all further members. */
const BY_PLACE: { readonly [Kind in VirtualLink['kind']]: readonly MemberSide[] } = {
  external: ['inside'],
  cable: ['first', 'second'],
  switch: ['peer'],
  hub: ['peer'],
  star: ['root', 'leaf'],
  resilient: ['root', 'primary', 'standby'],
  clustered: ['root', 'leaf'],
  replicated: ['listener'],
};

/**
 * The side of each member, in their order. Who states none takes the first that is left of its kind's sides, so that links
 * that were recorded without sides have some.
 */
export function sidesOf(link: VirtualLink): MemberSide[] {
  const stated = new Set(link.members.map(statedSide));
  const places = BY_PLACE[link.kind];
  const rest = places.at(-1)!;
  const left = places.filter((side) => side === rest || !stated.has(side));
  let next = 0;
  return link.members.map((member) => {
    if ('network' in member) return 'outside';
    return statedSide(member) ?? left[next++] ?? rest;
  });
}

function statedSide(member: LinkMember): MemberSide | undefined {
  return 'network' in member ? undefined : member.side;
}

/** Whether a side is where frames that go forward come from. */
export function isHead(side: MemberSide): boolean {
  return side === 'root' || side === 'first';
}

/** Which ways frames go on a link. */
export function directionOf(link: VirtualLink): LinkDirection {
  if (link.kind === 'clustered') return 'forward';
  return link.direction ?? 'both';
}

/** Whether frames go that way on a link that tells ways apart. */
export function goes(link: VirtualLink, way: Exclude<LinkDirection, 'both'>): boolean {
  const direction = directionOf(link);
  return direction === 'both' || direction === way;
}

/** Whether the link's members are told apart by where frames go to and come from. */
export function hasDirections({ kind }: VirtualLink): boolean {
  return kind === 'cable' || kind === 'star' || kind === 'resilient' || kind === 'clustered';
}

/** Whether flows go on a link from some of its members to others. */
export function leads(
  link: VirtualLink,
  isFrom: (member: LinkMember) => boolean,
  isTo: (member: LinkMember) => boolean,
): boolean {
  if (!link.members.some(isFrom) || !link.members.some(isTo)) return false;
  const sides = sidesOf(link);
  const targets = sides.filter((_, place) => isTo(link.members[place]!));
  return sides.some(
    (side, place) => isFrom(link.members[place]!) && targets.some((target) => carries(link, side, target)),
  );
}

/**
 * Whether flows go on a link from one of its sides to another. None goes on an external link, beyond which the grid ends, or to
 * whoever listens; the standby of a resilient link counts as connected, because at some time it will be.
 */
function carries(link: VirtualLink, from: MemberSide, to: MemberSide): boolean {
  if (link.kind === 'external' || link.kind === 'replicated') return false;
  if (!hasDirections(link)) return true;
  return isHead(from) !== isHead(to) && goes(link, isHead(from) ? 'forward' : 'backward');
}

/** Whether a node is on a link for a member: it is the one named, or of the cluster named. A network is no node. */
export function standsFor(member: LinkMember, node: NodeRef): boolean {
  if ('network' in member || member.cluster !== clusterOf(node)) return false;
  return !('node' in member) || member.node === nodeOf(node);
}

/** Whether some node can be on behalf of both members. */
export function overlaps(a: LinkMember, b: LinkMember): boolean {
  if ('network' in a || 'network' in b) return 'network' in a && 'network' in b && a.network === b.network;
  return a.cluster === b.cluster && (!('node' in a) || !('node' in b) || a.node === b.node);
}

/** How a member is called: by the names of clusters and networks. */
export function memberName(
  member: LinkMember,
  names: { cluster(id: number): string; network(id: number): string },
): string {
  if ('network' in member) return names.network(member.network);
  const cluster = names.cluster(member.cluster);
  return 'node' in member ? nodeName(cluster, member.node) : cluster;
}
