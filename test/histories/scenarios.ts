import { FlowgridError } from '../../domain/base/errors';
import type { Activities, Activity } from '../../domain/seams/workflow-engine';
import type { definitions, ScaleInInput, ScaleOutInput } from '../../workflows/definitions';

/** How a recorded workflow ended. */
export type Ending = 'succeeded' | 'failed' | 'cancelled';

/** A workflow to record: on the small grid of `test/unit/workflows/grid-world.ts`, whose cluster 2 has the spare 3. */
export interface Scenario {
  readonly workflow: keyof typeof definitions;
  readonly ending: Ending;
  readonly input: unknown;
  /** The activity that is refused, or during which the workflow is cancelled; everything begun is undone then. */
  readonly at?: string;
}

const scaleOut: ScaleOutInput = { cluster: 2, node: 0, weight: 10, healthyWithinMs: 1_000, publishedWithinMs: 1_000 };
const scaleIn: ScaleInInput = { cluster: 2, node: 2, drainWithinMs: 1_000, publishedWithinMs: 1_000 };

export const scenarios: readonly Scenario[] = [
  { workflow: 'scaleOut', ending: 'succeeded', input: scaleOut },
  { workflow: 'scaleOut', ending: 'failed', input: scaleOut, at: 'publishTopology' },
  { workflow: 'scaleOut', ending: 'cancelled', input: scaleOut, at: 'awaitHealthy' },
  { workflow: 'scaleIn', ending: 'succeeded', input: scaleIn },
  { workflow: 'scaleIn', ending: 'failed', input: scaleIn, at: 'publishTopology' },
  { workflow: 'scaleIn', ending: 'cancelled', input: scaleIn, at: 'publishTopology' },
];

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
