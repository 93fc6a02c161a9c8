import type { ClusterId, NodeId } from '../../domain/base/ids';
import type { WorkflowContext } from '../../domain/seams/workflow-engine';
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
  {
    name: 'reserve spare',
    do: ({ cluster, node, workflow }) => ({ activity: 'reserveSpare', input: { cluster, node, workflow } }),
    keep: (state, result) => ({ ...state, reserved: (result as { node: NodeId }).node }),
    // Puts back every later step of the node's life, too: with its function installed it may have joined by itself.
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
    do: ({ cluster, reserved: node }) => ({ activity: 'joinLinks', input: { cluster, node } }),
    undo: ({ cluster, reserved: node }) => ({ activity: 'leaveLinks', input: { cluster, node } }),
  },
  {
    name: 'check health',
    do: ({ cluster, reserved: node, healthyWithinMs }) => ({
      activity: 'awaitHealthy',
      input: { cluster, node, withinMs: healthyWithinMs },
    }),
    // Before its links are taken away: it may carry flows.
    undo: ({ cluster, reserved: node }) => ({
      activity: 'drainNode',
      input: { cluster, node, withinMs: DRAIN_ON_UNDO_MS },
    }),
  },
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

/** Flows that a node got before its scale-out was given up may stay this long, in milliseconds. */
export const DRAIN_ON_UNDO_MS = 60_000;

/** The same, but no longer than flows may stay on the way to success; 0 = those may stay for ever. */
export function drainOnUndoMs(drainWithinMs: number): number {
  return drainWithinMs === 0 ? DRAIN_ON_UNDO_MS : Math.min(drainWithinMs, DRAIN_ON_UNDO_MS);
}

/** reserve spare → install function → build links → check health → publish; or everything as it was (DESIGN section 9). */
export async function scaleOut(ctx: WorkflowContext, input: ScaleOutInput): Promise<ScaleOutResult> {
  const initial = { ...input, workflow: ctx.id, reserved: 0, version: 0 };
  const { cluster, reserved, version } = await runSaga(ctx, steps, initial);
  return { cluster, node: reserved, version };
}
