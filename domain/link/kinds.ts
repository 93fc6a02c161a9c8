import { NODE_ID_MAX } from '../base/ids';
import type { ExternalNetwork, LinkMember, LinkSide, VirtualLink } from '../topology/topology';
import { goes, hasDirections, memberName, overlaps, sidesOf } from './sides';
import { VLAN_ID_MAX } from './vlan-settings';

/** What a link's rules need to know of its grid. */
export interface LinkSurroundings {
  /** The cluster's name; undefined = there is none. */
  cluster(id: number): string | undefined;
  network(id: number): ExternalNetwork | undefined;
  link(id: number): VirtualLink | undefined;
}

/** What is wrong with a link, at which member (by place; absent: the link as a whole), and what can be done. */
export interface LinkProblem {
  readonly reason: 'invalid' | 'not-found';
  readonly member?: number;
  readonly what: string;
  readonly remedy: string;
}

/** Which members and options each kind takes. */
interface KindRule {
  /** Fewest and most members; networks are counted too. */
  readonly members: readonly [least: number, most: number];
  /** How the members are described. */
  readonly joins: string;
  /** Sides that members may state. */
  readonly sides: readonly LinkSide[];
  /** Whether each member must be a node. */
  readonly nodes?: true;
  readonly options: readonly (typeof OPTIONS)[number][];
}

const OPTIONS = ['direction', 'hub', 'restoreMs', 'tap', 'vlans'] as const;
/** A day: who waits longer would rather not return. */
export const RESTORE_MAX_MS = 86_400_000;
/** Bytes behind the Ethernet header that a link or network may carry: what IPv4 asks for (RFC 791), and what fits a frame's slot. */
export const LINK_MTU_MIN = 68;
export const LINK_MTU_MAX = 16_384;
const ANY = Infinity;

/** The kinds ([0035], [0036]), as a table. */
const RULES: { readonly [Kind in VirtualLink['kind']]: KindRule } = {
  external: {
    members: [2, ANY],
    joins: 'a network and its INODE cluster or nodes of that',
    sides: [],
    options: ['vlans'],
  },
  cable: { members: [2, 2], joins: 'exactly two ends', sides: [], options: ['direction'] },
  switch: { members: [1, ANY], joins: 'clusters and nodes', sides: [], options: [] },
  hub: { members: [1, ANY], joins: 'clusters and nodes', sides: [], options: [] },
  star: { members: [2, ANY], joins: 'a root and leaves', sides: ['root', 'leaf'], options: ['direction', 'hub'] },
  resilient: {
    members: [3, 3],
    joins: 'exactly three nodes: root, primary and standby',
    sides: ['root', 'primary', 'standby'],
    nodes: true,
    options: ['direction', 'restoreMs'],
  },
  clustered: { members: [2, ANY], joins: 'a root and leaves', sides: ['root', 'leaf'], options: [] },
  replicated: { members: [1, ANY], joins: 'clusters and nodes that listen', sides: [], options: ['tap'] },
};

/** Everything that is wrong with a link by the rules of its kind; each message names the link, and the member if it is one's. */
export function linkProblems(link: VirtualLink, around: LinkSurroundings): LinkProblem[] {
  const found = [
    ...missingMembers(link, around),
    ...memberProblems(link, around),
    ...sideProblems(link, around),
    ...optionProblems(link),
    ...restoreProblems(link),
    ...externalProblems(link, around),
    ...tapProblems(link, around),
  ];
  return found.map((problem) => ({ ...problem, what: `link ${link.name}: ${problem.what}` }));
}

function missingMembers(link: VirtualLink, around: LinkSurroundings): LinkProblem[] {
  return link.members.flatMap((member, place): LinkProblem[] => {
    const isThere =
      'network' in member ? around.network(member.network) !== undefined : around.cluster(member.cluster) !== undefined;
    if (isThere) return [];
    const what = `there is no ${'network' in member ? `network ${member.network}` : `cluster ${member.cluster}`}`;
    return [{ reason: 'not-found', member: place, what, remedy: 'name a cluster, a node or a network of the grid' }];
  });
}

function memberProblems(link: VirtualLink, around: LinkSurroundings): LinkProblem[] {
  const { kind, members } = link;
  const rule = RULES[kind];
  const [least, most] = rule.members;
  const problems: LinkProblem[] = [];
  if (members.length < least || members.length > most) {
    const what = `a ${kind} link joins ${rule.joins}, not ${members.length} member${members.length === 1 ? '' : 's'}`;
    problems.push(invalid(what, `list ${rule.joins}`));
  }
  members.forEach((member, place) => {
    const name = nameIn(around, member);
    const told = (what: string, remedy: string): unknown => problems.push(invalid(what, remedy, place));
    if ('network' in member) {
      if (kind !== 'external') told(`${name} is a network, and a ${kind} link joins none`, 'use kind external for it');
      return;
    }
    if ('node' in member) {
      const { node } = member;
      if (!Number.isInteger(node) || node < 1 || node > NODE_ID_MAX)
        told(`${name}: node IDs are 1–${NODE_ID_MAX}`, 'name a node of the cluster');
    } else if (rule.nodes)
      told(`${name} is a cluster, and each member of a ${kind} link is a node`, `name a node, as ${name}-1`);
    if (member.side !== undefined && !rule.sides.includes(member.side)) {
      const sides = rule.sides.length === 0 ? 'nobody states a side' : `sides are ${rule.sides.join(', ')}`;
      told(`${name} cannot be the ${member.side} of a ${kind} link: ${sides}`, 'leave the side out');
    }
    if (member.promiscuous === true && kind !== 'hub')
      told(`${name} can be promiscuous on a hub only`, 'leave "promiscuous" out');
  });
  return problems;
}

/** Who has a side of its own is the only one there, and nobody is on two. */
function sideProblems(link: VirtualLink, around: LinkSurroundings): LinkProblem[] {
  if (!hasDirections(link)) return [];
  const { kind, members } = link;
  const sides = sidesOf(link);
  const problems: LinkProblem[] = [];
  for (const side of kind === 'resilient' ? (['root', 'primary', 'standby'] as const) : (['root'] as const)) {
    if (kind === 'cable') break;
    const count = sides.filter((each) => each === side).length;
    if (count !== 1)
      problems.push(invalid(`a ${kind} link has one ${side}, not ${count}`, `give one member the side ${side}`));
  }
  members.forEach((member, place) => {
    const other = members.findIndex((each, before) => before < place && overlaps(each, member));
    if (other < 0) return;
    const names = [members[other]!, member].map((each) => nameIn(around, each));
    const what = names[0] === names[1] ? `${names[0]} is a member twice` : `${names[1]} is a member by ${names[0]} too`;
    problems.push(invalid(what, 'let each node have one side', place));
  });
  return problems;
}

function optionProblems(link: VirtualLink): LinkProblem[] {
  const { options } = RULES[link.kind];
  return OPTIONS.filter((option) => link[option] !== undefined && !options.includes(option)).map((option) => {
    const kinds = Object.entries(RULES).filter(([, rule]) => rule.options.includes(option));
    return invalid(
      `a ${link.kind} link has no "${option}"`,
      `leave it out; ${kinds.map(([kind]) => kind).join(', ')} can have it`,
    );
  });
}

function restoreProblems({ kind, restoreMs }: VirtualLink): LinkProblem[] {
  if (kind !== 'resilient' || restoreMs === undefined) return [];
  if (Number.isInteger(restoreMs) && restoreMs >= 0 && restoreMs <= RESTORE_MAX_MS) return [];
  return [invalid(`restoreMs ${restoreMs} is not in 0–${RESTORE_MAX_MS}`, 'name milliseconds, or leave it out')];
}

function externalProblems(link: VirtualLink, around: LinkSurroundings): LinkProblem[] {
  if (link.kind !== 'external') return [];
  const networks = link.members.flatMap((member) => ('network' in member ? [member.network] : []));
  if (networks.length !== 1) {
    return [invalid(`an external link joins one network, not ${networks.length}`, 'write a link for each network')];
  }
  const network = around.network(networks[0]!);
  if (network === undefined) return [];
  const problems = link.members.flatMap((member, place): LinkProblem[] => {
    if ('network' in member || member.cluster === network.cluster) return [];
    const inodes = around.cluster(network.cluster) ?? String(network.cluster);
    const what = `${nameIn(around, member)} is not of ${inodes}, through which ${network.name} connects`;
    return [invalid(what, `name ${inodes} or nodes of it`, place)];
  });
  if (link.vlans !== undefined && !network.tagged) {
    problems.push(
      invalid(
        `network ${network.name} is untagged: the grid gives it a VLAN`,
        'leave "vlans" out, or set "tagged: true" on the network',
      ),
    );
  }
  const ids = link.vlans ?? [];
  for (const vlan of ids.filter((id) => !Number.isInteger(id) || id < 1 || id > VLAN_ID_MAX)) {
    problems.push(invalid(`VLAN ID ${vlan} is not in 1–${VLAN_ID_MAX}`, 'name IDs that a tag can carry'));
  }
  if (new Set(ids).size < ids.length) problems.push(invalid('a VLAN ID is named twice', 'name each once'));
  return problems;
}

function tapProblems(link: VirtualLink, around: LinkSurroundings): LinkProblem[] {
  if (link.kind !== 'replicated') return [];
  const remedy = 'name a cable, star, resilient or clustered link, and the direction';
  if (link.tap === undefined)
    return [invalid('a replicated link listens to a link, and none is named', `give it "tap": ${remedy}`)];
  const { tap } = link;
  const tapped = around.link(tap.link);
  if (tapped === undefined) return [{ reason: 'not-found', what: `there is no link ${tap.link} to listen to`, remedy }];
  if (!hasDirections(tapped)) {
    return [
      invalid(
        `it cannot listen to ${tapped.name}: a ${tapped.kind} link has no direction`,
        `${remedy}; or attach a probe`,
      ),
    ];
  }
  if (goes(tapped, tap.direction)) return [];
  return [invalid(`no frame goes ${tap.direction} on ${tapped.name}, which it listens to`, 'name the other direction')];
}

function invalid(what: string, remedy: string, member?: number): LinkProblem {
  return { reason: 'invalid', what, remedy, ...(member === undefined ? {} : { member }) };
}

function nameIn(around: LinkSurroundings, member: LinkMember): string {
  return memberName(member, {
    cluster: (id) => around.cluster(id) ?? `cluster ${id}`,
    network: (id) => around.network(id)?.name ?? `network ${id}`,
  });
}

/** A link of fewer members cannot be. */
export function fewestMembers({ kind }: VirtualLink): number {
  return RULES[kind].members[0];
}

/** Whether who takes part is a matter of who is there: nodes can join and leave without another link being meant. */
export function isOpen({ kind }: VirtualLink): boolean {
  return RULES[kind].members[1] === ANY;
}
