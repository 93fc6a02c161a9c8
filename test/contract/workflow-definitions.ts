import type { WorkflowContext, WorkflowDefinition } from '../../domain/seams/workflow-engine';
import { type SagaStep, runSaga } from '../../workflows/definitions/saga';

/**
 * Workflows that the contract suite runs on every engine. They are bundled for engines that isolate workflows, so this
 * file imports definitions alone. Their activities `do` and `put back` are those of the suite's site.
 */
export interface ChainInput {
  readonly names: readonly string[];
}

/** Runs its names as steps of a saga, each with an undo, and returns what the steps returned. */
const chain: WorkflowDefinition = async (ctx, input) => {
  const { names } = input as ChainInput;
  const steps = names.map((name): SagaStep<readonly unknown[]> => ({
    name,
    do: () => ({ activity: 'do', input: { name } }),
    keep: (results, result) => [...results, result],
    undo: () => ({ activity: 'put back', input: { name } }),
  }));
  return runSaga(ctx, steps, []);
};

/** Waits for a signal, says that it got it, sleeps, and waits for another that does not come. */
const approval: WorkflowDefinition = async (ctx) => {
  const begin = await ctx.now();
  ctx.setProgress({ step: 'waiting', done: 0, of: 2, note: 'for approval' });
  const approved = await ctx.waitSignal<{ by: string }>('approve', 600_000);
  await ctx.sleep('cool down', 5);
  const second = await ctx.waitSignal('approve', 5);
  return { by: approved?.by, second: second ?? 'none', moved: (await ctx.now()) >= begin + 10 };
};

/** Waits for a signal under the protection of a saga step. */
const patient: WorkflowDefinition = async (ctx: WorkflowContext) => {
  try {
    await ctx.step('reserve', 'do', { name: 'reserve' });
    await ctx.waitSignal('never', 600_000);
  } finally {
    await ctx.undo('undo reserve', 'put back', { name: 'reserve' });
  }
};

/** Runs two steps beside each other. */
const pair: WorkflowDefinition = (ctx) =>
  ctx.all(['left', 'right'].map((name) => () => ctx.step<string>(name, 'do', { name })));

export const contractDefinitions = { chain, approval, patient, pair };
