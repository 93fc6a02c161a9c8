import type { ClusterId } from '../../domain/base/ids';
import type { ExternalNetwork, FlowPath, FlowPolicy, Topology } from '../../domain/topology/topology';

const NOWHERE: readonly number[] = [];

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

  constructor(private readonly topology: Pick<Topology, 'networks' | 'paths'>) {
    const { networks } = topology;
    for (const { id, bridge } of networks) {
      if (bridge !== undefined)
        this.domains.set(
          id,
          networks.filter((network) => network.bridge === bridge),
        );
    }
    if (!this.isEmpty) for (const path of topology.paths) this.exitsByPath.set(path.id, this.exitsOf(path));
  }

  get isEmpty(): boolean {
    return this.domains.size === 0;
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
