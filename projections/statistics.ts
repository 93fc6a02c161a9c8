import { clusterOf, type ClusterId, type FlowId, type NodeRef } from '../domain/base/ids';
import type { FlowEvent } from '../domain/flow/events';
import type { NodeStatistics } from '../domain/node/statistics';
import type { TapRecord } from '../domain/seams/tap';

/** Version of this fold: a checkpoint made by another version is not used. */
export const STATISTICS_FOLD_VERSION = 2;

/** Sums over nodes. Frames and bytes of a node are those that it received, from networks and from links. */
export interface Sums {
  readonly flows: number;
  readonly backups: number;
  readonly frames: number;
  readonly bytes: number;
  readonly entered: number;
  readonly left: number;
  readonly consumed: number;
  readonly created: number;
  readonly copied: number;
  readonly replicated: number;
  readonly suppressed: number;
  readonly reemitted: number;
  readonly resynchronised: number;
  /** Frames let in without a flow entry, and carried on by nodes that had no room for one. */
  readonly flooded: number;
  readonly untracked: number;
  readonly inFlight: number;
  readonly bridged: number;
  readonly tooBigAnswered: number;
  readonly fragmented: number;
  readonly mssClamped: number;
  readonly dropped: { readonly [reason: string]: number };
  /** What packet functions counted besides drops, by name. */
  readonly counted: { readonly [name: string]: number };
  /** By power of two of a microsecond. */
  readonly latencyBuckets: readonly number[];
}

export interface LinkTraffic {
  readonly frames: number;
  readonly bytes: number;
  readonly lost: number;
}

/** Packets and bytes of a flow by direction, known when it has ended. */
export interface FlowTraffic {
  readonly packets: readonly [forward: number, reverse: number];
  readonly bytes: readonly [forward: number, reverse: number];
}

export interface StatisticsCheckpoint {
  readonly version: number;
  readonly nodes: readonly NodeStatistics[];
  readonly links: readonly (readonly [link: number, traffic: LinkTraffic])[];
  readonly flows: readonly (readonly [flow: FlowId, traffic: FlowTraffic])[];
}

/**
 * What was counted, per node, cluster, link, flow and for the grid: a fold of the nodes' statistics (which only grow, so
 * that losing some or seeing them again does no harm), of taps on links, and of the flows' ends.
 */
export class StatisticsProjection {
  private readonly nodes = new Map<string, NodeStatistics>();
  private readonly links = new Map<number, { frames: number; bytes: number; lost: number }>();
  private readonly flows = new Map<FlowId, FlowTraffic>();

  static restore(checkpoint: StatisticsCheckpoint): StatisticsProjection | undefined {
    if (checkpoint.version !== STATISTICS_FOLD_VERSION) return undefined;
    const projection = new StatisticsProjection();
    for (const node of checkpoint.nodes) projection.observe(node);
    for (const [link, traffic] of checkpoint.links) projection.links.set(link, { ...traffic });
    for (const [flow, traffic] of checkpoint.flows) projection.flows.set(flow, traffic);
    return projection;
  }

  checkpoint(): StatisticsCheckpoint {
    const links = [...this.links].map(([link, traffic]) => [link, { ...traffic }] as const);
    return { version: STATISTICS_FOLD_VERSION, nodes: [...this.nodes.values()], links, flows: [...this.flows] };
  }

  /** A node told what it has counted so far; older news than what is known is ignored. */
  observe(statistics: NodeStatistics): void {
    const key = `${statistics.node}@${statistics.incarnation}`;
    const known = this.nodes.get(key);
    if (known === undefined || known.at <= statistics.at) this.nodes.set(key, statistics);
  }

  observeTap({ kind, link, bytes }: TapRecord): void {
    if (link === 0) return;
    let traffic = this.links.get(link);
    if (traffic === undefined) this.links.set(link, (traffic = { frames: 0, bytes: 0, lost: 0 }));
    if (kind === 'lost') {
      traffic.lost++;
      return;
    }
    traffic.frames++;
    traffic.bytes += bytes.length;
  }

  observeFlowEvent(event: FlowEvent): void {
    if (event.type === 'FlowEnded') this.flows.set(event.flow, { packets: event.packets, bytes: event.bytes });
  }

  /** All incarnations of one node. */
  node(ref: NodeRef): Sums {
    return sumOf(this.every().filter((node) => node.node === ref));
  }

  cluster(id: ClusterId): Sums {
    return sumOf(this.every().filter((node) => clusterOf(node.node) === id));
  }

  grid(): Sums {
    return sumOf(this.every());
  }

  link(id: number): LinkTraffic {
    return this.links.get(id) ?? { frames: 0, bytes: 0, lost: 0 };
  }

  flow(id: FlowId): FlowTraffic | undefined {
    return this.flows.get(id);
  }

  /** The newest statistics of every incarnation. */
  every(): NodeStatistics[] {
    return [...this.nodes.values()];
  }
}

/**
 * A percentile of a latency histogram by powers of two: the upper bound of the bucket that holds it, in microseconds;
 * 0 when nothing was measured.
 */
export function percentile(buckets: readonly number[], share: number): number {
  const total = buckets.reduce((sum, n) => sum + n, 0);
  if (total === 0) return 0;
  const rank = Math.max(1, Math.ceil(total * share));
  let seen = 0;
  const at = buckets.findIndex((n) => (seen += n) >= rank);
  return 2 ** (at + 1) - 1;
}

/** What several readings come to. */
export function sumOf(nodes: readonly NodeStatistics[]): Sums {
  const total = (figure: (node: NodeStatistics) => number): number =>
    nodes.reduce((sum, node) => sum + figure(node), 0);
  const dropped: { [reason: string]: number } = {};
  const counted: { [name: string]: number } = {};
  const latencyBuckets: number[] = [];
  for (const node of nodes) {
    for (const [reason, n] of Object.entries(node.dropped)) dropped[reason] = (dropped[reason] ?? 0) + n;
    for (const [name, n] of Object.entries(node.counted ?? {})) counted[name] = (counted[name] ?? 0) + n;
    node.latencyBuckets.forEach((n, i) => (latencyBuckets[i] = (latencyBuckets[i] ?? 0) + n));
  }
  return {
    flows: total((node) => node.flowsPrimary),
    backups: total((node) => node.flowsBackup),
    frames: total((node) => node.received + node.externalIn),
    bytes: total((node) => node.bytesReceived),
    entered: total((node) => node.externalIn),
    left: total((node) => node.externalOut),
    consumed: total((node) => node.consumed),
    created: total((node) => node.created),
    copied: total((node) => node.copied),
    replicated: total((node) => node.replicated),
    suppressed: total((node) => node.suppressed),
    reemitted: total((node) => node.reemitted),
    resynchronised: total((node) => node.resynchronised),
    flooded: total((node) => node.flooded),
    untracked: total((node) => node.untracked),
    inFlight: total((node) => node.inFlight),
    bridged: total((node) => node.bridged),
    tooBigAnswered: total((node) => node.tooBigAnswered),
    fragmented: total((node) => node.fragmented),
    mssClamped: total((node) => node.mssClamped),
    dropped,
    counted,
    latencyBuckets,
  };
}
