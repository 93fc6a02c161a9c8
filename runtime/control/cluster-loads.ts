import { loadOf, type LoadSample, type NodeLoad } from '../../domain/autoscale/load';
import { clusterOf, nodeOf, type ClusterId, type Millis, type NodeRef } from '../../domain/base/ids';
import type { FlowEvent } from '../../domain/flow/events';
import type { GridState } from '../../domain/grid-state';
import { isMember } from '../../domain/node/state';
import type { NodeStatistics } from '../../domain/node/statistics';

/** Makes of what nodes count, and of the flows that begin, what clusters carry. */
export class ClusterLoads {
  /** Flows that each node was given as their primary, by its present life's FlowStarted events. */
  private readonly taken = new Map<NodeRef, number>();

  /** Counts the flows that nodes were given. */
  flows(events: readonly FlowEvent[]): void {
    for (const event of events) {
      if (event.type !== 'FlowStarted' || event.observedAs !== 'ingress') continue;
      for (const node of event.route) this.taken.set(node, (this.taken.get(node) ?? 0) + 1);
    }
  }

  /** What each cluster carries now. The dead count no more, and a spare that is warm carries nothing. */
  samples({ clusters }: GridState, statistics: Iterable<NodeStatistics>, at: Millis): Map<ClusterId, LoadSample> {
    const loads = new Map<ClusterId, NodeLoad[]>();
    const latencyBuckets: number[] = [];
    for (const counted of statistics) {
      const { node, incarnation } = counted;
      const cluster = clusterOf(node);
      counted.latencyBuckets.forEach((n, power) => (latencyBuckets[power] = (latencyBuckets[power] ?? 0) + n));
      const known = clusters[cluster]?.nodes[nodeOf(node)];
      if (known?.incarnation !== incarnation || !isMember(known)) continue;
      const nodes = loads.get(cluster) ?? [];
      nodes.push(loadOf(nodeOf(node), counted, this.taken.get(node) ?? 0));
      loads.set(cluster, nodes);
    }
    return new Map(Array.from(loads, ([cluster, nodes]) => [cluster, { at, nodes, latencyBuckets }]));
  }
}
