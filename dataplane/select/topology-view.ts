import { FlowgridError } from '../../domain/base/errors';
import {
  clusterOf,
  NODE_ID_MAX,
  nodeOf,
  nodeRef,
  type ClusterId,
  type Incarnation,
  type NodeRef,
} from '../../domain/base/ids';
import { RendezvousTable, type RendezvousMember } from '../../domain/cluster/rendezvous';
import { joinsNode, linkBetween } from '../../domain/topology/links';
import type {
  ExternalNetwork,
  FlowPath,
  LinkMember,
  PublishedTopology,
  Topology,
  TopologyCluster,
  VirtualLink,
} from '../../domain/topology/topology';
import { Routing } from '../layer3/routing';
import { classifierTiming, type ClassifierTiming } from '../classify/timing';
import { Bridges } from './bridges';

/**
 * Rendezvous tables by membership. A table depends on (cluster, node IDs, seed) alone, so that the versions of a
 * topology share all tables but those of the clusters that changed, and 256 live versions cost little more than one.
 */
export class RendezvousTables {
  private readonly byMembership = new Map<string, RendezvousTable>();
  private readonly latest = new Map<string, RendezvousTable>();

  /** The table of the members that may take new flows. */
  tableOf(cluster: TopologyCluster, seed: number): RendezvousTable {
    const members = cluster.members.filter((member) => member.state === 'active');
    const key = `${seed}/${cluster.id}:${members.map((member) => member.node).join()}`;
    const known = this.byMembership.get(key);
    if (known !== undefined) return known;
    const table = this.derive(cluster.id, members, seed);
    this.byMembership.set(key, table);
    this.latest.set(`${seed}/${cluster.id}`, table);
    return table;
  }

  /** Forgets the tables that none of `inUse` needs: called when wire IDs retire. */
  keepOnly(inUse: ReadonlySet<RendezvousTable>): void {
    for (const [key, table] of this.byMembership) if (!inUse.has(table)) this.byMembership.delete(key);
    for (const [key, table] of this.latest) if (!inUse.has(table)) this.latest.delete(key);
  }

  /** Number of tables held. */
  get size(): number {
    return this.byMembership.size;
  }

  /** From the cluster's latest table where there is one: the cost is then that of the change. */
  private derive(cluster: ClusterId, members: readonly RendezvousMember[], seed: number): RendezvousTable {
    const before = this.latest.get(`${seed}/${cluster}`);
    return before === undefined ? RendezvousTable.build(cluster, members, seed) : before.changeTo(members).table;
  }
}

/** A topology with what nodes derive from it once, at installation: indexes, rendezvous tables, links between clusters. */
export class TopologyView {
  readonly topology: Topology;
  private readonly clusters: (TopologyCluster | undefined)[] = new Array<undefined>(256).fill(undefined);
  private readonly tables: (RendezvousTable | undefined)[] = new Array<undefined>(256).fill(undefined);
  private readonly pathsByName = new Map<string, FlowPath>();
  /** By cluster, then node: filled when first asked for, so that a change costs its cluster and not the grid. */
  private readonly incarnations: (Uint32Array | undefined)[] = new Array<undefined>(256).fill(undefined);
  private readonly links = new Map<number, VirtualLink>();
  private readonly narrow: readonly VirtualLink[];
  /** MTU of the narrowest link that its operator lets carry less than the networks send; Infinity when there is none. */
  readonly narrowest: number;
  /** Whether it has resilient links that carry flows. */
  readonly isResilient: boolean;
  readonly bridges: Bridges;
  readonly routing: Routing;
  /** Whether a cluster is in mode `drop`. */
  readonly hasDrops: boolean;
  /** How long silent connections are kept. */
  readonly idle: ClassifierTiming;

  constructor(
    readonly published: PublishedTopology,
    private readonly shared: RendezvousTables,
  ) {
    this.topology = published.topology;
    for (const cluster of this.topology.clusters) this.clusters[cluster.id] = cluster;
    for (const path of this.topology.paths) this.pathsByName.set(path.name, path);
    this.bridges = new Bridges(this.topology);
    this.isResilient = this.topology.links.some(({ kind, control }) => kind === 'resilient' && !control);
    this.routing = new Routing(this.topology);
    this.hasDrops = this.topology.clusters.some(({ mode }) => mode === 'drop');
    this.idle = classifierTiming(this.topology.timing);
    this.narrow = this.topology.links.filter((link) => link.narrow === true && !link.control);
    this.narrowest = Math.min(...this.narrow.map(({ mtu }) => mtu));
  }

  /** @throws FlowgridError `not-found` for a cluster that this topology does not have. */
  cluster(id: ClusterId): TopologyCluster {
    const cluster = this.clusters[id];
    if (cluster === undefined) {
      throw new FlowgridError('not-found', `topology ${this.topology.version} has no cluster ${id}`);
    }
    return cluster;
  }

  hasCluster(id: ClusterId): boolean {
    return this.clusters[id] !== undefined;
  }

  /** Order of the active members for each bucket; derived when first asked for. */
  table(id: ClusterId): RendezvousTable {
    return (this.tables[id] ??= this.shared.tableOf(this.cluster(id), this.topology.seed));
  }

  /** The tables derived so far. */
  *derivedTables(): IterableIterator<RendezvousTable> {
    for (const table of this.tables) if (table !== undefined) yield table;
  }

  path(name: string): FlowPath | undefined {
    return this.pathsByName.get(name);
  }

  network(id: number): ExternalNetwork | undefined {
    return this.topology.networks.find((network) => network.id === id);
  }

  /** Incarnation under which a node is a member here; 0 = it is none. */
  incarnationOf(ref: NodeRef): Incarnation {
    const id = clusterOf(ref);
    const cluster = this.clusters[id];
    return cluster === undefined ? 0 : (this.incarnations[id] ??= incarnationsOf(cluster))[nodeOf(ref)];
  }

  /** The agent that hosts a member; undefined = none does, or it is no member. */
  agentOf(ref: NodeRef): string | undefined {
    const members = this.clusters[clusterOf(ref)]?.members;
    return members?.find(({ node }) => node === nodeOf(ref))?.agent;
  }

  /**
   * The virtual link by which a frame travels from one node to another; undefined = none takes it. Links that carry
   * no flows (`control`) are used only for hellos and control frames, and for these only where no other is shared.
   */
  linkBetween(from: NodeRef, to: NodeRef, control: boolean): VirtualLink | undefined {
    const key = (from * 32768 + to) * 2 + (control ? 1 : 0);
    const known = this.links.get(key);
    if (known !== undefined) return known;
    const found = linkBetween(this.topology, from, to, control);
    if (found !== undefined) this.links.set(key, found);
    return found;
  }

  /** MTU of the narrowest of the narrow links that join nodes of two clusters; Infinity when none does. */
  narrowBetween(a: ClusterId, b: ClusterId): number {
    let narrowest = Infinity;
    for (const link of this.narrow)
      if (link.mtu < narrowest && joinsCluster(link, a) && joinsCluster(link, b)) narrowest = link.mtu;
    return narrowest;
  }

  /** The nodes that share a link with `ref`, itself left out: whom it greets and watches. */
  neighbours(ref: NodeRef): NodeRef[] {
    const found = new Set<NodeRef>();
    for (const link of this.topology.links) {
      if (link.control || !joinsNode(link, ref)) continue;
      for (const member of link.members) this.addMembers(found, member);
    }
    found.delete(ref);
    return [...found].sort((a, b) => a - b);
  }

  private addMembers(found: Set<NodeRef>, member: LinkMember): void {
    if ('network' in member) return;
    const cluster = this.clusters[member.cluster];
    if (cluster === undefined) return;
    for (const { node } of cluster.members) {
      if (!('node' in member) || member.node === node) found.add(nodeRef(cluster.id, node));
    }
  }
}

/** Incarnations of a cluster's members by node ID; 0 where there is none. */
function incarnationsOf({ members }: TopologyCluster): Uint32Array {
  const incarnations = new Uint32Array(NODE_ID_MAX + 1);
  for (const { node, incarnation } of members) incarnations[node] = incarnation;
  return incarnations;
}

function joinsCluster(link: VirtualLink, cluster: ClusterId): boolean {
  return link.members.some((member) => 'cluster' in member && member.cluster === cluster);
}
