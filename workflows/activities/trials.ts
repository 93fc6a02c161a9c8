import { canonical, type Canonical } from '../../domain/base/canonical';
import type { CommandBody } from '../../domain/commands';
import type { GridState } from '../../domain/grid-state';
import type { NodeStatus } from '../../domain/node/state';
import { cloneOf, isTrial, type Trial } from '../../domain/provisioning/trial';
import type { FlowPolicy } from '../../domain/topology/topology';
import { type ProvisioningPort, commandOf, perform, present } from './port';
import { awaitPublished } from './publication';

/** What a copy of clusters adds to the grid, and changes of it; nothing is done yet. */
export async function planClone(port: ProvisioningPort, input: Parameters<typeof cloneOf>[1]): Promise<Trial> {
  return cloneOf(await present(port), input);
}

/** Adds clusters, links, nodes and paths of a trial that are not there yet; no flow comes there by that. */
export async function buildTrial(port: ProvisioningPort, trial: Trial, activityId: string): Promise<void> {
  const { clusters, links, paths, nodes } = trial;
  const ask = asker(port, activityId);
  for (const data of clusters) await ask({ type: 'CreateCluster', data }, data.id);
  for (const data of links) await ask({ type: 'CreateVirtualLink', data }, data.id);
  for (const { cluster, node, weight } of nodes) {
    const at = `${cluster}/${node}`;
    const status = statusOf(await present(port), cluster, node);
    if (status === 'unknown') await ask({ type: 'AdmitNode', data: { cluster, node, weight, spare: false } }, at);
    if (status !== 'unknown' && status !== 'admitted') continue;
    await ask({ type: 'ConfigureNode', data: { cluster, node, weight } }, at);
  }
  for (const data of paths) await ask({ type: 'DefineFlowPath', data }, data.id);
}

/**
 * Waits until all nodes of a trial take part.
 *
 * @throws FlowgridError `timeout` when they do not in time.
 */
export async function awaitTrial(
  port: ProvisioningPort,
  { trial, withinMs }: { readonly trial: Trial; readonly withinMs: number },
  _activityId: string,
  cancelled?: AbortSignal,
): Promise<void> {
  const areActive = (state: GridState): true | undefined =>
    trial.nodes.every(({ cluster, node }) => statusOf(state, cluster, node) === 'active') ? true : undefined;
  await port.until(areActive, withinMs, cancelled);
}

interface PublishedTrial {
  readonly trial: Trial;
  /** How long all live nodes may take to install the topology, in milliseconds. */
  readonly withinMs: number;
}

/** Has flows that begin from now on replicated into a trial, and resolves when all nodes know. */
export async function feedTrial(
  port: ProvisioningPort,
  { trial, withinMs }: PublishedTrial,
  activityId: string,
  cancelled?: AbortSignal,
): Promise<void> {
  const ask = asker(port, activityId);
  for (const { after: data } of trial.rerouted) await ask({ type: 'DefineFlowPath', data }, data.id);
  for (const { after: data } of trial.policies) await ask({ type: 'DefinePolicy', data }, data.id);
  await awaitPublished(port, withinMs, activityId, cancelled);
}

/**
 * No flow that begins from now on comes into a trial. What others changed of paths and policies meanwhile stays, but for what
 * leads into the trial.
 */
export async function starveTrial(
  port: ProvisioningPort,
  { trial, withinMs }: PublishedTrial,
  activityId: string,
  cancelled?: AbortSignal,
): Promise<void> {
  const ask = asker(port, activityId);
  const { policies, paths } = await present(port);
  for (const { before, after } of trial.policies) {
    const now = policies[before.id];
    if (now === undefined) continue;
    const data = same(now, after) ? before : withoutReplica(now, trial);
    if (!same(now, data)) await ask({ type: 'DefinePolicy', data }, data.id);
  }
  const added = new Set(trial.clusters.map(({ id }) => id));
  for (const { before } of trial.rerouted) {
    const now = paths[before.id];
    if (now === undefined) continue;
    const data = { ...now, clusters: now.clusters.filter((cluster) => !added.has(cluster)) };
    if (!same(now, data)) await ask({ type: 'DefineFlowPath', data }, data.id);
  }
  await awaitPublished(port, withinMs, activityId, cancelled);
}

/** Takes a trial away: flows that it still has may stay so long (milliseconds), then its nodes leave, and all that was added. */
export async function removeTrial(
  port: ProvisioningPort,
  { trial, drainWithinMs }: { readonly trial: Trial; readonly drainWithinMs: number },
  activityId: string,
  cancelled?: AbortSignal,
): Promise<void> {
  const ask = asker(port, activityId);
  for (const { id } of trial.paths) await ask({ type: 'DeleteFlowPath', data: { path: id } }, id);
  const leave = trial.nodes.map(async ({ cluster, node }) => {
    const seen = await port.until((state) => unlessPassing(state, cluster, node), Infinity, cancelled);
    const at = `${cluster}/${node}`;
    if (seen === 'active') {
      await ask({ type: 'DrainNode', data: { cluster, node, withinMs: drainWithinMs, thenRemove: true } }, at);
    } else if (seen !== 'draining' && seen !== 'unknown') {
      await ask({ type: 'RemoveNode', data: { cluster, node } }, at);
    }
    const isGone = (state: GridState): true | undefined => {
      const status = statusOf(state, cluster, node);
      return status === 'removed' || status === 'unknown' ? true : undefined;
    };
    await port.until(isGone, Infinity, cancelled);
  });
  await Promise.all(leave);
  for (const { id } of trial.links) await ask({ type: 'DeleteVirtualLink', data: { link: id } }, id);
  for (const { id } of trial.clusters) await ask({ type: 'DeleteCluster', data: { cluster: id } }, id);
}

/** Submits commands of one activity, each with the state that it was asked in. */
function asker(
  port: ProvisioningPort,
  activityId: string,
): (body: CommandBody, object: number | string) => Promise<void> {
  return async (body, object) => perform(port, commandOf(activityId, await present(port), body, object));
}

function statusOf({ clusters }: GridState, cluster: number, node: number): NodeStatus | 'unknown' {
  return clusters[cluster]?.nodes[node]?.status ?? 'unknown';
}

/** Where a node stands, but not while it is about to stand elsewhere. */
function unlessPassing(state: GridState, cluster: number, node: number): NodeStatus | 'unknown' | undefined {
  const status = statusOf(state, cluster, node);
  return status === 'suspected' || status === 'recovering' ? undefined : status;
}

function withoutReplica(policy: FlowPolicy, { paths }: Trial): FlowPolicy {
  const { replicateTo, ...rest } = policy;
  return isTrial(replicateTo) && paths.some(({ name }) => name === replicateTo) ? rest : policy;
}

function same(a: object, b: object): boolean {
  return canonical(a as Canonical) === canonical(b as Canonical);
}
