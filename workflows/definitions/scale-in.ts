import type { ClusterId, NodeId } from '../../domain/base/ids';
import type { WorkflowContext } from '../../domain/seams/workflow-engine';
import { draining, releasingSteps } from './member-steps';
import { type SagaStep, runSaga } from './saga';

/** Takes capacity from a cluster: one of its members becomes a spare. */
export interface ScaleInInput {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  /** After this time what still flows through the node is given up, in milliseconds; 0 = wait for ever. */
  readonly drainWithinMs: number;
  /** How long all live nodes may take to install the topology without the node, in milliseconds. */
  readonly publishedWithinMs: number;
}

export interface ScaleInResult {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  /** Version of the topology that does not list it any more. */
  readonly version: number;
}

interface ScaleInState extends ScaleInInput {
  readonly workflow: string;
  /** Its weight as a member, to give back with its place. */
  readonly weight: number;
  readonly version: number;
}

const steps: readonly SagaStep<ScaleInState>[] = [
  {
    // A step of its own, so that what is no member is never "put back" into the cluster.
    name: 'check member',
    do: ({ cluster, node }) => ({ activity: 'checkMember', input: { cluster, node } }),
    keep: (state, result) => ({ ...state, weight: (result as { weight: number }).weight }),
  },
  draining(),
  ...releasingSteps<ScaleInState>(),
];

/** check member → drain → publish → release; or the node is back in its cluster (DESIGN section 9). */
export async function scaleIn(ctx: WorkflowContext, input: ScaleInInput): Promise<ScaleInResult> {
  const initial = { ...input, workflow: ctx.id, weight: 1, version: 0 };
  const { cluster, node, version } = await runSaga(ctx, steps, initial);
  return { cluster, node, version };
}
