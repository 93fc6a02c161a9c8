import { decodeFlowBatch } from '../../adapters/codec/flow-batch';
import { decodeNodeStatistics } from '../../adapters/codec/node-statistics';
import { type Millis, type NodeRef } from '../../domain/base/ids';
import { nodesOf, type ClusterState } from '../../domain/cluster/state';
import { isMember } from '../../domain/node/state';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { Bus, BusSubscription } from '../../domain/seams/bus';
import type { Clock, Timers } from '../../domain/seams/clock';
import { ClusterLoads } from './cluster-loads';
import type { ControlPlane } from './control-plane';

/** How often loads are told, milliseconds: as often as nodes say what they counted. */
const EVERY_MS = 1_000;
/** A node that has said nothing for so long is not known to carry anything, milliseconds. */
const FRESH_MS = 3_000;

/** The subject of what nodes count; adapters/bus names it for a grid. */
export interface LoadSubjects {
  /** With `*`: of all nodes. */
  statsNode(node: string): string;
}

/**
 * Tells a leading control plane the loads of clusters that follow theirs, from what nodes count as it is told on a bus. Of a
 * cluster of which some member is not heard nothing is told: nobody must leave because statistics are lost.
 */
export class LoadListener {
  private readonly readings = new Map<NodeRef, { readonly counted: NodeStatistics; readonly at: Millis }>();
  private readonly loads = new ClusterLoads();
  private readonly subscription: BusSubscription;
  private stopTimer: () => void = () => undefined;

  constructor(
    private readonly plane: Pick<ControlPlane, 'wantsLoads' | 'state' | 'reportLoad'>,
    bus: Bus,
    subjects: LoadSubjects,
    private readonly time: Clock & Timers,
  ) {
    this.subscription = bus.subscribe(subjects.statsNode('*'), (payload) => this.hear(payload));
    this.wait();
  }

  /** Looks at flows that begin, in a batch that came into the log, where some cluster's size depends on them. */
  batch(bytes: Uint8Array): void {
    const isSteered = ({ settings: { autoscale } }: ClusterState): boolean =>
      autoscale?.target.newFlowsPerSecond !== undefined;
    if (!this.plane.wantsLoads || !Object.values(this.plane.state.clusters).some(isSteered)) return;
    this.loads.flows(decodeFlowBatch(bytes).events);
  }

  close(): void {
    this.stopTimer();
    this.subscription.unsubscribe();
  }

  private hear(payload: Uint8Array): void {
    const counted = decodeNodeStatistics(payload);
    // Whoever folds the streams counts what is none.
    if (counted !== undefined) this.readings.set(counted.node, { counted, at: this.time.now() });
  }

  private wait(): void {
    this.stopTimer = this.time.schedule(this.time.now() + EVERY_MS, () => {
      this.wait();
      if (this.plane.wantsLoads) this.tell();
    });
  }

  private tell(): void {
    const { state } = this.plane;
    const now = this.time.now();
    for (const [ref, { at }] of this.readings) if (now - at > FRESH_MS) this.readings.delete(ref);
    const counted = Array.from(this.readings.values(), (reading) => reading.counted);
    for (const [cluster, sample] of this.loads.samples(state, counted, now)) {
      const heard = new Set(sample.nodes.map(({ node }) => node));
      const isWhole = nodesOf(state.clusters[cluster]!).every((node) => !isMember(node) || heard.has(node.node));
      if (isWhole) this.plane.reportLoad(cluster, sample);
    }
  }
}
