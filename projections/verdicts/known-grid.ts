import { clusterOf, nodeName, nodeOf, type NodeRef, type WireId } from '../../domain/base/ids';
import { applyChanges } from '../../domain/topology/changes';
import { joinsNode } from '../../domain/topology/links';
import type { TopologyPublished } from '../../domain/topology/events';
import type { Topology, TopologyCluster, VirtualLink } from '../../domain/topology/topology';

/** Functions that never change, drop or end a frame: a cluster of them must hand on what it got. */
const TRANSPARENT_FUNCTIONS: readonly string[] = ['pass'];
/** Functions that may change a frame's bytes. A function not known here may too. */
const UNALTERING_FUNCTIONS: readonly string[] = [
  'pass',
  'packet-filter',
  'rate-limiter',
  'host-filter',
  'ids',
  'recorder',
];

/** Longest descriptor: what a packet leaves of a narrow link's MTU at most. */
const DESCRIPTOR_MAX = 250;

/** What the log says about the grid, as far as the verdicts need it. */
export class KnownGrid {
  private newest: Topology | null = null;
  private readonly byWireId = new Map<WireId, Topology>();
  private readonly clusters = new Map<number, TopologyCluster>();
  private readonly links = new Map<number, VirtualLink>();
  private readonly networks = new Map<number, number>();
  private readonly bridges = new Map<number, number>();
  private readonly routers = new Map<number, string>();
  private readonly everMember = new Set<NodeRef>();
  private readonly failed = new Set<NodeRef>();
  /** MTUs of layer-3 networks, the largest that each ever had; Infinity where it had none once. */
  private readonly mtus = new Map<number, number>();
  /**
   * Bytes of the longest packet that fits everywhere: through the narrowest link that ever was allowed to carry less than the
   * networks send, and out by the layer-3 network that took least. Infinity while there was neither.
   */
  fitsEverywhere = Infinity;

  /** The newest topology was published, as what it changes. */
  publishNext({ changes, version, wireId }: TopologyPublished['data']): void {
    this.publish(applyChanges(this.newest, changes, version, wireId));
  }

  /** A topology was published. Its wire ID means this topology from now on. */
  publish(topology: Topology): void {
    this.newest = topology;
    this.byWireId.set(topology.wireId, topology);
    for (const link of topology.links) {
      this.links.set(link.id, link);
      if (link.narrow === true && !link.control) this.fits(link.mtu - DESCRIPTOR_MAX);
    }
    for (const { id, cluster, bridge, router } of topology.networks) {
      this.networks.set(id, cluster);
      if (router === undefined) this.routers.delete(id);
      else this.routers.set(id, router.mac);
      const mtu = router?.mtu ?? Infinity;
      this.fits(mtu);
      this.mtus.set(id, Math.max(this.mtus.get(id) ?? 0, mtu));
      this.bridges.set(id, bridge ?? 0);
    }
    for (const cluster of topology.clusters) {
      this.clusters.set(cluster.id, cluster);
      for (const member of cluster.members) this.everMember.add((cluster.id << 7) | member.node);
    }
  }

  /** An incarnation of this node failed. */
  markFailed(node: NodeRef): void {
    this.failed.add(node);
  }

  get isEmpty(): boolean {
    return this.byWireId.size === 0;
  }

  hasFailed(node: NodeRef): boolean {
    return this.failed.has(node);
  }

  cluster(id: number): TopologyCluster | undefined {
    return this.clusters.get(id);
  }

  /** Whether a cluster promises that none of its frames is missing after a failure, and can be held to it by counting. */
  isLossless(cluster: number): boolean {
    const known = this.clusters.get(cluster);
    return known?.failure === 'backup' && TRANSPARENT_FUNCTIONS.includes(known.function.name);
  }

  /** Whether frames may come out of a cluster changed. */
  mayAlter(cluster: number): boolean {
    const known = this.clusters.get(cluster);
    return known !== undefined && !UNALTERING_FUNCTIONS.includes(known.function.name);
  }

  /** Whether `node` is, or was, a member of an internal link: of its clusters, or named itself. */
  isOnLink(link: number, node: NodeRef): boolean {
    const known = this.links.get(link);
    return known !== undefined && joinsNode(known, node) && this.everMember.has(node);
  }

  /** Whether `node` connects an external network. */
  isOnNetwork(network: number, node: NodeRef): boolean {
    return this.networks.get(network) === clusterOf(node) && this.everMember.has(node);
  }

  /** Number of a network's bridge domain; 0 = none. */
  bridgeOf(network: number): number {
    return this.bridges.get(network) ?? 0;
  }

  /** The grid's MAC address, as a router, on a layer-3 network; undefined where it is a bridge. */
  routerMac(network: number): string | undefined {
    return this.routers.get(network);
  }

  /** Bytes of the longest packet that may have left for a network; a node can hear late of an MTU that was lowered. */
  mtuOf(network: number): number {
    return this.mtus.get(network) ?? Infinity;
  }

  /** `AB-2`, or numbers where the cluster was never published. */
  nodeName(node: NodeRef): string {
    if (node === 0) return 'nobody';
    const cluster = this.clusters.get(clusterOf(node));
    return cluster === undefined ? `node ${clusterOf(node)}/${nodeOf(node)}` : nodeName(cluster.name, nodeOf(node));
  }

  clusterName(id: number): string {
    return this.clusters.get(id)?.name ?? `cluster ${id}`;
  }

  linkName(id: number): string {
    return this.links.get(id)?.name ?? `link ${id}`;
  }

  private fits(mtu: number): void {
    this.fitsEverywhere = Math.min(this.fitsEverywhere, mtu);
  }
}
