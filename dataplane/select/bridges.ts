import type { ClusterId } from '../../domain/base/ids';
import type { ExternalNetwork, FlowPath, FlowPolicy, Topology } from '../../domain/topology/topology';

const NOWHERE: readonly number[] = [];
/** Networks of a domain from which on it matters behind which of them a station stands. */
const LEARNING_MIN = 3;

/** Where a broadcast or multicast frame goes: one path for each INODE cluster that connects networks of its domain. */
export interface BridgePaths {
  readonly paths: readonly FlowPath[];
  /** Networks of the domain to which no path leads. */
  readonly missed: number;
}

/**
 * The bridge domains of a topology: a broadcast or multicast frame from one network of a domain goes once to each other
 * one. It travels once to each INODE cluster that connects such networks, and is copied there.
 */
export class Bridges {
  private readonly domains = new Map<number, readonly ExternalNetwork[]>();
  private readonly exitsByPath = new Map<number, readonly [forward: readonly number[], reverse: readonly number[]]>();

  /** Of networks whose domain has so many that stations are learned: the domain's number. */
  private readonly learning = new Map<number, number>();
  private readonly clusterOf = new Map<number, ClusterId>();
  private readonly entrances = new Map<number, number>();

  constructor(private readonly topology: Pick<Topology, 'networks' | 'paths'>) {
    const { networks } = topology;
    for (const { id, bridge, cluster } of networks) {
      if (bridge === undefined) continue;
      const domain = networks.filter((network) => network.bridge === bridge);
      this.domains.set(id, domain);
      this.clusterOf.set(id, cluster);
      if (domain.length >= LEARNING_MIN) this.learning.set(id, bridge);
    }
    if (this.areLearning) for (const { id, from } of topology.paths) this.entrances.set(id, from[0] ?? 0);
    if (!this.isEmpty) for (const path of topology.paths) this.exitsByPath.set(path.id, this.exitsOf(path));
  }

  get isEmpty(): boolean {
    return this.domains.size === 0;
  }

  /** Whether a domain has so many networks that stations are learned. */
  get areLearning(): boolean {
    return this.learning.size > 0;
  }

  /** The domain, by its number, in which stations of a network are learned; 0 = there is none. */
  learningIn(network: number): number {
    return this.learning.get(network) ?? 0;
  }

  /** Whether two networks are of one domain in which stations are learned. */
  joins(a: number, b: number): boolean {
    const domain = this.learning.get(a);
    return domain !== undefined && domain === this.learning.get(b);
  }

  /** Whether two such networks are at one INODE cluster. */
  areTogether(a: number, b: number): boolean {
    return this.joins(a, b) && this.clusterOf.get(a) === this.clusterOf.get(b);
  }

  /** A network by which flows on a path, by its ID, enter, or one at the same INODE cluster; 0 = no such path. */
  entranceOf(path: number): number {
    return this.entrances.get(path) ?? 0;
  }

  /**
   * A path from one network of a domain to another, or to one at the same INODE cluster, where it is sorted out by which of
   * them a frame leaves: the policy's own first, else any.
   */
  pathTo(policy: FlowPolicy, from: number, to: number): FlowPath | undefined {
    const named = policy.paths.flatMap((name) => this.topology.paths.filter((path) => path.name === name));
    const exactly = (path: FlowPath): boolean => path.from.includes(from) && path.to === to;
    const nearby = (path: FlowPath): boolean => path.from.includes(from) && this.areTogether(path.to, to);
    return (
      named.find(exactly) ?? named.find(nearby) ?? this.topology.paths.find(exactly) ?? this.topology.paths.find(nearby)
    );
  }

  /** Whether a network belongs to a domain. */
  has(network: number): boolean {
    return this.domains.has(network);
  }

  /** Networks to which group frames leave at the end of a path, by its ID; none where its ends are not bridged. */
  exits(path: number, reverse: boolean): readonly number[] {
    return this.exitsByPath.get(path)?.[reverse ? 1 : 0] ?? NOWHERE;
  }

  /** The paths of group frames from a network: those of their policy first, else any that leads into the domain. */
  pathsOf(policy: FlowPolicy, network: number): BridgePaths {
    const groups = new Map<ClusterId, number[]>();
    for (const other of this.domains.get(network) ?? []) {
      if (other.id === network) continue;
      groups.set(other.cluster, [...(groups.get(other.cluster) ?? []), other.id]);
    }
    const paths: FlowPath[] = [];
    let missed = 0;
    for (const group of groups.values()) {
      const leads = (path: FlowPath): boolean => path.from.includes(network) && group.includes(path.to);
      const named = policy.paths.flatMap((name) => this.topology.paths.filter((path) => path.name === name));
      const path = named.find(leads) ?? this.topology.paths.find(leads);
      if (path === undefined) missed += group.length;
      else paths.push(path);
    }
    return { paths, missed };
  }

  private exitsOf(path: FlowPath): readonly [readonly number[], readonly number[]] {
    const [from] = path.from;
    const domain = from === undefined ? undefined : this.domains.get(from);
    if (domain === undefined || !domain.some(({ id }) => id === path.to)) return [NOWHERE, NOWHERE];
    const at = (cluster: ClusterId | undefined, but: readonly number[]): number[] =>
      domain.filter((network) => network.cluster === cluster && !but.includes(network.id)).map(({ id }) => id);
    return [at(path.clusters[path.clusters.length - 1], path.from), at(path.clusters[0], [path.to])];
  }
}
