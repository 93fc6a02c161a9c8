import { createPrng, type Prng } from '../../../../domain/base/prng';
import type { NodeAddress } from '../../../../domain/node/address';
import type { GridState } from '../../../../domain/grid-state';
import { goes, hasDirections, isHead, sidesOf } from '../../../../domain/link/sides';
import type { Lan, LanPort } from '../../../../domain/link/plan';
import { reachOf } from '../../../../domain/link/reach';
import type { LinkMember, VirtualLink } from '../../../../domain/topology/topology';
import { lanOf } from '../../../../projections/lan';
import { committed, decided } from '../../domain/given';
import { link, linkGrid } from '../../domain/link/link-grid';

const CLUSTERS = [1, 2, 3];
const NODES = 4;
export const NETWORKS = [1, 2, 3];

/** A LAN of many links whose members overlap, with nodes at ports of their own and at shared ones, and all networks. */
export interface RandomLan {
  readonly lan: Lan;
  readonly ports: readonly LanPort[];
  readonly nodes: readonly NodeAddress[];
}

export function randomLan(seed: number, count: number): RandomLan {
  const random = createPrng(seed);
  const nodes = CLUSTERS.flatMap((cluster) => Array.from({ length: NODES }, (_, n) => ({ cluster, node: n + 1 })));
  return {
    lan: lanOf(randomLinks(random.fork('links'), nodes, count)),
    ports: plugged(random.fork('ports'), nodes),
    nodes,
  };
}

/** Every third host has several nodes. */
function plugged(random: Prng, nodes: readonly NodeAddress[]): LanPort[] {
  const left = [...nodes];
  const ports: LanPort[] = NETWORKS.map((network) => ({ name: `EN-${network}`, nodes: [], network }));
  while (left.length > 0) {
    const here = Array.from({ length: random.below(3) === 0 ? 2 : 1 }, () =>
      left.splice(random.below(left.length || 1), 1),
    ).flat();
    ports.push({ name: `h${ports.length}`, nodes: here });
  }
  return ports;
}

function randomLinks(random: Prng, nodes: readonly NodeAddress[], count: number): GridState {
  let state = linkGrid();
  const made: VirtualLink[] = [];
  const add = (parts: Partial<VirtualLink>): void => {
    const data = link({ id: made.length + 1, ...parts });
    try {
      state = committed(state, decided(state, { type: 'CreateVirtualLink', data }));
      made.push(data);
    } catch {
      // Members that overlap where each must be on one side: another one is drawn.
    }
  };
  const inodes = (cluster: number): LinkMember[] => [
    { cluster, node: 1 },
    ...(random.below(2) === 0 ? [{ cluster, node: 2 }] : []),
  ];
  add({ kind: 'external', members: [{ network: 1 }, { cluster: 1 }] });
  add({ kind: 'external', members: [{ network: 2 }, ...inodes(3)] });
  for (const vlan of [100, 101, 102]) add({ kind: 'external', members: [{ network: 3 }, ...inodes(3)], vlans: [vlan] });
  while (made.length < count) add(randomLink(random, nodes, made));
  return state;
}

function randomLink(random: Prng, nodes: readonly NodeAddress[], made: readonly VirtualLink[]): Partial<VirtualLink> {
  const kinds = ['cable', 'switch', 'hub', 'star', 'resilient', 'clustered', 'replicated'] as const;
  const kind = kinds[random.below(kinds.length)]!;
  const single = (): LinkMember => nodes[random.below(nodes.length)]!;
  const any = (): LinkMember =>
    random.below(4) === 0 ? { cluster: CLUSTERS[random.below(CLUSTERS.length)]! } : single();
  const several = (make: () => LinkMember, least: number): LinkMember[] =>
    Array.from({ length: least + random.below(4) }, make);
  const direction = (['both', 'forward', 'backward'] as const)[random.below(3)]!;
  switch (kind) {
    case 'cable':
      return { kind, members: [any(), any()], direction };
    case 'resilient':
      return { kind, members: [single(), single(), single()] };
    case 'switch':
      return { kind, members: several(any, 1) };
    case 'hub':
      return {
        kind,
        members: several(any, 1).map((each) => (random.below(4) === 0 ? { ...each, promiscuous: true } : each)),
      };
    case 'star':
      return { kind, members: several(any, 2), direction, ...(random.below(3) === 0 ? { hub: true } : {}) };
    case 'clustered':
      return { kind, members: several(any, 2) };
    case 'replicated': {
      const tapped = made.filter((each) => hasDirections(each));
      if (tapped.length === 0) return { kind: 'switch', members: [single()] };
      const of = tapped[random.below(tapped.length)]!;
      const ways = (['forward', 'backward'] as const).filter((way) => goes(of, way));
      return { kind, members: several(any, 1), tap: { link: of.id, direction: ways[random.below(ways.length)]! } };
    }
  }
}

/** Whether a node is on a link for a member. */
export function isMember(node: NodeAddress, member: LinkMember): boolean {
  if ('network' in member || member.cluster !== node.cluster) return false;
  return !('node' in member) || member.node === node.node;
}

export function placesOf(node: NodeAddress, { members }: VirtualLink): number[] {
  return members.flatMap((member, place) => (isMember(node, member) ? [place] : []));
}

/**
 * What the reference says of two nodes: whether a frame for everybody that `from` sends on a link comes to the application of
 * `to`, by that link, or by one that listens to it.
 */
export function mayHear(from: NodeAddress, sent: VirtualLink, to: NodeAddress, by: VirtualLink): boolean {
  if (from.cluster === to.cluster && from.node === to.node) return false;
  return placesOf(from, sent).some((sender) => {
    if (by.id !== sent.id) return isTapped(sent, sender, by) && placesOf(to, by).length > 0;
    const reached = reachOf(sent, sender, 'broadcast').applications;
    return placesOf(to, by).some((place) => reached.includes(place) || (place === sender && isShared(sent)));
  });
}

/** Nodes of a member that is a cluster hear each other where no member has a side of its own. */
function isShared(of: VirtualLink): boolean {
  return !hasDirections(of) && of.kind !== 'replicated';
}

function isTapped(sent: VirtualLink, sender: number, by: VirtualLink): boolean {
  if (by.kind !== 'replicated' || by.tap!.link !== sent.id) return false;
  if (reachOf(sent, sender, 'broadcast').interfaces.length === 0) return false;
  return isHead(sidesOf(sent)[sender]!) === (by.tap!.direction === 'forward');
}
