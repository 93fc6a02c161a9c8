import { clusterOf, nodeOf, nodeRef, type FlowId, type NodeRef } from '../../domain/base/ids';
import type { FlowPath } from '../../domain/topology/topology';
import type { Obituary } from './liveness';
import { itinerary } from './path-policy';
import { hashedNode } from './route';
import type { TopologyView } from './topology-view';

/**
 * Clones of flows ([0084]) as plain functions of (topology, original, who is dead): the INODEs at both ends of a flow
 * find the same clone on the same route without a word between them.
 */

const CLONE_BIT = 0x80_0000;

/** The ID of a flow's clone, and of a clone's original: the flow's own with bit 23 turned. */
export function cloneOf(flow: FlowId): FlowId {
  return (flow ^ CLONE_BIT) >>> 0;
}

/** The path on which flows of this type are replicated; undefined if they are not. */
export function replicaPathOf(view: TopologyView, flowType: number): FlowPath | undefined {
  const policy = view.topology.policies.find((each) => each.flowType === flowType && each.replicateTo !== undefined);
  return policy?.replicateTo === undefined ? undefined : view.path(policy.replicateTo);
}

/**
 * The route of the clone of `flow`, whose own route is `route`: in clusters that the original visits too, the original's
 * node, so that a recorder sees both; in all others the node is chosen by hash, whatever the cluster's selector. A flow
 * that began at the far end of the replica's path takes it the other way round. Undefined if the path does not lead from
 * the flow's INODE, or cannot be gone.
 */
export function replicaRoute(
  view: TopologyView,
  path: FlowPath,
  flow: FlowId,
  route: readonly NodeRef[],
  dead: Obituary,
): NodeRef[] | undefined {
  const first = clusterOf(route[0]);
  const clusters = path.clusters[0] === first ? path.clusters : [...path.clusters].reverse();
  if (clusters[0] !== first) return undefined;
  const stages = itinerary(view, { ...path, clusters }, dead);
  if (!stages.ok) return undefined;
  // Clusters in mode `copy` get a copy of the original; a copy of a copy is nobody's.
  const through = stages.clusters.filter((cluster) => view.cluster(cluster).mode !== 'copy');
  return through.map((cluster) => {
    const shared = route.find((ref) => clusterOf(ref) === cluster);
    if (shared !== undefined && nodeOf(shared) !== 0) return shared;
    return hashedNode(view, cluster, shared === undefined ? cloneOf(flow) : flow, dead) || nodeRef(cluster, 0);
  });
}
