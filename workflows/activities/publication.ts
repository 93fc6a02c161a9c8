import type { ClusterId, NodeId } from '../../domain/base/ids';
import type { GridState } from '../../domain/grid-state';
import { isTopologyStale } from '../../domain/topology/content';
import { stampedTopology } from '../../domain/topology/state';
import { type ProvisioningPort, commandOf, present } from './port';

interface PublicationInput {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  /** Whether the topology waited for lists the node, or does not. */
  readonly listed: boolean;
  readonly withinMs: number;
}

/**
 * Publishes the grid as it is and waits until every live node has installed a topology that lists the node (or not).
 * A refusal is no failure: while no topology ID is free the grid publishes by itself as soon as one is.
 */
export async function publishTopology(
  port: ProvisioningPort,
  { cluster, node, listed, withinMs }: PublicationInput,
  activityId: string,
  cancelled?: AbortSignal,
): Promise<{ version: number }> {
  await port.submit(commandOf(activityId, await present(port), { type: 'PublishTopology', data: {} }));
  const version = await port.until(
    (state) => (lists(state, cluster, node) === listed ? appliedVersion(state) : undefined),
    withinMs,
    cancelled,
  );
  return { version };
}

/** Publishes the grid as it is and waits until every live node has a topology that tells it; its version. */
export async function awaitPublished(
  port: ProvisioningPort,
  withinMs: number,
  activityId: string,
  cancelled?: AbortSignal,
): Promise<number> {
  await port.submit(commandOf(activityId, await present(port), { type: 'PublishTopology', data: {} }));
  return port.until((state) => (isTopologyStale(state) ? undefined : appliedVersion(state)), withinMs, cancelled);
}

/** The newest topology's version, once all live nodes have it. */
function appliedVersion({ topology }: GridState): number | undefined {
  return topology.version > 0 && stampedTopology(topology)?.version === topology.version ? topology.version : undefined;
}

function lists({ topology }: GridState, cluster: ClusterId, node: NodeId): boolean {
  const members = topology.latest?.clusters.find(({ id }) => id === cluster)?.members ?? [];
  return members.some((member) => member.node === node);
}
