/** Workflows two steps of which have changed places: what none that runs would survive. */
import { runSaga, type SagaStep } from '../../workflows/definitions';
import { temporalWorkflow } from '../../workflows/temporal/context';

/** A workflow of steps that are called so, in this order, by these activities. */
function inOrder(...steps: readonly (readonly [name: string, activity: string])[]) {
  const table: readonly SagaStep<unknown>[] = steps.map(([name, activity]) => ({
    name,
    do: () => ({ activity, input: {} }),
  }));
  return temporalWorkflow((ctx, input) => runSaga(ctx, table, input));
}

export const scaleOut = inOrder(['install function', 'installFunction'], ['reserve spare', 'reserveSpare']);
export const replaceNode = inOrder(['reserve spare', 'reserveSpare'], ['check member', 'checkMember']);
export const upgradeFunction = inOrder(['build canary', 'buildTrial'], ['plan', 'planUpgrade']);
export const cloneEnvironment = inOrder(['build copy', 'buildTrial'], ['plan', 'planClone']);
