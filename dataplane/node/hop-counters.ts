import {
  CLUSTER_ID_MAX,
  clusterOf,
  NODE_ID_MAX,
  nodeOf,
  nodeRef,
  type ClusterId,
  type NodeRef,
} from '../../domain/base/ids';
import type { HopTraffic } from '../../domain/node/statistics';

/** Frames and bytes to each node of a cluster, in turns. */
const PLACES = 2 * (NODE_ID_MAX + 1);

/**
 * What a node sent, by the node that it went to: floats, so that nothing is boxed and nothing wraps. The places of a
 * cluster are made when the first frame goes there.
 */
export class HopCounters {
  private readonly byCluster = new Array<Float64Array | undefined>(CLUSTER_ID_MAX + 1).fill(undefined);

  /** Counts a frame of so many bytes. */
  count(to: NodeRef, bytes: number): void {
    const places = this.byCluster[clusterOf(to)] ?? this.open(clusterOf(to));
    const at = 2 * nodeOf(to);
    places[at]++;
    places[at + 1] += bytes;
  }

  /** As plain data, in order of node; those only that something went to. */
  traffic(): HopTraffic[] {
    const traffic: HopTraffic[] = [];
    this.byCluster.forEach((places, cluster) => {
      for (let node = 0; places !== undefined && node <= NODE_ID_MAX; node++) {
        const frames = places[2 * node];
        if (frames > 0) traffic.push({ to: nodeRef(cluster, node), frames, bytes: places[2 * node + 1] });
      }
    });
    return traffic;
  }

  private open(cluster: ClusterId): Float64Array {
    return (this.byCluster[cluster] = new Float64Array(PLACES));
  }
}
