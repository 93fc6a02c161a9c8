import { FlowgridError, isFlowgridError } from '../../domain/base/errors';
import { nodeName, type ClusterId, type Incarnation, type NodeId } from '../../domain/base/ids';
import { nodesOf } from '../../domain/cluster/state';
import type { CommandBody } from '../../domain/commands';
import type { GridState } from '../../domain/grid-state';
import type { NodeState } from '../../domain/node/state';
import { canaryOf } from '../../domain/provisioning/trial';
import type { Comparison, OldMember, UpgradePlan } from '../../domain/provisioning/upgrade';
import type { FunctionSpec } from '../../domain/topology/topology';
import { type ProvisioningPort, commandOf, perform, present } from './port';
import { awaitPublished } from './publication';

/** @throws FlowgridError `rejected` when there is nothing to upgrade, or nothing to compare it by. */
export async function planUpgrade(
  port: ProvisioningPort,
  input: { readonly cluster: string; readonly function: FunctionSpec },
): Promise<UpgradePlan> {
  const state = await present(port);
  const { recorders, ...trial } = canaryOf(state, input);
  const cluster = Object.values(state.clusters).find(({ settings }) => settings.name === input.cluster)!;
  const { id, name, function: before } = cluster.settings;
  const members = nodesOf(cluster)
    .filter(({ status }) => status === 'active' || status === 'suspected')
    .map(({ node, incarnation, weight }) => ({ node, name: nodeName(name, node), incarnation, weight }));
  if (members.length === 0) throw new FlowgridError('rejected', `cluster ${name} has no member to upgrade`);
  const recording = recorders.map((recorder) => ({ cluster: recorder, node: 1 }));
  return { cluster: id, before, after: input.function, members, trial, recorders: recording };
}

/** Pause between two looks at what recorders counted, in milliseconds. */
const LOOK_MS = 1_000;

/**
 * Waits until recorders have compared so many frames.
 *
 * @throws FlowgridError `rejected` as soon as more differ than may; `timeout` when too few came to be compared.
 */
export async function compareFlows(
  port: ProvisioningPort,
  input: {
    readonly recorders: UpgradePlan['recorders'];
    readonly frames: number;
    readonly differingMax: number;
    readonly withinMs: number;
  },
  _activityId: string,
  cancelled?: AbortSignal,
): Promise<Comparison> {
  const { recorders, frames, differingMax, withinMs } = input;
  for (let left = withinMs; ; left -= LOOK_MS) {
    const counts = await Promise.all(recorders.map((recorder) => port.counted(recorder)));
    // Each frame passes both recorders, before the one and behind the other.
    const compared = Math.min(...counts.map((counted) => counted?.compared ?? 0));
    const differing = counts.reduce((sum, counted) => sum + (counted?.differing ?? 0), 0);
    if (differing > differingMax) {
      throw new FlowgridError('rejected', `${differing} of ${compared} frames differ, ${differingMax} may`);
    }
    if (compared >= frames) return { compared, differing };
    if (left <= 0) throw new FlowgridError('timeout', `${compared} of ${frames} frames came to be compared`);
    await pause(port, LOOK_MS, cancelled);
  }
}

interface FunctionInput {
  readonly cluster: ClusterId;
  readonly function: FunctionSpec;
  /** How long all live nodes may take to install the topology, in milliseconds. */
  readonly withinMs: number;
}

/** Gives a cluster another function: for lives of its nodes that begin from then on. */
export async function setFunction(
  port: ProvisioningPort,
  { cluster, function: spec, withinMs }: FunctionInput,
  activityId: string,
  cancelled?: AbortSignal,
): Promise<void> {
  const state = await present(port);
  const settings = state.clusters[cluster]?.settings;
  if (settings === undefined) throw new FlowgridError('rejected', `there is no cluster ${cluster}`);
  const body = { type: 'ReconfigureCluster', data: { ...settings, function: spec } } as const;
  await perform(port, commandOf(activityId, state, body));
  await awaitPublished(port, withinMs, activityId, cancelled);
}

interface RestartInput {
  readonly cluster: ClusterId;
  readonly member: OldMember;
  /** After this time what still flows through the node is given up, in milliseconds; 0 = wait for ever. */
  readonly drainWithinMs: number;
  /** How long it may take to say hello in its next life, in milliseconds. */
  readonly healthyWithinMs: number;
}

/**
 * Has a node begin a life after the given one, with the function that its cluster has by then: drained, taken from its place,
 * configured, healthy. A node that was lost and came back has done so already.
 *
 * @throws FlowgridError `rejected` when the node is no member any more, `timeout` when its next life does not begin.
 */
export async function restartNode(
  port: ProvisioningPort,
  input: RestartInput,
  activityId: string,
  cancelled?: AbortSignal,
): Promise<void> {
  const { cluster, member, drainWithinMs, healthyWithinMs } = input;
  const { node, name, incarnation, weight } = member;
  for (;;) {
    const isBeginning = (await present(port)).clusters[cluster]?.nodes[node]?.status === 'configured';
    const look = (state: GridState): Seen | undefined => settled(state, cluster, node, incarnation);
    const seen = await port.until(look, isBeginning ? healthyWithinMs : Infinity, cancelled);
    if (seen.step === 'done') return;
    if (seen.step === 'gone') throw new FlowgridError('rejected', `${name} is no member any more`);
    if (seen.step === 'configured') {
      const lives = (state: GridState): true | undefined =>
        state.clusters[cluster]?.nodes[node]?.status === 'configured' ? undefined : true;
      await port.until(lives, healthyWithinMs, cancelled);
      continue;
    }
    const body: CommandBody =
      seen.step === 'drain'
        ? { type: 'DrainNode', data: { cluster, node, withinMs: drainWithinMs, thenRemove: false } }
        : { type: 'ConfigureNode', data: { cluster, node, weight } };
    await perform(port, commandOf(activityId, seen.state, body));
  }
}

/** Gives a cluster its function back, and every node that began a life with the other one a next life. Undoes setFunction. */
export async function rollBack(
  port: ProvisioningPort,
  input: FunctionInput & Omit<RestartInput, 'member'> & { readonly members: readonly OldMember[] },
  activityId: string,
  cancelled?: AbortSignal,
): Promise<void> {
  await setFunction(port, input, activityId, cancelled);
  for (const member of input.members) {
    const now = (await present(port)).clusters[input.cluster]?.nodes[member.node];
    if (now === undefined || GONE.has(now.status)) continue;
    const isOld = now.incarnation === member.incarnation && now.status === 'active';
    // One that waits to begin does so with the function that holds now.
    const waits = now.status === 'configured' || now.status === 'drained' || now.status === 'draining';
    const beyond = waits ? member.incarnation : Math.max(member.incarnation, now.incarnation);
    if (isOld) continue;
    await restartNode(port, { ...input, member: { ...member, incarnation: beyond } }, activityId, cancelled);
  }
}

interface Seen {
  readonly step: 'done' | 'gone' | 'configured' | 'drain' | 'configure';
  readonly state: GridState;
}

const GONE: ReadonlySet<NodeState['status']> = new Set(['admitted', 'discovered', 'removed']);

/** What is to be done about a node next; undefined while it is about to stand elsewhere. */
function settled(state: GridState, cluster: ClusterId, id: NodeId, beyond: Incarnation): Seen | undefined {
  const node = state.clusters[cluster]?.nodes[id];
  if (node === undefined || GONE.has(node.status)) return { step: 'gone', state };
  switch (node.status) {
    case 'active':
      return { step: node.incarnation > beyond ? 'done' : 'drain', state };
    case 'configured':
      return { step: 'configured', state };
    case 'drained':
      // Its agent has to let go of it first: the same process must not take the next life for the old one.
      return node.placement.agent === '' ? { step: 'configure', state } : undefined;
    default:
      return undefined;
  }
}

async function pause(port: ProvisioningPort, ms: number, cancelled: AbortSignal | undefined): Promise<void> {
  await port
    .until(() => undefined, ms, cancelled)
    .catch((error: unknown) => {
      if (!isFlowgridError(error, 'timeout')) throw error;
    });
}
