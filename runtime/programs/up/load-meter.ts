import { clusterOf, nodeOf, type ClusterId, type Millis, type NodeRef } from '../../../domain/base/ids';
import { loadOf, type NodeLoad } from '../../../domain/autoscale/load';
import { isMember } from '../../../domain/node/state';
import type { DataplaneHost, GridHarvest } from '../../agent/dataplane-host';
import type { ControlPlane } from '../../control/control-plane';

/** Grid time between two measurements, milliseconds: statistics look at every flow. */
const MEASURE_MS = 500;

/** Measures what the hosted nodes carry, for clusters that follow their load. */
export class LoadMeter {
  /** Flows that each node was given as their primary, by its present life's FlowStarted events. */
  private readonly taken = new Map<NodeRef, number>();
  private next: Millis = 0;

  constructor(
    private readonly host: DataplaneHost,
    private readonly control: ControlPlane,
  ) {}

  /** Counts the flows that nodes were given. */
  harvest({ events }: GridHarvest): void {
    for (const { events: told } of events) {
      for (const event of told) {
        if (event.type !== 'FlowStarted' || event.observedAs !== 'ingress') continue;
        for (const node of event.route) this.taken.set(node, (this.taken.get(node) ?? 0) + 1);
      }
    }
  }

  /** Tells the control plane the loads, if it is time to. */
  async measure(now: Millis): Promise<void> {
    if (now < this.next) return;
    this.next = now + MEASURE_MS;
    const loads = new Map<ClusterId, NodeLoad[]>();
    const latencyBuckets: number[] = [];
    const { clusters } = this.control.state;
    for (const statistics of await this.host.statistics()) {
      const { node, incarnation } = statistics;
      const cluster = clusterOf(node);
      statistics.latencyBuckets.forEach((n, power) => (latencyBuckets[power] = (latencyBuckets[power] ?? 0) + n));
      const known = clusters[cluster]?.nodes[nodeOf(node)];
      // The dead count no more, and a spare that is warm carries nothing.
      if (known?.incarnation !== incarnation || !isMember(known)) continue;
      const nodes = loads.get(cluster) ?? [];
      nodes.push(loadOf(nodeOf(node), statistics, this.taken.get(node) ?? 0));
      loads.set(cluster, nodes);
    }
    for (const [cluster, nodes] of loads) this.control.reportLoad(cluster, { at: now, nodes, latencyBuckets });
  }
}
