import { FlowgridError } from '../../domain/base/errors';
import type { Activities, Activity } from '../../domain/seams/workflow-engine';
import type { FunctionCounts } from '../../workflows/activities';
import type {
  CloneEnvironmentInput,
  definitions,
  ReplaceNodeInput,
  ScaleInInput,
  ScaleOutInput,
  UpgradeFunctionInput,
} from '../../workflows/definitions';

/** How a recorded workflow ended. */
export type Ending = 'succeeded' | 'failed' | 'cancelled';

/** A workflow to record: on the small grid of `test/unit/workflows/grid-world.ts`, whose cluster 2 has the spare 3. */
export interface Scenario {
  readonly workflow: keyof typeof definitions;
  readonly ending: Ending;
  /** Tells it from others that end so; default: the ending. */
  readonly as?: string;
  readonly input: unknown;
  /** The activity that is refused, or during which the workflow is cancelled; everything begun is undone then. */
  readonly at?: string;
  /** The step that waits for a signal, which comes then; or the workflow is cancelled there, if it is to end so. */
  readonly waits?: { readonly step: string; readonly signal?: string; readonly payload?: unknown };
  /** What recorders counted; default: enough frames, all the same. */
  readonly counts?: FunctionCounts;
}

const within = { healthyWithinMs: 1_000, drainWithinMs: 1_000, publishedWithinMs: 1_000 };
const scaleOut: ScaleOutInput = { cluster: 2, node: 0, weight: 10, healthyWithinMs: 1_000, publishedWithinMs: 1_000 };
const scaleIn: ScaleInInput = { cluster: 2, node: 2, drainWithinMs: 1_000, publishedWithinMs: 1_000 };
const replaceNode: ReplaceNodeInput = { cluster: 2, node: 2, by: 0, keep: true, ...within };
const upgradeFunction: UpgradeFunctionInput = {
  cluster: 'AB',
  function: { name: 'ids', config: {} },
  frames: 500,
  differingMax: 0,
  comparedWithinMs: 1_000,
  approveWithinMs: 0,
  ...within,
};
const approved: UpgradeFunctionInput = { ...upgradeFunction, approveWithinMs: 600_000 };
const cloneEnvironment: CloneEnvironmentInput = { clusters: ['AB'], name: 'test', nodes: 2, forMs: 600_000, ...within };

export const scenarios: readonly Scenario[] = [
  { workflow: 'scaleOut', ending: 'succeeded', input: scaleOut },
  { workflow: 'scaleOut', ending: 'failed', input: scaleOut, at: 'publishTopology' },
  { workflow: 'scaleOut', ending: 'cancelled', input: scaleOut, at: 'awaitHealthy' },
  { workflow: 'scaleIn', ending: 'succeeded', input: scaleIn },
  { workflow: 'scaleIn', ending: 'failed', input: scaleIn, at: 'publishTopology' },
  { workflow: 'scaleIn', ending: 'cancelled', input: scaleIn, at: 'publishTopology' },
  { workflow: 'replaceNode', ending: 'succeeded', input: replaceNode },
  { workflow: 'replaceNode', ending: 'succeeded', as: 'forgotten', input: { ...replaceNode, keep: false } },
  { workflow: 'replaceNode', ending: 'failed', input: replaceNode, at: 'publishTopology' },
  { workflow: 'replaceNode', ending: 'cancelled', input: replaceNode, at: 'publishTopology' },
  { workflow: 'upgradeFunction', ending: 'succeeded', input: upgradeFunction },
  { workflow: 'upgradeFunction', ending: 'failed', input: upgradeFunction, at: 'restartNode' },
  {
    workflow: 'upgradeFunction',
    ending: 'failed',
    as: 'differing',
    input: upgradeFunction,
    counts: { compared: 400, differing: 1 },
  },
  {
    workflow: 'upgradeFunction',
    ending: 'succeeded',
    as: 'approved',
    input: approved,
    waits: { step: 'approve', signal: 'approve', payload: true },
  },
  {
    workflow: 'upgradeFunction',
    ending: 'failed',
    as: 'refused',
    input: approved,
    waits: { step: 'approve', signal: 'approve', payload: false },
  },
  { workflow: 'upgradeFunction', ending: 'failed', as: 'unapproved', input: { ...approved, approveWithinMs: 500 } },
  { workflow: 'upgradeFunction', ending: 'cancelled', input: approved, waits: { step: 'approve' } },
  { workflow: 'cloneEnvironment', ending: 'succeeded', input: { ...cloneEnvironment, forMs: 500 } },
  {
    workflow: 'cloneEnvironment',
    ending: 'succeeded',
    as: 'signalled',
    input: cloneEnvironment,
    waits: { step: 'stay', signal: 'end', payload: true },
  },
  { workflow: 'cloneEnvironment', ending: 'failed', input: cloneEnvironment, at: 'awaitTrial' },
  { workflow: 'cloneEnvironment', ending: 'cancelled', input: cloneEnvironment, waits: { step: 'stay' } },
];

/** The name of a recorded history, and of the workflow that it is of. */
export function nameOf({ workflow, ending, as = ending }: Scenario): string {
  return `${workflow}-${as}`;
}

/** The real activities, one of which is refused or waits until it is cancelled. */
export function disturbed(activities: Activities, { ending, at }: Scenario, reached: () => void): Activities {
  if (at === undefined) return activities;
  const activity: Activity = async (_input, _id, cancelled) => {
    reached();
    if (ending === 'failed') throw new FlowgridError('rejected', `no ${at} today`);
    await new Promise<void>((resolve) => cancelled?.addEventListener('abort', () => resolve(), { once: true }));
    throw new FlowgridError('interrupted', 'cancelled');
  };
  return { ...activities, [at]: activity };
}
