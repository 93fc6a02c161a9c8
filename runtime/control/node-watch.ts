import { Detector, type DeadlineSetter } from '../../actors/detector';
import { clusterOf, nodeOf, nodeRef, type Millis, type NodeRef } from '../../domain/base/ids';
import { carriesFlows, nodesOf } from '../../domain/cluster/state';
import type { TopologyEvent } from '../../domain/events';
import { detectionMs } from '../../domain/grid/decide';
import type { GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import { isNodeLife } from '../../domain/node/evolve';
import { isLive } from '../../domain/node/state';

/** Keeps the detector watching exactly the nodes that ought to say hello. */
export class NodeWatch {
  readonly detector: Detector;

  constructor(deadlines: DeadlineSetter) {
    this.detector = new Detector(deadlines);
  }

  /** Watches every live node; silence of those not watched yet is counted from `now`. */
  watchAll(state: GridState, now: Millis): void {
    if (state.grid !== null) this.detector.detectionMs = detectionMs(state.grid.timing);
    for (const cluster of Object.values(state.clusters)) {
      for (const node of nodesOf(cluster)) this.watch(nodeRef(cluster.settings.id, node.node), state, now);
    }
  }

  /** Follows what a commit changed. */
  watchChanged(commit: Commit<TopologyEvent>, state: GridState, now: Millis): void {
    for (const event of commit.events) {
      if (event.type === 'GridCreated' || event.type === 'GridReconfigured') {
        this.detector.detectionMs = detectionMs(event.data.timing);
      } else if (isNodeLife(event)) {
        this.watch(nodeRef(event.data.cluster, event.data.node), state, now);
      }
    }
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
