import { nodeOf, nodeRef, type ClusterId, type FlowId, type NodeRef } from '../../domain/base/ids';
import { flowBucket } from '../../domain/cluster/rendezvous';
import type { Obituary } from './liveness';
import type { TopologyView } from './topology-view';

/**
 * The choice of nodes, as plain functions of (topology, flow, who is dead): forwarding, repair and `trace` all use
 * them, so that they cannot disagree ([0079–0085]).
 */

/**
 * The node that a flow's hash selects in a cluster: the first live one in its bucket's order that resilient links leave open
 * between the nodes beside it (node 0 = somebody of that cluster, 0 = nobody is known); 0 if none lives.
 */
export function hashedNode(
  view: TopologyView,
  cluster: ClusterId,
  flow: FlowId,
  dead: Obituary,
  before: NodeRef = 0,
  after: NodeRef = 0,
): NodeRef {
  const bucket = flowBucket(flow, cluster, view.topology.seed);
  const node = view.table(cluster).firstLive(bucket, dead.open(view, cluster, before, after));
  return node === 0 ? 0 : nodeRef(cluster, node);
}

/**
 * The next live member after `ref` in the flow's order, `ref` left out: whom the flow falls to when `ref` dies, and,
 * while it lives, its backup ([0085c]). The idle end of a resilient link comes last, unless it is the other end of it. 0 if there
 * is nobody else.
 */
export function successorOf(view: TopologyView, ref: NodeRef, flow: FlowId, dead: Obituary): NodeRef {
  const cluster = ref >>> 7;
  const bucket = flowBucket(flow, cluster, view.topology.seed);
  const table = view.table(cluster);
  const node =
    table.nextLive(bucket, nodeOf(ref), dead.heirs(view, ref)) ||
    table.nextLive(bucket, nodeOf(ref), dead.live(view, cluster));
  return node === 0 ? 0 : nodeRef(cluster, node);
}

/**
 * Who emits a flow's frames in a cluster when `chosen` (0 = nobody yet) was selected: that node while it lives, then,
 * under `redirect` and `backup`, its successor; under `discard` nobody. Copies go on to the successor under all three.
 */
export function emitterFor(
  view: TopologyView,
  cluster: ClusterId,
  chosen: NodeRef,
  flow: FlowId,
  dead: Obituary,
): NodeRef {
  if (chosen === 0) return hashedNode(view, cluster, flow, dead);
  if (!dead.isDeadIn(view, chosen)) return chosen;
  return endsWith(view, cluster) ? 0 : successorOf(view, chosen, flow, dead);
}

/** Whether a flow ends in a cluster when its node there dies; one that only sends copies there goes on. */
export function endsWith(view: TopologyView, cluster: ClusterId): boolean {
  const { failure, mode } = view.cluster(cluster);
  return failure === 'discard' && mode !== 'copy';
}

/**
 * Who shadows a flow whose frames `emitter` emits: its successor where the cluster's policy is `backup`, else 0; copies
 * are not copied again.
 */
export function shadowFor(view: TopologyView, emitter: NodeRef, flow: FlowId, dead: Obituary): NodeRef {
  const cluster = emitter === 0 ? undefined : view.cluster(emitter >>> 7);
  if (cluster?.failure !== 'backup' || cluster.mode === 'copy') return 0;
  return successorOf(view, emitter, flow, dead);
}
