import { FlowgridError } from '../../domain/base/errors';
import type { Comparison, UpgradePlan } from '../../domain/provisioning/upgrade';
import type { WorkflowContext } from '../../domain/seams/workflow-engine';
import type { FunctionSpec } from '../../domain/topology/topology';
import { type SagaStep, runSaga } from './saga';
import { drainOnUndoMs } from './scale-out';

/** Gives a cluster another function, or another version of it, once a canary has shown that it does the same to real flows. */
export interface UpgradeFunctionInput {
  /** The cluster, by name. */
  readonly cluster: string;
  readonly function: FunctionSpec;
  /** Frames that must have been compared before nodes get it. */
  readonly frames: number;
  /** How many of them may differ. */
  readonly differingMax: number;
  /** How long the frames may take to come, in milliseconds. */
  readonly comparedWithinMs: number;
  /** How long to wait for the signal `approve` when the comparison has succeeded, in milliseconds; 0 = it needs none. */
  readonly approveWithinMs: number;
  /** How long a node may take to say hello, in milliseconds. */
  readonly healthyWithinMs: number;
  /** After this time what still flows through a node that is upgraded is given up, in milliseconds; 0 = wait for ever. */
  readonly drainWithinMs: number;
  /** How long all live nodes may take to install a topology, in milliseconds. */
  readonly publishedWithinMs: number;
}

export interface UpgradeFunctionResult extends Comparison {
  readonly cluster: string;
  /** Names of the nodes that run it now. */
  readonly nodes: readonly string[];
}

interface UpgradeState extends UpgradeFunctionInput {
  readonly plan: UpgradePlan;
  readonly compared: number;
  readonly differing: number;
}

const canary: readonly SagaStep<UpgradeState>[] = [
  {
    name: 'build canary',
    do: ({ plan: { trial } }) => ({ activity: 'buildTrial', input: trial }),
    undo: ({ plan: { trial }, drainWithinMs }) => ({
      activity: 'removeTrial',
      input: { trial, drainWithinMs: drainOnUndoMs(drainWithinMs) },
    }),
  },
  {
    name: 'check health',
    do: ({ plan: { trial }, healthyWithinMs }) => ({
      activity: 'awaitTrial',
      input: { trial, withinMs: healthyWithinMs },
    }),
  },
  {
    name: 'replicate flows',
    do: ({ plan: { trial }, publishedWithinMs }) => ({
      activity: 'feedTrial',
      input: { trial, withinMs: publishedWithinMs },
    }),
    undo: ({ plan: { trial }, publishedWithinMs }) => ({
      activity: 'starveTrial',
      input: { trial, withinMs: publishedWithinMs },
    }),
  },
  {
    name: 'compare',
    do: ({ plan: { recorders }, frames, differingMax, comparedWithinMs }) => ({
      activity: 'compareFlows',
      input: { recorders, frames, differingMax, withinMs: comparedWithinMs },
    }),
    keep: (state, result) => ({ ...state, ...(result as Comparison) }),
  },
];

const approval: SagaStep<UpgradeState> = {
  name: 'approve',
  do: ({ approveWithinMs }) => ({ signal: 'approve', withinMs: approveWithinMs }),
  keep: (state, payload) => {
    if (payload !== undefined && payload !== false) return state;
    throw new FlowgridError('rejected', payload === false ? 'approve: refused' : 'approve: nobody did in time');
  },
};

const roll: readonly SagaStep<UpgradeState>[] = [
  {
    name: 'end replication',
    do: ({ plan: { trial }, publishedWithinMs }) => ({
      activity: 'starveTrial',
      input: { trial, withinMs: publishedWithinMs },
    }),
  },
  {
    name: 'remove canary',
    do: ({ plan: { trial }, drainWithinMs }) => ({ activity: 'removeTrial', input: { trial, drainWithinMs } }),
  },
  {
    name: 'set function',
    do: ({ plan: { cluster, after }, publishedWithinMs }) => ({
      activity: 'setFunction',
      input: { cluster, function: after, withinMs: publishedWithinMs },
    }),
    // Puts back every node that got it, too.
    undo: ({ plan: { cluster, before, members }, publishedWithinMs, healthyWithinMs, drainWithinMs }) => ({
      activity: 'rollBack',
      input: { cluster, function: before, members, withinMs: publishedWithinMs, healthyWithinMs, drainWithinMs },
    }),
  },
];

/** One row for each node: it leaves, and comes back with the function that its cluster has by then. */
function upgrades({ members }: UpgradePlan): SagaStep<UpgradeState>[] {
  return members.map((member) => ({
    name: `upgrade ${member.name}`,
    do: ({ plan: { cluster }, drainWithinMs, healthyWithinMs }) => ({
      activity: 'restartNode',
      input: { cluster, member, drainWithinMs, healthyWithinMs },
    }),
  }));
}

/**
 * plan → build canary → check health → replicate flows → compare (→ approve) → end replication → remove canary → set function
 * → upgrade each node; or everything as it was (DESIGN section 9).
 */
export async function upgradeFunction(
  ctx: WorkflowContext,
  input: UpgradeFunctionInput,
): Promise<UpgradeFunctionResult> {
  const plan = await ctx.step<UpgradePlan>('plan', 'planUpgrade', { cluster: input.cluster, function: input.function });
  const steps = [...canary, ...(input.approveWithinMs > 0 ? [approval] : []), ...roll, ...upgrades(plan)];
  const { compared, differing } = await runSaga(ctx, steps, { ...input, plan, compared: 0, differing: 0 });
  return { cluster: input.cluster, compared, differing, nodes: plan.members.map(({ name }) => name) };
}
