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
      return { ...clusters, [event.data.id]: { settings: event.data, nodes: {} } };
    case 'ClusterReconfigured': {
      const cluster = clusters[event.data.id];
      return cluster === undefined ? clusters : { ...clusters, [event.data.id]: { ...cluster, settings: event.data } };
    }
    case 'ClusterDeleted': {
      const { [event.data.cluster]: _deleted, ...others } = clusters;
      return others;
    }
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
  return { ...clusters, [id]: { ...cluster, nodes: { ...cluster.nodes, [nodeId]: after } } };
}
