import { canonical, type Canonical } from '../../../domain/base/canonical';
import type { CommandBody } from '../../../domain/commands';
import type { GridSettings } from '../../../domain/grid/settings';
import type { GridState } from '../../../domain/grid-state';
import { isOpen } from '../../../domain/link/kinds';
import { sidesOf } from '../../../domain/link/sides';
import { vlanDifference } from '../../../domain/link/vlans';
import type { NodeAddress } from '../../../domain/node/address';
import type { LinkMember, VirtualLink } from '../../../domain/topology/topology';
import type { DesiredGrid } from './desired';

/**
 * The commands that bring the links to what the file wants. A link that names nodes one by one follows those that have joined
 * their cluster since, or left it: the file does not know of them, and undoes neither.
 */
export function linkCommands(state: GridState, desired: DesiredGrid): CommandBody[] {
  return tapsLast(desired.links).flatMap((link): CommandBody[] => {
    const present = state.links.links[link.id];
    if (present === undefined) return [{ type: 'CreateVirtualLink', data: link }];
    const data = { ...link, members: membersNow(state, desired, link, present) };
    return sameLink(present, data) && hasItsVlans(state, desired.settings, present)
      ? []
      : [{ type: 'ChangeVirtualLink', data }];
  });
}

/** Links with those that listen to others behind them: they can be only while the others are. */
export function tapsLast(links: readonly VirtualLink[]): VirtualLink[] {
  return [...links].sort((a, b) => Number(a.tap !== undefined) - Number(b.tap !== undefined));
}

/** Links that an earlier version made have none, and an external one's depend on whether its network is tagged. */
export function hasItsVlans(
  { links }: Pick<GridState, 'links'>,
  settings: Pick<GridSettings, 'networks'>,
  link: VirtualLink,
): boolean {
  const network = (id: number) => settings.networks.find((candidate) => candidate.id === id);
  const { missing, surplus } = vlanDifference(link, network, links.vlans);
  return missing.length + surplus.length === 0;
}

function membersNow(state: GridState, desired: DesiredGrid, link: VirtualLink, present: VirtualLink): LinkMember[] {
  // Ends of which there is a fixed number stay as they are named, whoever serves.
  if (!isOpen(link)) return [...link.members];
  const isIn = ({ members }: VirtualLink, node: NodeAddress): boolean =>
    members.some((member) => isNode(member) && member.cluster === node.cluster && member.node === node.node);
  const hasSibling = ({ cluster }: NodeAddress): boolean =>
    link.members.some((member) => isNode(member) && member.cluster === cluster);
  const known = ({ cluster, node }: NodeAddress) => state.clusters[cluster]?.nodes[node];
  const stays = (member: LinkMember): boolean =>
    !isNode(member) || isIn(present, member) || known(member)?.spare !== true;
  const joined = present.members.filter((member): member is NodeAddress => {
    if (!isNode(member) || isIn(link, member) || !hasSibling(member)) return false;
    const node = known(member);
    const isServing = node !== undefined && node.status !== 'removed' && (!node.spare || node.reservedBy !== '');
    return isServing && !isMemberByFile(desired, member);
  });
  return [...link.members.filter(stays), ...joined];
}

/** A node that the file itself has as a member is in the links that it says, and in no other. */
function isMemberByFile({ nodes }: DesiredGrid, { cluster, node }: NodeAddress): boolean {
  return nodes.some((named) => named.cluster === cluster && named.node === node && !named.spare);
}

function isNode(member: LinkMember): member is NodeAddress {
  return 'node' in member;
}

/** Whether they are one link, in whatever order its members came. */
export function sameLink(one: VirtualLink, other: VirtualLink): boolean {
  return text(inOrder(one)) === text(inOrder(other));
}

function inOrder(link: VirtualLink): object {
  const sides = sidesOf(link);
  const members = link.members.map((member, place) => text({ ...member, side: sides[place]! }));
  return { ...link, members: members.sort() };
}

function text(value: object): string {
  return canonical(value as Canonical);
}
