import { FlowgridError } from '../base/errors';
import { clusterOf, nodeName, nodeOf, nodeRef, type NodeRef } from '../base/ids';
import { nearestName } from '../base/nearest';
import { standsFor } from '../link/sides';
import type { Topology, VirtualLink } from '../topology/topology';

/** Where a probe point stands, and what it is called. */
export interface ProbePlace {
  readonly name: string;
  /** 0 = where an external network joins. */
  readonly link: number;
  /** The external network; absent: the place is on a link. */
  readonly network?: number;
  /** 0 = the link as a whole, or all INODEs of the network. */
  readonly node: NodeRef;
}

type Places = Pick<Topology, 'networks' | 'clusters' | 'links'>;

/**
 * The places that a text names in a topology: `VN-2` a link, `AB-2@VN-2` a node's interface on a link, `AB-2` all
 * interfaces of a node, `AB` those of all members of a cluster: what goes in and out of it. `EN-1` is where an external
 * network joins, `IA-1@EN-1` what enters and leaves there by one INODE. `link:`, `network:`, `node:` and `cluster:` in front say
 * which is meant where several are called so.
 *
 * @throws FlowgridError `not-found` for what is not there, `usage` where several are called so.
 */
export function probePlaces(topology: Places, text: string): ProbePlace[] {
  const { kind, name } = prefixed(text);
  const found = (['link', 'network', 'node', 'cluster'] as const).flatMap((each) => {
    const places = kind === undefined || kind === each ? FINDERS[each](topology, name) : undefined;
    return places === undefined ? [] : [{ kind: each, places }];
  });
  if (found.length > 1) {
    throw new FlowgridError('usage', `${text} is the name of a ${found.map((each) => each.kind).join(' and of a ')}`, {
      remedy: `say which: ${found.map((each) => `${each.kind}:${name}`).join(', ')}`,
    });
  }
  if (found[0] === undefined) throw notThere(topology, text, name);
  if (found[0].places.length === 0) {
    throw new FlowgridError('not-found', `${text} has no interface on any link`, {
      remedy: "'flowgrid link list' shows who is on which link",
    });
  }
  return found[0].places;
}

const FINDERS = {
  link: (topology: Places, name: string): ProbePlace[] | undefined => {
    const link = topology.links.find((each) => each.name === name);
    return link === undefined ? undefined : [{ name, link: link.id, node: 0 }];
  },
  network: (topology: Places, name: string): ProbePlace[] | undefined => {
    const network = topology.networks.find((each) => each.name === name);
    return network === undefined ? undefined : [{ name, link: 0, network: network.id, node: 0 }];
  },
  node: (topology: Places, name: string): ProbePlace[] | undefined => {
    const [called, on] = splitLast(name, '@');
    const node = nodeNamed(topology, called);
    if (node === undefined) return undefined;
    const all = interfacesOf(topology, node);
    if (on === undefined) return all;
    const link = topology.links.find((each) => each.name === on);
    if (link !== undefined) return all.filter((each) => each.link === link.id);
    const network = topology.networks.find((each) => each.name === on);
    return network === undefined ? undefined : bordersOf(topology, node, [network]);
  },
  cluster: (topology: Places, name: string): ProbePlace[] | undefined => {
    const cluster = topology.clusters.find((each) => each.name === name);
    return cluster?.members.flatMap(({ node }) => interfacesOf(topology, nodeRef(cluster.id, node)));
  },
};

function prefixed(text: string): { kind: string | undefined; name: string } {
  const match = /^(link|network|node|cluster):(.*)$/.exec(text);
  return match === null ? { kind: undefined, name: text } : { kind: match[1], name: match[2]! };
}

function splitLast(text: string, separator: string): [string, string | undefined] {
  const at = text.lastIndexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function nodeNamed({ clusters }: Places, name: string): NodeRef | undefined {
  for (const { id, name: cluster, members } of clusters) {
    const member = members.find(({ node }) => nodeName(cluster, node) === name);
    if (member !== undefined) return nodeRef(id, member.node);
  }
  return undefined;
}

/** The interfaces of a node: one on each link that it is on, and one to each network of its own that no link joins. */
function interfacesOf(topology: Places, ref: NodeRef): ProbePlace[] {
  const { clusters, links, networks } = topology;
  const cluster = clusters.find(({ id }) => id === clusterOf(ref))!;
  const onLinks = links
    .filter((link) => hasInterface(topology, link, ref))
    .map((link) => ({ name: `${nodeName(cluster.name, nodeOf(ref))}@${link.name}`, link: link.id, node: ref }));
  const isJoined = (network: number): boolean =>
    links.some(({ members }) => members.some((member) => 'network' in member && member.network === network));
  const unjoined = networks.filter(({ id }) => !isJoined(id));
  return [...onLinks, ...bordersOf(topology, ref, unjoined)];
}

/** Where networks join a node, as far as they do. */
function bordersOf({ clusters }: Places, ref: NodeRef, networks: Places['networks']): ProbePlace[] {
  const { id, name } = clusters.find((cluster) => cluster.id === clusterOf(ref))!;
  const called = nodeName(name, nodeOf(ref));
  return networks
    .filter(({ cluster }) => cluster === id)
    .map((network) => ({ name: `${called}@${network.name}`, link: 0, network: network.id, node: ref }));
}

/** Whether a node has an interface on a link: as a member, as one of a cluster's nodes, or as the INODE of a network. */
export function hasInterface({ networks }: Pick<Topology, 'networks'>, link: VirtualLink, node: NodeRef): boolean {
  return link.members.some((member) =>
    'network' in member
      ? networks.find(({ id }) => id === member.network)?.cluster === clusterOf(node)
      : standsFor(member, node),
  );
}

function notThere({ clusters, links, networks }: Places, text: string, name: string): FlowgridError {
  const nameOf = ({ name: own }: { readonly name: string }): string => own;
  const names = [
    ...links.map(nameOf),
    ...networks.map(nameOf),
    ...clusters.map((cluster) => cluster.name),
    ...clusters.flatMap((cluster) => cluster.members.map(({ node }) => nodeName(cluster.name, node))),
  ];
  const nearest = nearestName(name.replace(/@.*/, ''), names);
  return new FlowgridError('not-found', `there is no link, network, node or cluster ${text}`, {
    remedy: `${nearest === undefined ? '' : `perhaps ${nearest}? `}Links of this grid: ${links.map(nameOf).join(', ')}; networks: ${networks.map(nameOf).join(', ')}.`,
  });
}
