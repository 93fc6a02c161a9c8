import { clusterOf, nodeOf, type NodeRef } from '../base/ids';
import type { Topology, VirtualLink } from './topology';

/** Whether a node is a member of a link: of one of its clusters, or named itself. */
export function joinsNode(link: VirtualLink, ref: NodeRef): boolean {
  return link.members.some(
    (member) =>
      'cluster' in member && member.cluster === clusterOf(ref) && (!('node' in member) || member.node === nodeOf(ref)),
  );
}

/**
 * The link over which a node reaches another: the first that joins both and carries flows; with `control` one that
 * carries commands and hellos only will do where there is none.
 */
export function linkBetween(
  { links }: Pick<Topology, 'links'>,
  from: NodeRef,
  to: NodeRef,
  control: boolean,
): VirtualLink | undefined {
  const joins = (link: VirtualLink): boolean => joinsNode(link, from) && joinsNode(link, to);
  const found = links.find((link) => !link.control && joins(link));
  return found ?? (control ? links.find(joins) : undefined);
}
