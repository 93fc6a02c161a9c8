import type { ClusterId, NodeId } from '../../domain/base/ids';
import type { WorkflowContext } from '../../domain/seams/workflow-engine';
import { DRAIN_ON_UNDO_MS, joiningSteps } from './member-steps';
import { type SagaStep, runSaga } from './saga';

/** Adds capacity to a cluster: one of its spares becomes a member. */
export interface ScaleOutInput {
  readonly cluster: ClusterId;
  /** The spare to take; 0 = the one with the lowest ID. */
  readonly node: NodeId | 0;
  /** Relative capacity, 1–100. */
  readonly weight: number;
  /** How long the node may take to say hello with its function installed, in milliseconds. */
  readonly healthyWithinMs: number;
  /** How long all live nodes may take to install the topology that lists it, in milliseconds. */
  readonly publishedWithinMs: number;
}

export interface ScaleOutResult {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  /** Version of the topology that lists it. */
  readonly version: number;
}

interface ScaleOutState extends ScaleOutInput {
  readonly workflow: string;
  /** The spare once it is known to be ours; 0 = not yet. */
  readonly reserved: NodeId | 0;
  readonly version: number;
}

const steps: readonly SagaStep<ScaleOutState>[] = [
  ...joiningSteps<ScaleOutState>(({ node }) => node),
  {
    // Put back by draining the node, which leaves it out of the next topology.
    name: 'publish',
    do: ({ cluster, reserved: node, publishedWithinMs }) => ({
      activity: 'publishTopology',
      input: { cluster, node, listed: true, withinMs: publishedWithinMs },
    }),
    keep: (state, result) => ({ ...state, version: (result as { version: number }).version }),
  },
];

/** How long flows may stay when it is undone: no longer than on the way to success, where 0 = they may stay for ever. */
export function drainOnUndoMs(drainWithinMs: number): number {
  return drainWithinMs === 0 ? DRAIN_ON_UNDO_MS : Math.min(drainWithinMs, DRAIN_ON_UNDO_MS);
}

/** reserve spare → install function → build links → check health → publish; or everything as it was (DESIGN section 9). */
export async function scaleOut(ctx: WorkflowContext, input: ScaleOutInput): Promise<ScaleOutResult> {
  const initial = { ...input, workflow: ctx.id, reserved: 0, version: 0 };
  const { cluster, reserved, version } = await runSaga(ctx, steps, initial);
  return { cluster, node: reserved, version };
}
