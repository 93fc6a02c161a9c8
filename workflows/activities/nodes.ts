import { FlowgridError } from '../../domain/base/errors';
import type { ClusterId, NodeId, Seq } from '../../domain/base/ids';
import type { CommandBody } from '../../domain/commands';
import type { GridState } from '../../domain/grid-state';
import type { NodeState, NodeStatus } from '../../domain/node/state';
import { type ProvisioningPort, commandOf, perform, present } from './port';

interface NodeInput {
  readonly cluster: ClusterId;
  readonly node: NodeId;
}

function nodeIn(state: GridState, { cluster, node }: NodeInput): NodeState | undefined {
  return state.clusters[cluster]?.nodes[node];
}

/** Lays down the node's function, which is its cluster's, and its weight: the node may join from now on. */
export async function installFunction(
  port: ProvisioningPort,
  { cluster, node, weight }: NodeInput & { readonly weight: number },
  activityId: string,
): Promise<void> {
  const body = { type: 'ConfigureNode', data: { cluster, node, weight } } as const;
  await perform(port, commandOf(activityId, await present(port), body));
}

/**
 * Waits until the node takes part: it said hello with its function installed, and was activated.
 *
 * @throws FlowgridError `timeout` when it does not in time, `rejected` when it is lost.
 */
export async function awaitHealthy(
  port: ProvisioningPort,
  input: NodeInput & { readonly withinMs: number },
  _activityId: string,
  cancelled?: AbortSignal,
): Promise<void> {
  const seen = await port.until(
    (state) => {
      const status = nodeIn(state, input)?.status ?? 'removed';
      return status === 'active' || GONE.has(status) ? status : undefined;
    },
    input.withinMs,
    cancelled,
  );
  if (seen !== 'active')
    throw new FlowgridError('rejected', `node ${input.cluster}/${input.node} is ${seen}, not active`);
}

/** @throws FlowgridError `rejected` when the node is no member of its cluster, or about to be none; `orLost`: it may have failed. */
export async function checkMember(
  port: ProvisioningPort,
  input: NodeInput & { readonly orLost?: boolean },
): Promise<{ weight: number }> {
  const node = nodeIn(await present(port), input);
  if (node?.status === 'active' || node?.status === 'suspected') return { weight: node.weight };
  const isLost = node?.status === 'failed' || node?.status === 'recovering';
  if (input.orLost === true && isLost) return { weight: node.weight };
  throw new FlowgridError(
    'rejected',
    `node ${input.cluster}/${input.node} is ${node?.status ?? 'unknown'}, no active member`,
  );
}

/** Gives the node no new flows and waits until it carries none. Nothing to do for a node that takes no part. */
export async function drainNode(
  port: ProvisioningPort,
  input: NodeInput & { readonly withinMs: number },
  activityId: string,
  cancelled?: AbortSignal,
): Promise<void> {
  const { cluster, node, withinMs } = input;
  // A suspected node is about to be active again, or failed: only then is it known whether there is something to drain.
  const settled = await port.until((state) => unless(state, input, 'suspected', 'recovering'), Infinity, cancelled);
  if (settled.status === 'active') {
    const body = { type: 'DrainNode', data: { cluster, node, withinMs, thenRemove: false } } as const;
    await perform(port, commandOf(activityId, settled, body));
  }
  await port.until((state) => unless(state, input, 'active', 'suspected', 'draining'), Infinity, cancelled);
}

/** Where the node stands (removed, where there is none), but not while it is in one of the given statuses. */
function unless(state: GridState, input: NodeInput, ...passing: readonly NodeStatus[]): Standing | undefined {
  const status = nodeIn(state, input)?.status ?? 'removed';
  return passing.includes(status) ? undefined : { status, seq: state.seq };
}

interface Standing {
  readonly status: NodeStatus;
  /** The commit that it was seen after. */
  readonly seq: Seq;
}

const GONE: ReadonlySet<NodeStatus> = new Set<NodeStatus>(['failed', 'removed']);
/** Commands that bring a drained node back, at most: release, admit, configure. */
const REJOIN_COMMANDS_MAX = 3;

interface ReturnInput extends NodeInput {
  readonly workflow: string;
  readonly weight: number;
}

/** Brings a node that was drained back into its cluster, step by step from wherever it stands. */
export async function rejoinCluster(port: ProvisioningPort, input: ReturnInput, activityId: string): Promise<void> {
  for (let attempt = 0; attempt <= REJOIN_COMMANDS_MAX; attempt++) {
    // A draining that has begun is not called off: the node returns once it is drained.
    const seen = await port.until((state) => unless(state, input, 'draining', 'suspected') && state, Infinity);
    const node = nodeIn(seen, input);
    if (node === undefined || node.reservedBy !== '') return;
    const body = returnStep(input, node);
    if (body === undefined) return;
    await perform(port, commandOf(activityId, seen, body));
  }
}

/** The next command on the way from drained to configured, whence the node's hello takes it; undefined at the end. */
function returnStep(
  { cluster, node, workflow, weight }: ReturnInput,
  { status, spare }: NodeState,
): CommandBody | undefined {
  if (status === 'drained') return { type: 'ReleaseSpare', data: { cluster, node, workflow } };
  if (status !== 'admitted') return undefined;
  return spare
    ? { type: 'AdmitNode', data: { cluster, node, weight, spare: false } }
    : { type: 'ConfigureNode', data: { cluster, node, weight } };
}
