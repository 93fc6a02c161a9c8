import { withEntry } from '../base/entries';
import type { Clusters } from '../cluster/evolve';
import type { AgentRegistered, PlacementEvent } from './events';
import type { Agents, Placement } from './state';

export function evolveAgents(agents: Agents, { data }: AgentRegistered): Agents {
  const { agent, ...offered } = data;
  return { ...agents, [agent]: offered };
}

/** The clusters with a node placed elsewhere, or nowhere. */
export function evolvePlacement(clusters: Clusters, event: PlacementEvent): Clusters {
  const { cluster: id, node: nodeId } = event.data;
  const cluster = clusters[id];
  const node = cluster?.nodes[nodeId];
  if (cluster === undefined || node === undefined) return clusters;
  const placement = placementAfter(node.placement, event);
  return withEntry(clusters, id, {
    settings: cluster.settings,
    nodes: withEntry(cluster.nodes, nodeId, { ...node, placement }),
  });
}

function placementAfter(before: Placement, event: PlacementEvent): Placement {
  if (event.type === 'NodeDisplaced') return { agent: '', life: 0, incarnation: before.incarnation };
  const { agent, life, incarnation } = event.data;
  return { agent, life, incarnation };
}
