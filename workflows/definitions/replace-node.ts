import type { ClusterId, NodeId } from '../../domain/base/ids';
import type { WorkflowContext } from '../../domain/seams/workflow-engine';
import { draining, joiningSteps, releasingSteps } from './member-steps';
import { type SagaStep, runSaga } from './saga';

/** Has a spare take a node's place: first the spare serves, then the node leaves, so that no capacity is missing. */
export interface ReplaceNodeInput {
  readonly cluster: ClusterId;
  /** Who leaves; it may have failed. */
  readonly node: NodeId;
  /** Who comes; 0 = the spare with the lowest ID, or where there is none a node in the free room of an agent. */
  readonly by: NodeId | 0;
  /** Whether the cluster keeps the node that leaves as a spare; one that failed, or was made for an agent's room, it does not. */
  readonly keep: boolean;
  /** How long the spare may take to say hello with its function installed, in milliseconds. */
  readonly healthyWithinMs: number;
  /** After this time what still flows through the node that leaves is given up, in milliseconds; 0 = wait for ever. */
  readonly drainWithinMs: number;
  /** How long all live nodes may take to install a topology, in milliseconds. */
  readonly publishedWithinMs: number;
}

export interface ReplaceNodeResult {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  /** Who serves in its place. */
  readonly by: NodeId;
  /** Version of the topology that lists the one and not the other. */
  readonly version: number;
}

interface ReplaceNodeState extends ReplaceNodeInput {
  readonly workflow: string;
  /** The node's, which its successor gets. */
  readonly weight: number;
  /** The successor once it is known to be ours; 0 = not yet. */
  readonly reserved: NodeId | 0;
  readonly version: number;
}

const steps: readonly SagaStep<ReplaceNodeState>[] = [
  {
    name: 'check member',
    do: ({ cluster, node }) => ({ activity: 'checkMember', input: { cluster, node, orLost: true } }),
    keep: (state, result) => ({ ...state, weight: (result as { weight: number }).weight }),
  },
  ...joiningSteps<ReplaceNodeState>(
    ({ by }) => by,
    ({ node }) => node,
  ),
  {
    name: 'publish successor',
    do: ({ cluster, reserved: node, publishedWithinMs }) => ({
      activity: 'publishTopology',
      input: { cluster, node, listed: true, withinMs: publishedWithinMs },
    }),
  },
  draining(),
  {
    name: 'leave links',
    do: ({ cluster, node }) => ({ activity: 'leaveLinks', input: { cluster, node } }),
    // Its successor has the very links that it had.
    undo: ({ cluster, node, reserved }) => ({ activity: 'joinLinks', input: { cluster, node, like: reserved } }),
  },
  ...releasingSteps<ReplaceNodeState>(),
];

/**
 * check member → reserve spare → install function → build links → check health → publish successor → drain → leave links
 * → publish → release; or everything as it was (DESIGN section 9).
 */
export async function replaceNode(ctx: WorkflowContext, input: ReplaceNodeInput): Promise<ReplaceNodeResult> {
  const initial = { ...input, workflow: ctx.id, weight: 1, reserved: 0, version: 0 };
  const { cluster, node, reserved, version } = await runSaga(ctx, steps, initial);
  // The successor serves by now: what is left to do is done, cancelled or not.
  if (!input.keep) await ctx.undo('forget', 'forgetNode', { cluster, node });
  return { cluster, node, by: reserved, version };
}
