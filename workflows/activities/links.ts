import type { ClusterId, NodeId } from '../../domain/base/ids';
import type { GridState } from '../../domain/grid-state';
import { fewestMembers, isOpen } from '../../domain/link/kinds';
import { sidesOf } from '../../domain/link/sides';
import type { LinkMember, VirtualLink } from '../../domain/topology/topology';
import { type ProvisioningPort, commandOf, perform, present } from './port';

interface MemberInput {
  readonly cluster: ClusterId;
  readonly node: NodeId;
}

/**
 * Makes the node a member of every link that names nodes of its cluster one by one, or with `like` of those that name this
 * one. Links that name the cluster as a whole hold it already, and its virtual interfaces follow from the topology. Links of
 * a fixed number of ends, cables and resilient ones, are the operator's to change.
 */
export async function joinLinks(
  port: ProvisioningPort,
  input: MemberInput & { readonly like?: NodeId },
  activityId: string,
): Promise<void> {
  const { cluster, node, like } = input;
  await changeLinks(port, activityId, (link) => {
    const sibling = link.members.find(
      (member) => 'node' in member && member.cluster === cluster && (like ?? member.node) === member.node,
    );
    if (sibling === undefined || link.members.some((member) => isNode(member, input))) return link;
    return { ...link, members: [...link.members, { cluster, node, ...besideOf(link, sibling) }] };
  });
}

/** What is stated of a node that takes part as another does: a star has one root. */
function besideOf(link: VirtualLink, sibling: LinkMember): { readonly side?: 'leaf' } {
  const isSided = link.kind === 'star' || link.kind === 'clustered';
  return isSided && 'side' in sibling && sibling.side !== undefined ? { side: 'leaf' } : {};
}

/**
 * Takes the node out of every link that names it beside others; links that others changed meanwhile keep their changes. An
 * end that a link cannot do without, a root or the last of all, stays named: whoever is that node again is that end.
 */
export async function leaveLinks(port: ProvisioningPort, input: MemberInput, activityId: string): Promise<void> {
  await changeLinks(port, activityId, (link) => {
    const sides = sidesOf(link);
    const members = link.members.filter((member, place) => !isNode(member, input) || sides[place] === 'root');
    const isLast = members.length < fewestMembers(link);
    return members.length === link.members.length || isLast ? link : { ...link, members };
  });
}

/** Submits a change for every link that `change` makes another one of. */
async function changeLinks(
  port: ProvisioningPort,
  activityId: string,
  change: (link: VirtualLink) => VirtualLink,
): Promise<void> {
  const seen = await present(port);
  for (const link of linksOf(seen)) {
    if (!isOpen(link)) continue;
    const changed = change(link);
    if (changed === link) continue;
    const body = { type: 'ChangeVirtualLink', data: changed } as const;
    await perform(port, commandOf(activityId, seen, body, link.id));
  }
}

function linksOf(state: GridState): readonly VirtualLink[] {
  return Object.values(state.links.links);
}

function isNode(member: LinkMember, { cluster, node }: MemberInput): boolean {
  return 'node' in member && member.cluster === cluster && member.node === node;
}
