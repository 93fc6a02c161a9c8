/** A scale-out whose first two steps have changed places: what no workflow that runs would survive. */
import { runSaga, type SagaStep } from '../../workflows/definitions';
import { temporalWorkflow } from '../../workflows/temporal/context';

const steps: readonly SagaStep<unknown>[] = ['install function', 'reserve spare'].map((name) => ({
  name,
  do: () => ({ activity: name === 'install function' ? 'installFunction' : 'reserveSpare', input: {} }),
}));

export const scaleOut = temporalWorkflow((ctx, input) => runSaga(ctx, steps, input));
