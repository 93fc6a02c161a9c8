import { FlowgridError, isFlowgridError } from '../../domain/base/errors';
import type { ClusterId, NodeId } from '../../domain/base/ids';
import { nodesOf } from '../../domain/cluster/state';
import type { GridState } from '../../domain/grid-state';
import { leaveLinks } from './links';
import { drainNode } from './nodes';
import { type ProvisioningPort, commandOf, perform, present } from './port';

interface SpareInput {
  readonly cluster: ClusterId;
  /** 0 = any when reserving; whichever the workflow holds when releasing. */
  readonly node: NodeId | 0;
  readonly workflow: string;
}

/** Sets a spare aside for the workflow, and says which; asked again, the same. */
export async function reserveSpare(
  port: ProvisioningPort,
  { cluster, node, workflow }: SpareInput,
  activityId: string,
): Promise<{ node: NodeId }> {
  const body = { type: 'ReserveSpare', data: { cluster, node, workflow } } as const;
  await perform(port, commandOf(activityId, await present(port), body));
  const reserved = heldBy(await present(port), cluster, workflow);
  if (reserved !== undefined) return { node: reserved };
  throw new FlowgridError('rejected', `the spare reserved for ${workflow} in cluster ${cluster} is gone`);
}

/**
 * Gives a node back to its cluster's spares, and takes it out of the links that name it. Nothing to do when the workflow holds none, or when the node was lost
 * meanwhile: a failed node is the control plane's business.
 */
export async function releaseSpare(
  port: ProvisioningPort,
  { cluster, node, workflow }: SpareInput,
  activityId: string,
): Promise<void> {
  const state = await present(port);
  const held = node === 0 ? heldBy(state, cluster, workflow) : node;
  if (held === undefined) return;
  const known = state.clusters[cluster]?.nodes[held];
  if (known === undefined || LOST.has(known.status)) return;
  // Set aside by somebody else, or a member that this workflow never made its own: not ours to give back.
  if (known.reservedBy !== '' && known.reservedBy !== workflow) return;
  await leaveLinks(port, { cluster, node: held }, activityId);
  const body = { type: 'ReleaseSpare', data: { cluster, node: held, workflow } } as const;
  await perform(port, commandOf(activityId, state, body));
}

/** How often a node may join again, by a hello of its own, between being drained and being released. */
const WITHDRAW_ATTEMPTS_MAX = 3;

/**
 * Takes a node that the workflow reserved out of service, however far it came, and gives it back to the spares. Drains
 * it again when it joined by itself meanwhile.
 */
export async function withdrawNode(
  port: ProvisioningPort,
  input: SpareInput & { readonly withinMs: number },
  activityId: string,
  cancelled?: AbortSignal,
): Promise<void> {
  const { cluster, workflow, withinMs } = input;
  const node = input.node === 0 ? heldBy(await present(port), cluster, workflow) : input.node;
  if (node === undefined) return;
  for (let attempt = 1; ; attempt++) {
    await drainNode(port, { cluster, node, withinMs }, activityId, cancelled);
    try {
      return await releaseSpare(port, { cluster, node, workflow }, activityId);
    } catch (error) {
      if (attempt >= WITHDRAW_ATTEMPTS_MAX || !isFlowgridError(error, 'rejected')) throw error;
    }
  }
}

/**
 * Has the cluster forget a node that serves no more: a spare, or one that was lost, which would come back with its agent.
 * Nothing to do for one that is gone already.
 *
 * @throws FlowgridError `rejected` while it serves.
 */
export async function forgetNode(
  port: ProvisioningPort,
  { cluster, node }: { readonly cluster: ClusterId; readonly node: NodeId },
  activityId: string,
): Promise<void> {
  await perform(port, commandOf(activityId, await present(port), { type: 'RemoveNode', data: { cluster, node } }));
}

const LOST: ReadonlySet<string> = new Set(['failed', 'recovering', 'removed']);

function heldBy(state: GridState, cluster: ClusterId, workflow: string): NodeId | undefined {
  const known = state.clusters[cluster];
  return known === undefined ? undefined : nodesOf(known).find((node) => node.reservedBy === workflow)?.node;
}
