import type { Trial } from '../../domain/provisioning/trial';
import type { WorkflowContext } from '../../domain/seams/workflow-engine';
import { type SagaStep, runSaga } from './saga';
import { drainOnUndoMs } from './scale-out';

/** A test copy of clusters: fed by clones of the flows that pass the originals, and taken away again. */
export interface CloneEnvironmentInput {
  /** The clusters to be copied, by name. */
  readonly clusters: readonly string[];
  /** What the copies are called behind the name of their original: `AB~test`. */
  readonly name: string;
  /** Nodes of each copy. */
  readonly nodes: number;
  /** How long the copy stays, in milliseconds; the signal `end` ends it before. */
  readonly forMs: number;
  /** How long its nodes may take to say hello, in milliseconds. */
  readonly healthyWithinMs: number;
  /** After this time clones that still live are given up, in milliseconds; 0 = wait for ever. */
  readonly drainWithinMs: number;
  /** How long all live nodes may take to install a topology, in milliseconds. */
  readonly publishedWithinMs: number;
}

export interface CloneEnvironmentResult {
  /** Names of the clusters that were there for a while. */
  readonly clusters: readonly string[];
  /** Whether the signal ended it, and not the time. */
  readonly signalled: boolean;
}

interface CloneState extends CloneEnvironmentInput {
  readonly trial: Trial;
  readonly signalled: boolean;
}

const NOTHING: Trial = { clusters: [], nodes: [], links: [], paths: [], rerouted: [], policies: [] };

const steps: readonly SagaStep<CloneState>[] = [
  {
    name: 'plan',
    do: ({ clusters, name, nodes }) => ({ activity: 'planClone', input: { clusters, name, nodes } }),
    keep: (state, result) => ({ ...state, trial: result as Trial }),
  },
  {
    name: 'build copy',
    do: ({ trial }) => ({ activity: 'buildTrial', input: trial }),
    undo: ({ trial, drainWithinMs }) => ({
      activity: 'removeTrial',
      input: { trial, drainWithinMs: drainOnUndoMs(drainWithinMs) },
    }),
  },
  {
    name: 'check health',
    do: ({ trial, healthyWithinMs }) => ({ activity: 'awaitTrial', input: { trial, withinMs: healthyWithinMs } }),
  },
  {
    name: 'replicate flows',
    do: ({ trial, publishedWithinMs }) => ({ activity: 'feedTrial', input: { trial, withinMs: publishedWithinMs } }),
    undo: ({ trial, publishedWithinMs }) => ({
      activity: 'starveTrial',
      input: { trial, withinMs: publishedWithinMs },
    }),
  },
  {
    name: 'stay',
    do: ({ forMs }) => ({ signal: 'end', withinMs: forMs }),
    keep: (state, payload) => ({ ...state, signalled: payload !== undefined }),
  },
  {
    name: 'end replication',
    do: ({ trial, publishedWithinMs }) => ({ activity: 'starveTrial', input: { trial, withinMs: publishedWithinMs } }),
  },
  {
    name: 'remove copy',
    do: ({ trial, drainWithinMs }) => ({ activity: 'removeTrial', input: { trial, drainWithinMs } }),
  },
];

/** plan → build copy → check health → replicate flows → stay → end replication → remove copy (DESIGN section 9). */
export async function cloneEnvironment(
  ctx: WorkflowContext,
  input: CloneEnvironmentInput,
): Promise<CloneEnvironmentResult> {
  const { trial, signalled } = await runSaga(ctx, steps, { ...input, trial: NOTHING, signalled: false });
  return { clusters: trial.clusters.map(({ name }) => name), signalled };
}
