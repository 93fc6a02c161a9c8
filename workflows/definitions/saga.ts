import { FlowgridError } from '../../domain/base/errors';
import type { WorkflowContext } from '../../domain/seams/workflow-engine';
import { messageOf } from './failures';

/** An activity by name, and what it is given. */
export interface Call {
  readonly activity: string;
  readonly input: unknown;
}

/** A signal to wait for; nobody waits beside a running activity. */
export interface Pause {
  readonly signal: string;
  /** After so many milliseconds the wait is over without it. */
  readonly withinMs: number;
}

/** One row of a saga's table. `State` is what the saga knows so far. */
export interface SagaStep<State> {
  /** Unique in its table; journalled under it, and shown as progress. */
  readonly name: string;
  readonly do: (state: State) => Call | Pause;
  /** Adds the activity's result, or what the signal told, to the state; a signal that did not come is undefined. */
  readonly keep?: (state: State, result: unknown) => State;
  /**
   * Puts the step back. It may run although `do` took no effect, or half, or was undone before: it must look at the
   * grid, not at what the saga believes. A step without it leaves nothing behind, or is put back by an earlier one.
   */
  readonly undo?: (state: State) => Call;
  /** What it does cannot be put back: a cancellation that comes after the step before it is too late. Last of its table. */
  readonly isFinal?: true;
}

/**
 * Runs the steps of a table in order. When one fails, or the workflow is cancelled, every step that was begun is undone,
 * last first: the failing one too, because a failed step may have taken effect. Cancellation does not stop undoing.
 *
 * @returns the state after the last step.
 * @throws what stopped it, once all is put back; FlowgridError `internal` naming what could not be put back.
 */
export async function runSaga<State>(
  ctx: WorkflowContext,
  steps: readonly SagaStep<State>[],
  initial: State,
): Promise<State> {
  const begun: SagaStep<State>[] = [];
  let state = initial;
  try {
    for (const step of steps) {
      ctx.setProgress({ step: step.name, done: begun.length, of: steps.length });
      begun.push(step);
      const result = await perform(ctx, step, step.do(state));
      state = step.keep?.(state, result) ?? state;
    }
  } catch (error) {
    await putBack(ctx, begun, state, error);
    throw error;
  }
  ctx.setProgress({ step: 'done', done: steps.length, of: steps.length });
  return state;
}

function perform<State>(ctx: WorkflowContext, step: SagaStep<State>, asked: Call | Pause): Promise<unknown> {
  if ('signal' in asked) return ctx.waitSignal(asked.signal, asked.withinMs);
  const { activity, input } = asked;
  return step.isFinal ? ctx.undo(step.name, activity, input) : ctx.step(step.name, activity, input);
}

async function putBack<State>(
  ctx: WorkflowContext,
  begun: readonly SagaStep<State>[],
  state: State,
  stopped: unknown,
): Promise<void> {
  const left: string[] = [];
  for (const [index, step] of [...begun.entries()].reverse()) {
    if (step.undo === undefined) continue;
    const name = `undo ${step.name}`;
    ctx.setProgress({ step: name, done: index, of: begun.length, note: messageOf(stopped) });
    const { activity, input } = step.undo(state);
    // One step that cannot be put back is no reason to leave the others.
    await ctx.undo(name, activity, input).catch((error: unknown) => left.push(`${name}: ${messageOf(error)}`));
  }
  if (left.length === 0) return;
  throw new FlowgridError('internal', `${messageOf(stopped)}; not put back: ${left.join('; ')}`, {
    remedy: 'look at the named nodes and links and put them back by hand',
    cause: stopped,
  });
}
