import { FlowgridError } from '../../domain/base/errors';
import type { Millis } from '../../domain/base/ids';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { Activities, WorkflowContext, WorkflowProgress } from '../../domain/seams/workflow-engine';
import {
  STEP_ATTEMPTS_MAX,
  isDefinitive,
  messageOf,
  retryPause,
  settleAll,
  stepFailed,
  workflowCancelled,
} from '../definitions/failures';
import { type EntryOf, type Journal, type Settled, never } from './journal';
import type { Waits } from './waits';

/** What a context works with. */
export interface ContextParts {
  readonly journal: Journal;
  readonly waits: Waits;
  readonly activities: Activities;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Fires when the workflow is cancelled or given up by this process. */
  readonly cancelling: AbortSignal;
  /** Fires when it is given up: the only thing that ends an undoing. */
  readonly abandoning: AbortSignal;
  readonly onProgress: (progress: WorkflowProgress) => void;
}

type Ended = { readonly result: unknown } | { readonly error: string } | 'cancelled';

/** The world of a definition, over the journal: what is settled there is answered from it, the rest is done and settled. */
export class JournalledContext implements WorkflowContext {
  readonly id: string;
  private readonly claimed = new Set<string>();
  private readonly counts = new Map<string, number>();

  constructor(private readonly parts: ContextParts) {
    this.id = parts.journal.id;
  }

  async now(): Promise<Millis> {
    const { journal } = this.parts;
    const step = this.numbered('now');
    const settled =
      journal.settled(step) ??
      (await journal.commit((at): EntryOf<'step'> => ({ kind: 'step', step, result: at, at })));
    return (settled as EntryOf<'step'>).result as Millis;
  }

  step<Result>(step: string, activity: string, input: unknown): Promise<Result> {
    return this.perform<Result>(step, activity, input, true);
  }

  undo<Result>(step: string, activity: string, input: unknown): Promise<Result> {
    return this.perform<Result>(step, activity, input, false);
  }

  async sleep(step: string, ms: number): Promise<void> {
    await this.await(this.claim(step), ms);
  }

  async waitSignal<Payload>(name: string, timeoutMs: number): Promise<Payload | undefined> {
    return (await this.await(this.numbered(`signal/${name}`), timeoutMs, name)) as Payload | undefined;
  }

  all<Result>(branches: readonly (() => Promise<Result>)[]): Promise<Result[]> {
    return settleAll(branches);
  }

  setProgress(progress: WorkflowProgress): void {
    this.parts.onProgress(progress);
  }

  private async perform<Result>(step: string, activity: string, input: unknown, cancellable: boolean): Promise<Result> {
    const { journal } = this.parts;
    this.claim(step);
    let settled: Settled | undefined = journal.settled(step);
    if (settled === undefined) {
      const ended = await this.attempts(step, activity, input, cancellable);
      if (this.parts.abandoning.aborted) return never();
      if (ended === 'cancelled') throw workflowCancelled(this.id);
      settled = await journal.commit((at): Settled =>
        'error' in ended
          ? { kind: 'step-failed', step, error: ended.error, at }
          : { kind: 'step', step, result: ended.result, at },
      );
    }
    if (settled?.kind === 'step') return settled.result as Result;
    throw stepFailed(step, settled?.kind === 'step-failed' ? settled.error : 'was a sleep before');
  }

  /** Runs an activity until it answers; one that was begun is always waited for, cancelled or not. */
  private async attempts(step: string, name: string, input: unknown, cancellable: boolean): Promise<Ended> {
    const activity = this.parts.activities[name];
    if (activity === undefined) return { error: `there is no activity ${name}` };
    const stop = cancellable ? this.parts.cancelling : this.parts.abandoning;
    for (let attempt = 1; !stop.aborted; attempt++) {
      try {
        return { result: (await activity(input, `${this.id}/${step}`, stop)) ?? null };
      } catch (error) {
        if (stop.aborted) break;
        if (isDefinitive(error) || (cancellable && attempt >= STEP_ATTEMPTS_MAX)) return { error: messageOf(error) };
        await this.pause(retryPause(attempt), stop);
      }
    }
    return 'cancelled';
  }

  /** Between attempts: ends early when there will be no further one. */
  private pause(ms: number, stop: AbortSignal): Promise<void> {
    const { clock, timers } = this.parts;
    return new Promise((resolve) => {
      const cancel = timers.schedule(clock.now() + ms, () => {
        stop.removeEventListener('abort', onStop);
        resolve();
      });
      const onStop = (): void => {
        cancel();
        resolve();
      };
      stop.addEventListener('abort', onStop, { once: true });
    });
  }

  /** The deadline is settled when the wait begins, so that a crash does not lengthen it. */
  private async await(step: string, ms: number, signal?: string): Promise<unknown> {
    const { journal, waits } = this.parts;
    const settled =
      journal.settled(step) ??
      (await journal.commit((at): EntryOf<'slept'> | undefined =>
        journal.cancelled === undefined ? { kind: 'slept', step, until: at + ms } : undefined,
      ));
    if (settled?.kind !== 'slept') throw workflowCancelled(this.id);
    const verdict = await waits.wait(settled.until, signal);
    if (verdict.kind === 'cancelled') throw workflowCancelled(this.id);
    return verdict.kind === 'signal' ? verdict.payload : undefined;
  }

  /** @throws FlowgridError `internal` when a definition uses a name twice: its journal could not tell them apart. */
  private claim(step: string): string {
    if (this.claimed.has(step)) throw new FlowgridError('internal', `workflow ${this.id} has two steps named ${step}`);
    this.claimed.add(step);
    return step;
  }

  /** `kind/1`, `kind/2` …, in the order of calls, which a deterministic definition repeats. */
  private numbered(kind: string): string {
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    return this.claim(`${kind}/${count}`);
  }
}
