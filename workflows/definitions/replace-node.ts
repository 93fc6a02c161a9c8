import type { ClusterId, NodeId } from '../../domain/base/ids';
import type { WorkflowContext } from '../../domain/seams/workflow-engine';
import { type SagaStep, runSaga } from './saga';
import { DRAIN_ON_UNDO_MS } from './scale-out';

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
  {
    name: 'reserve spare',
    do: ({ cluster, by, workflow }) => ({ activity: 'reserveSpare', input: { cluster, node: by, workflow } }),
    keep: (state, result) => ({ ...state, reserved: (result as { node: NodeId }).node }),
    undo: ({ cluster, reserved, workflow }) => ({
      activity: 'withdrawNode',
      input: { cluster, node: reserved, workflow, withinMs: DRAIN_ON_UNDO_MS },
    }),
  },
  {
    name: 'install function',
    do: ({ cluster, reserved: node, weight }) => ({ activity: 'installFunction', input: { cluster, node, weight } }),
  },
  {
    name: 'build links',
    do: ({ cluster, reserved, node }) => ({ activity: 'joinLinks', input: { cluster, node: reserved, like: node } }),
    undo: ({ cluster, reserved: node }) => ({ activity: 'leaveLinks', input: { cluster, node } }),
  },
  {
    name: 'check health',
    do: ({ cluster, reserved: node, healthyWithinMs }) => ({
      activity: 'awaitHealthy',
      input: { cluster, node, withinMs: healthyWithinMs },
    }),
    undo: ({ cluster, reserved: node }) => ({
      activity: 'drainNode',
      input: { cluster, node, withinMs: DRAIN_ON_UNDO_MS },
    }),
  },
  {
    name: 'publish successor',
    do: ({ cluster, reserved: node, publishedWithinMs }) => ({
      activity: 'publishTopology',
      input: { cluster, node, listed: true, withinMs: publishedWithinMs },
    }),
  },
  {
    name: 'drain',
    do: ({ cluster, node, drainWithinMs }) => ({
      activity: 'drainNode',
      input: { cluster, node, withinMs: drainWithinMs },
    }),
    undo: ({ cluster, node, workflow, weight }) => ({
      activity: 'rejoinCluster',
      input: { cluster, node, workflow, weight },
    }),
  },
  {
    name: 'leave links',
    do: ({ cluster, node }) => ({ activity: 'leaveLinks', input: { cluster, node } }),
    // Its successor has the very links that it had.
    undo: ({ cluster, node, reserved }) => ({ activity: 'joinLinks', input: { cluster, node, like: reserved } }),
  },
  {
    name: 'publish',
    do: ({ cluster, node, publishedWithinMs }) => ({
      activity: 'publishTopology',
      input: { cluster, node, listed: false, withinMs: publishedWithinMs },
    }),
    keep: (state, result) => ({ ...state, version: (result as { version: number }).version }),
  },
  {
    name: 'release',
    do: ({ cluster, node, workflow }) => ({ activity: 'releaseSpare', input: { cluster, node, workflow } }),
    isFinal: true,
  },
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
