import { isMember, type NodeState } from '../node/state';
import type { ClusterSettings } from './events';

/** A cluster and its nodes. */
export interface ClusterState {
  readonly settings: ClusterSettings;
  /** By node ID. */
  readonly nodes: { readonly [node: number]: NodeState };
}

/** The cluster's nodes in order of ID. */
export function nodesOf(cluster: ClusterState): readonly NodeState[] {
  return Object.values(cluster.nodes);
}

/** Whether the cluster's nodes allocate flow IDs ([0047]). */
export function originatesFlows(cluster: ClusterState): boolean {
  return cluster.settings.role === 'inode' || cluster.settings.originates;
}

/** MNODE clusters carry no flows: their nodes are no part of publication and detection. */
export function carriesFlows(cluster: ClusterState): boolean {
  return cluster.settings.role !== 'mnode';
}

/** `whole`: every node that should take part does; `degraded`: some do; `empty`: none does. */
export type ClusterCondition = 'empty' | 'degraded' | 'whole';

export function conditionOf(cluster: ClusterState): ClusterCondition {
  const nodes = nodesOf(cluster);
  if (!nodes.some(isMember)) return 'empty';
  return nodes.some(isMissing) ? 'degraded' : 'whole';
}

/** Whether a node should take part and does not. */
export function isMissing(node: NodeState): boolean {
  const { status } = node;
  if (status === 'admitted' || status === 'configured') return !node.spare;
  return status === 'failed' || status === 'recovering';
}
