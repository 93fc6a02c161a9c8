/**
 * Runs a definition inside Temporal's isolated workflow world. This file and what it imports is bundled: it must not
 * reach Node, the activities or any package but `@temporalio/workflow`.
 */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  type RetryPolicy,
  condition,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setDefaultSignalHandler,
  setHandler,
  defineQuery,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { FlowgridError, isFlowgridError } from '../../domain/base/errors';
import type { WorkflowContext, WorkflowDefinition, WorkflowProgress } from '../../domain/seams/workflow-engine';
import {
  RETRY_MS_MAX,
  RETRY_MS_MIN,
  STEP_ATTEMPTS_MAX,
  messageOf,
  settleAll,
  stepFailed,
} from '../definitions/failures';
import { HEARTBEAT_TIMEOUT_MS, PROGRESS_QUERY, STEP_TIMEOUT, UNLIMITED } from './names';

const RETRY: RetryPolicy = {
  initialInterval: RETRY_MS_MIN,
  maximumInterval: RETRY_MS_MAX,
  backoffCoefficient: 2,
};

/** A definition as a Temporal workflow function. */
export function temporalWorkflow(definition: WorkflowDefinition): (input: unknown) => Promise<unknown> {
  return async (input) => {
    try {
      return await definition(new TemporalContext(), input);
    } catch (error) {
      // Cancellation ends a workflow as cancelled. Any other error ends it as failed: thrown as it is, Temporal would
      // take it for a defect of this program and try the same again for ever.
      if (isCancellation(error)) throw error;
      throw ApplicationFailure.nonRetryable(messageOf(error), isFlowgridError(error) ? error.code : 'internal');
    }
  };
}

class TemporalContext implements WorkflowContext {
  readonly id = workflowInfo().workflowId;
  private readonly signals = new Map<string, unknown[]>();
  private readonly claimed = new Set<string>();
  private progress: WorkflowProgress | undefined;

  constructor() {
    setHandler(defineQuery<WorkflowProgress | undefined>(PROGRESS_QUERY), () => this.progress);
    setDefaultSignalHandler((name, payload) => {
      this.signals.set(name, [...(this.signals.get(name) ?? []), payload]);
    });
  }

  async now(): Promise<number> {
    // Temporal replaces the clock inside workflows by the history's, the same on every replay.
    return Date.now();
  }

  step<Result>(step: string, activity: string, input: unknown): Promise<Result> {
    return this.perform<Result>(step, activity, input, STEP_ATTEMPTS_MAX);
  }

  undo<Result>(step: string, activity: string, input: unknown): Promise<Result> {
    return CancellationScope.nonCancellable(() => this.perform<Result>(step, activity, input, UNLIMITED));
  }

  async sleep(step: string, ms: number): Promise<void> {
    this.claim(step);
    await sleep(ms, { summary: step });
  }

  async waitSignal<Payload>(name: string, timeoutMs: number): Promise<Payload | undefined> {
    const has = (): boolean => (this.signals.get(name)?.length ?? 0) > 0;
    await condition(has, timeoutMs, { summary: `wait for the signal ${name}` });
    return this.signals.get(name)?.shift() as Payload | undefined;
  }

  all<Result>(branches: readonly (() => Promise<Result>)[]): Promise<Result[]> {
    return settleAll(branches);
  }

  setProgress(progress: WorkflowProgress): void {
    this.progress = progress;
    const { step, done, of, note } = progress;
    setCurrentDetails(`${step} (${done} of ${of})${note === undefined ? '' : `: ${note}`}`);
  }

  /** Workers are told how often a step may fail, and judge it: one that dies with a step has not made it fail. */
  private async perform<Result>(step: string, activity: string, input: unknown, attempts: number): Promise<Result> {
    this.claim(step);
    const activities = proxyActivities({
      activityId: step,
      summary: step,
      startToCloseTimeout: STEP_TIMEOUT,
      heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
      // Nothing is undone beside a step that may still take effect.
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      retry: RETRY,
    });
    try {
      return (await activities[activity]?.(input, attempts)) as Result;
    } catch (error) {
      if (isCancellation(error)) throw error;
      throw stepFailed(step, messageOf(error instanceof ActivityFailure ? (error.cause ?? error) : error));
    }
  }

  private claim(step: string): void {
    if (this.claimed.has(step)) throw new FlowgridError('internal', `workflow ${this.id} has two steps named ${step}`);
    this.claimed.add(step);
  }
}
