import type { ClusterId, Millis, NodeId, Seq } from '../base/ids';
import type { ClusterState } from '../cluster/state';
import { nodesOf } from '../cluster/state';
import type { NodeState } from '../node/state';
import type { Workflows } from '../provisioning/evolve';
import type { Reason, Verdict } from './events';

/** What a cluster's newest decisions have left to be remembered. */
export interface AutoscaleRecord {
  /** The newest decision. */
  readonly at: Millis;
  readonly verdict: Verdict;
  readonly why: Reason;
  /** The newest one that changed the size: it is carried out node by node. */
  readonly change: AutoscaleChange | null;
  /** So many nodes could not keep the latency, when they received so many frames a second. */
  readonly tooFew: { readonly nodes: number; readonly framesPerSecond: number } | null;
}

export interface AutoscaleChange {
  readonly seq: Seq;
  readonly at: Millis;
  readonly verdict: 'out' | 'in';
  readonly nodes: readonly NodeId[];
  /** The load that led to it, in per mille of a node of weight 1; 0 = something else did, or latency. */
  readonly demand: number;
}

/** By cluster. */
export interface Autoscaling {
  readonly [cluster: number]: AutoscaleRecord;
}

/** Members that get new flows now or are about to, in order of ID. */
export function servingNodes(cluster: ClusterState): NodeState[] {
  return nodesOf(cluster).filter(({ status, spare }) => {
    if (status === 'active' || status === 'suspected') return true;
    return !spare && (status === 'configured' || status === 'admitted');
  });
}

/** Spares that nobody has reserved, in order of ID. */
export function freeSpares(cluster: ClusterState): NodeState[] {
  return nodesOf(cluster).filter(
    ({ status, spare, reservedBy }) => status === 'admitted' && spare && reservedBy === '',
  );
}

/** The workflow that carries out one step of a change, counted from 1. */
export function stepWorkflow(cluster: ClusterId, change: AutoscaleChange, step: number): string {
  return `autoscale/${cluster}/${change.seq}/${step}`;
}

/** The step to be requested next; `under-way`: one is being carried out; undefined: all are, or one failed. */
export function nextStep(
  cluster: ClusterState,
  workflows: Workflows,
  change: AutoscaleChange,
): { readonly step: number; readonly node: NodeId } | 'under-way' | undefined {
  const { id } = cluster.settings;
  for (const [index, node] of change.nodes.entries()) {
    const workflow = workflows[stepWorkflow(id, change, index + 1)];
    if (workflow === undefined) return { step: index + 1, node };
    if (workflow.status === 'running' && !isEffective(cluster, change, node)) return 'under-way';
    if (workflow.status === 'failed' || workflow.status === 'cancelled') return undefined;
  }
  return undefined;
}

/** A node that drains gets no new flows: what it still has may take hours, and the cluster may change meanwhile. */
function isEffective({ nodes }: ClusterState, { verdict }: AutoscaleChange, node: NodeId): boolean {
  const status = nodes[node]?.status;
  return verdict === 'in' && status !== 'active' && status !== 'suspected';
}
