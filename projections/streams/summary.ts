import type { NodeStatistics } from '../../domain/node/statistics';
import { percentile, sumOf } from '../statistics';
import type { NodesSummary } from './messages';
import type { Growth } from './node-history';

/** A node that is part of a sum. */
export interface Contribution {
  /** Of all its lives; undefined when none was heard. */
  readonly totals: NodeStatistics | undefined;
  /** Its newest reading; absent while it is silent, or should not be heard. */
  readonly present?: NodeStatistics;
  readonly growth?: Growth;
}

/** Sums over nodes, as grid and clusters tell them. */
export function summaryOf(nodes: readonly Contribution[]): NodesSummary {
  const present = nodes.flatMap((node) => node.present ?? []);
  const growths = nodes.flatMap((node) => (node.present === undefined ? [] : (node.growth ?? [])));
  const states = sumOf(present);
  return {
    flows: states.flows,
    backups: states.backups,
    inFlight: states.inFlight,
    utilisation: utilisationOf(present),
    congested: present.filter(({ congested }) => congested).length,
    perSecond: ratesOf(growths.map(({ perSecond }) => perSecond)),
    latencyUs: latencyOf(growths),
    counts: countsOf(nodes.flatMap(({ totals }) => totals ?? [])),
  };
}

/** A rate as people read it: to a tenth. */
export function rounded(rate: number): number {
  return Math.round(10 * rate) / 10;
}

function utilisationOf(nodes: readonly NodeStatistics[]): NodesSummary['utilisation'] {
  if (nodes.length === 0) return null;
  const each = nodes.map(({ utilisation }) => utilisation);
  return { most: Math.max(...each), mean: rounded(each.reduce((sum, n) => sum + n, 0) / each.length) };
}

function ratesOf(nodes: readonly NodeStatistics[]): NodesSummary['perSecond'] {
  const sums = sumOf(nodes);
  const total = (figure: (node: NodeStatistics) => number): number =>
    rounded(nodes.reduce((sum, node) => sum + figure(node), 0));
  return {
    nodes: nodes.length,
    frames: rounded(sums.frames),
    linkBits: total(({ bytesSent }) => 8 * bytesSent),
    flowBits: total(({ types }) => 8 * types.reduce((sum, { bytes }) => sum + bytes, 0)),
    entered: rounded(sums.entered),
    left: rounded(sums.left),
    newFlows: total(({ flowsStarted }) => flowsStarted),
    endedFlows: total(({ flowsEnded }) => flowsEnded),
    dropped: rounded(Object.values(sums.dropped).reduce((sum, n) => sum + n, 0)),
  };
}

function latencyOf(growths: readonly Growth[]): NodesSummary['latencyUs'] {
  const buckets: number[] = [];
  for (const { latencyBuckets } of growths) {
    latencyBuckets.forEach((n, i) => (buckets[i] = (buckets[i] ?? 0) + n));
  }
  if (buckets.every((n) => n === 0)) return null;
  const at = (share: number): number => percentile(buckets, share);
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

function countsOf(nodes: readonly NodeStatistics[]): NodesSummary['counts'] {
  const sums = sumOf(nodes);
  const { frames, bytes, entered, left, consumed, created, copied, replicated, suppressed, reemitted, flooded } = sums;
  return {
    frames,
    bytes,
    entered,
    left,
    flowsStarted: nodes.reduce((sum, { flowsStarted }) => sum + flowsStarted, 0),
    flowsEnded: nodes.reduce((sum, { flowsEnded }) => sum + flowsEnded, 0),
    consumed,
    created,
    copied,
    replicated,
    suppressed,
    reemitted,
    flooded,
    dropped: sums.dropped,
    counted: sums.counted,
  };
}
