import { FlowgridError, isFlowgridError } from '../../domain/base/errors';

/** How often a step is tried before it fails; undoing is tried until it succeeds, or cannot. */
export const STEP_ATTEMPTS_MAX = 5;
/** Pause before the second attempt, in milliseconds; it doubles with every further one. */
export const RETRY_MS_MIN = 100;
export const RETRY_MS_MAX = 10_000;

/** Pause after the given failed attempt (from 1), in milliseconds. */
export function retryPause(attempt: number): number {
  return Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(attempt - 1, 30));
}

/** Whether an activity's error is an answer, so that trying again would be answered the same. */
export function isDefinitive(error: unknown): boolean {
  return isFlowgridError(error) && !error.canRetry;
}

/** What a definition sees of a failed step, the same on every engine and every replay. */
export function stepFailed(step: string, error: string): FlowgridError {
  return new FlowgridError('rejected', `${step}: ${error}`);
}

/** What a definition sees of its own cancellation on the embedded engine. */
export function workflowCancelled(id: string): FlowgridError {
  return new FlowgridError('interrupted', `workflow ${id} was cancelled`);
}

/** A signal or a question for a workflow that never was or has ended. */
export function noWorkflow(id: string): FlowgridError {
  return new FlowgridError('not-found', `there is no running workflow ${id}`);
}

export function messageOf(error: unknown): string {
  return (error as { message?: string } | undefined)?.message ?? String(error);
}

/** All branches come to their end before the first failure is passed on: nothing is undone beside a running step. */
export async function settleAll<Result>(branches: readonly (() => Promise<Result>)[]): Promise<Result[]> {
  const settled = await Promise.allSettled(branches.map((branch) => branch()));
  return settled.map((branch) => {
    if (branch.status === 'rejected') throw branch.reason;
    return branch.value;
  });
}
