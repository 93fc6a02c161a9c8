import { withEntry, withoutEntry } from '../base/entries';
import { unreachable } from '../base/errors';
import { evolveNode, type EventPlace, type NodeLifeEvent } from '../node/evolve';
import type { ClusterEvent } from './events';
import type { ClusterState } from './state';

export interface Clusters {
  readonly [cluster: number]: ClusterState;
}

export function evolveClusters(clusters: Clusters, event: ClusterEvent): Clusters {
  switch (event.type) {
    case 'ClusterCreated':
      return withEntry(clusters, event.data.id, { settings: event.data, nodes: {} });
    case 'ClusterReconfigured': {
      const cluster = clusters[event.data.id];
      if (cluster === undefined) return clusters;
      return withEntry(clusters, event.data.id, { settings: event.data, nodes: cluster.nodes });
    }
    case 'ClusterDeleted':
      return withoutEntry(clusters, event.data.cluster);
    default:
      return unreachable(event);
  }
}

/** Applies a node's event inside its cluster; the cost is that of the cluster, not of the grid. */
export function evolveMembers(clusters: Clusters, event: NodeLifeEvent, place: EventPlace): Clusters {
  const { cluster: id, node: nodeId } = event.data;
  const cluster = clusters[id];
  if (cluster === undefined) return clusters;
  const before = cluster.nodes[nodeId];
  const after = evolveNode(before, event, place);
  if (after === before || after === undefined) return clusters;
  return withEntry(clusters, id, { settings: cluster.settings, nodes: withEntry(cluster.nodes, nodeId, after) });
}
