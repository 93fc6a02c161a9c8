import type { Incarnation, Millis, NodeId } from '../base/ids';
import type { NodeStatistics } from '../node/statistics';
import type { Metric } from './settings';

/** What a node carries: two figures of now, and counts since its life began, which only grow. */
export interface NodeLoad {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  /** Live flows that it handles as primary. */
  readonly activeFlows: number;
  /** Per mille. */
  readonly utilisation: number;
  /** Flows that it was given as their primary. */
  readonly flowsTaken: number;
  readonly frames: number;
  readonly bytes: number;
}

/** The loads of a cluster's nodes at one moment. */
export interface LoadSample {
  readonly at: Millis;
  readonly nodes: readonly NodeLoad[];
  /** Frames that have left the grid, by power of two of the microseconds that they were in it. */
  readonly latencyBuckets: readonly number[];
}

/** A node's load over a window, by metric; integers. Utilisation is in per mille. Latency is the grid's, and of no node. */
export type Measures = { readonly [Name in Exclude<Metric, 'latencyUs'>]: number };

/** The loads of a cluster over a window. A node that was there for a part of it counts with that part. */
export interface ClusterLoad {
  readonly from: Millis;
  readonly until: Millis;
  /** In order of node. */
  readonly nodes: readonly (Measures & { readonly node: NodeId })[];
  /** Mean of all frames that left the grid, 0 = none did. */
  readonly latencyUs: number;
}

/** A node's load as its statistics tell it. They do not know what it was given: whoever reads flow events counts that. */
export function loadOf(node: NodeId, statistics: NodeStatistics, flowsTaken: number): NodeLoad {
  return {
    node,
    incarnation: statistics.incarnation,
    activeFlows: statistics.flowsPrimary,
    utilisation: statistics.utilisation,
    flowsTaken,
    frames: statistics.received + statistics.externalIn,
    bytes: statistics.bytesReceived,
  };
}

/**
 * The load between the first sample and the last: figures of now are means over time, counts are rates.
 *
 * @param samples in order of time; undefined with fewer than two moments.
 */
export function loadOver(samples: readonly LoadSample[]): ClusterLoad | undefined {
  const from = samples[0]?.at ?? 0;
  const until = samples.at(-1)?.at ?? 0;
  if (until <= from) return undefined;
  const sums = new Map<NodeId, Sums>();
  for (let i = 1; i < samples.length; i++) addInterval(sums, samples[i - 1]!, samples[i]!);
  const span = until - from;
  const nodes = [...sums].sort(([a], [b]) => a - b).map(([node, sum]) => ({ node, ...measuresOf(sum, span) }));
  return { from, until, nodes, latencyUs: meanLatency(samples[0]!.latencyBuckets, samples.at(-1)!.latencyBuckets) };
}

interface Sums {
  /** Figures of now, times milliseconds. */
  activeFlows: number;
  utilisation: number;
  flowsTaken: number;
  frames: number;
  bytes: number;
}

function addInterval(sums: Map<NodeId, Sums>, before: LoadSample, after: LoadSample): void {
  const ms = after.at - before.at;
  for (const load of after.nodes) {
    let sum = sums.get(load.node);
    if (sum === undefined) {
      sum = { activeFlows: 0, utilisation: 0, flowsTaken: 0, frames: 0, bytes: 0 };
      sums.set(load.node, sum);
    }
    sum.activeFlows += load.activeFlows * ms;
    sum.utilisation += load.utilisation * ms;
    // What it counted before it came, or in another life, is not of this time.
    const known = before.nodes.find(({ node, incarnation }) => node === load.node && incarnation === load.incarnation);
    if (known === undefined) continue;
    sum.flowsTaken += load.flowsTaken - known.flowsTaken;
    sum.frames += load.frames - known.frames;
    sum.bytes += load.bytes - known.bytes;
  }
}

function measuresOf(sum: Sums, spanMs: Millis): Measures {
  const perSecond = (count: number): number => Math.round((count * 1000) / spanMs);
  return {
    utilisation: Math.round(sum.utilisation / spanMs),
    activeFlows: Math.round(sum.activeFlows / spanMs),
    newFlowsPerSecond: perSecond(sum.flowsTaken),
    throughputBps: perSecond(8 * sum.bytes),
    framesPerSecond: perSecond(sum.frames),
  };
}

function meanLatency(before: readonly number[], after: readonly number[]): number {
  let frames = 0;
  let waited = 0;
  after.forEach((count, power) => {
    // Where a node has died fewer are known than before.
    const more = Math.max(0, count - (before[power] ?? 0));
    frames += more;
    // The middle of what the bucket holds.
    waited += more * 1.5 * 2 ** power;
  });
  return frames === 0 ? 0 : Math.round(waited / frames);
}
