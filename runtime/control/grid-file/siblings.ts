import { nodeName, nodeRef, type ClusterId, type NodeId } from '../../../domain/base/ids';
import { leads } from '../../../domain/link/sides';
import { linkBetween } from '../../../domain/topology/links';
import type { LinkMember, VirtualLink } from '../../../domain/topology/topology';
import type { Clusters } from './clusters';
import type { Reader, Value } from './reader';

/**
 * Siblings that back each other up tell each other what their flows have become (DESIGN section 5, failure): a cluster with
 * failure `backup` of which two nodes share no link, as leaves of a star do, could keep no promise after a takeover.
 */
export function checkSiblings(
  reader: Reader,
  section: Value,
  { settings, nodes }: Clusters,
  links: readonly VirtualLink[],
): void {
  const places = new Map(reader.named(section, 'clusters').map(({ name, key }) => [name, key]));
  for (const { id, name, failure, role } of settings) {
    if (failure !== 'backup' || role === 'mnode') continue;
    const own = nodes.filter(({ cluster }) => cluster === id).map(({ node }) => node);
    const apart = apartSiblings(id, own, links);
    if (apart === undefined) continue;
    const [one, other] = apart.map((node) => nodeName(name, node));
    const what = `cluster ${name}: ${one} and ${other} share no link, and cannot hand flows to each other as "backup" asks`;
    const remedy = `add a link between siblings, as "${name}-siblings: { kind: switch, members: [${name}] }", or set failure to redirect or discard`;
    reader.problem(places.get(name), what, remedy);
  }
}

/** Two nodes of a cluster that no link takes frames between; undefined if there are none. */
function apartSiblings(
  cluster: ClusterId,
  nodes: readonly NodeId[],
  links: readonly VirtualLink[],
): readonly [NodeId, NodeId] | undefined {
  const isWhole = (member: LinkMember): boolean =>
    'cluster' in member && member.cluster === cluster && !('node' in member);
  // Most clusters are on some link as a whole; the others are gone through in pairs.
  if (links.some((link) => leads(link, isWhole, isWhole))) return undefined;
  for (const [place, one] of nodes.entries()) {
    for (const other of nodes.slice(place + 1)) {
      if (linkBetween({ links }, nodeRef(cluster, one), nodeRef(cluster, other), true) === undefined)
        return [one, other];
    }
  }
  return undefined;
}
