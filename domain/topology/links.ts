import type { NodeRef } from '../base/ids';
import { leads, standsFor } from '../link/sides';
import type { LinkMember, Topology, VirtualLink } from './topology';

/** Whether a node is a member of a link: of one of its clusters, or named itself. */
export function joinsNode(link: VirtualLink, ref: NodeRef): boolean {
  return link.members.some((member) => standsFor(member, ref));
}

/**
 * The link over which a node reaches another: the first that carries flows from the one to the other, by its kind. With
 * `control`, for hellos and control frames, one on which flows go the other way alone will do where there is none, and one
 * that carries no flows.
 */
export function linkBetween(
  { links }: Pick<Topology, 'links'>,
  from: NodeRef,
  to: NodeRef,
  control: boolean,
): VirtualLink | undefined {
  const isFrom = (member: LinkMember): boolean => standsFor(member, from);
  const isTo = (member: LinkMember): boolean => standsFor(member, to);
  const found = links.find((link) => !link.control && leads(link, isFrom, isTo));
  if (found !== undefined || !control) return found;
  return links.find((link) => leads(link, isFrom, isTo) || leads(link, isTo, isFrom));
}
