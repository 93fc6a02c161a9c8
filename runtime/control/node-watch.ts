import { Detector, type DeadlineSetter } from '../../actors/detector';
import { clusterOf, nodeOf, nodeRef, type Millis, type NodeRef } from '../../domain/base/ids';
import { carriesFlows, nodesOf } from '../../domain/cluster/state';
import type { TopologyEvent } from '../../domain/events';
import { detectionMs } from '../../domain/grid/timing';
import type { GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import { isNodeLife } from '../../domain/node/evolve';
import { isLive } from '../../domain/node/state';
import type { Timing } from '../../domain/topology/topology';

/** How patient a control plane is with nodes that it hears over a bus. */
export interface Patience {
  /** Milliseconds of silence before a node is suspected, at least: neighbours find a death out faster, by themselves. */
  readonly detectionMs?: Millis;
  /** While nobody at all is heard, nobody is suspected before this many milliseconds; see {@link Detector.blackoutMs}. */
  readonly blackoutMs?: Millis;
}

/** Keeps the detector watching exactly the nodes that ought to say hello. */
export class NodeWatch {
  readonly detector: Detector;

  /** @param patience what silence is measured by beside the grid's timing. */
  constructor(
    deadlines: DeadlineSetter,
    private readonly patience: Patience = {},
  ) {
    this.detector = new Detector(deadlines);
    this.detector.blackoutMs = patience.blackoutMs ?? 0;
  }

  /** Watches every live node; silence of those not watched yet is counted from `now`. */
  watchAll(state: GridState, now: Millis): void {
    if (state.grid !== null) this.setDetection(state.grid.timing);
    // Who takes over has heard nobody yet: a bus that is down as well must not look like everybody's death.
    this.detector.heard(now);
    for (const cluster of Object.values(state.clusters)) {
      for (const node of nodesOf(cluster)) this.watch(nodeRef(cluster.settings.id, node.node), state, now);
    }
  }

  /** Follows what a commit changed. */
  watchChanged(commit: Commit<TopologyEvent>, state: GridState, now: Millis): void {
    for (const event of commit.events) {
      if (event.type === 'GridCreated' || event.type === 'GridReconfigured') {
        this.setDetection(event.data.timing);
      } else if (isNodeLife(event)) {
        this.watch(nodeRef(event.data.cluster, event.data.node), state, now);
      }
    }
  }

  private setDetection(timing: Timing): void {
    this.detector.detectionMs = Math.max(this.patience.detectionMs ?? 0, detectionMs(timing));
  }

  private watch(ref: NodeRef, state: GridState, now: Millis): void {
    const cluster = state.clusters[clusterOf(ref)];
    const node = cluster?.nodes[nodeOf(ref)];
    if (cluster === undefined || node === undefined || !carriesFlows(cluster) || !isLive(node)) {
      this.detector.unwatch(ref);
    } else {
      this.detector.watch(ref, node.incarnation, now);
    }
  }
}
