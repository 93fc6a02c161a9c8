import type { Millis } from '../base/ids';

/** What a workflow may do: the only world that `workflows/definitions/` sees. Deterministic under replay. */
export interface WorkflowContext {
  /** The workflow's id; each step runs at least once under `id/step`. */
  readonly id: string;
  /** Milliseconds since 1970, the same on every replay. */
  now(): Promise<Millis>;
  /** Runs the named activity at least once and returns its journalled result; `step` is unique in the workflow. */
  step<Result>(step: string, activity: string, input: unknown): Promise<Result>;
  /** Like {@link step}, but not interrupted by a cancellation: for undoing. */
  undo<Result>(step: string, activity: string, input: unknown): Promise<Result>;
  sleep(step: string, ms: number): Promise<void>;
  /** Resolves with the next payload of the named signal, or undefined after `timeoutMs`. */
  waitSignal<Payload>(name: string, timeoutMs: number): Promise<Payload | undefined>;
  all<Result>(branches: readonly (() => Promise<Result>)[]): Promise<Result[]>;
  /** What a progress query answers from now on. */
  setProgress(progress: WorkflowProgress): void;
}

export interface WorkflowProgress {
  readonly step: string;
  readonly done: number;
  readonly of: number;
  readonly note?: string;
}

export type WorkflowDefinition<Input = unknown, Result = unknown> = (
  ctx: WorkflowContext,
  input: Input,
) => Promise<Result>;

/**
 * Activities by name. They are idempotent by `activityId` (`workflow id/step`). One that waits stops waiting and rejects
 * when `cancelled` fires; the engine always lets it end before it undoes anything.
 *
 * @throws FlowgridError An error that may not be retried (`canRetry` false) fails the step at once; any other error is
 * tried again.
 */
export type Activity = (input: unknown, activityId: string, cancelled?: AbortSignal) => Promise<unknown>;
export type Activities = Readonly<Record<string, Activity>>;

export type WorkflowStatus = 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface WorkflowState {
  readonly id: string;
  readonly name: string;
  readonly status: WorkflowStatus;
  readonly progress?: WorkflowProgress;
  readonly result?: unknown;
  readonly error?: string;
}

/** The provisioning seam: embedded (journals in the event log) or Temporal. */
export interface WorkflowEngine {
  readonly kind: string;
  /** Starting an id that already exists returns its present state (idempotent). */
  start(name: string, id: string, input: unknown): Promise<WorkflowState>;
  /** Resolves when the workflow has ended. */
  result(id: string): Promise<WorkflowState>;
  describe(id: string): Promise<WorkflowState | undefined>;
  signal(id: string, name: string, payload: unknown): Promise<void>;
  /** Asks for cancellation; undo steps still run. */
  cancel(id: string): Promise<void>;
  close(): Promise<void>;
}

/** Where the embedded engine keeps its journal (the event log, through the control plane's commands). */
export interface WorkflowJournal {
  /** All entries of one workflow, oldest first. */
  load(id: string): Promise<readonly WorkflowJournalEntry[]>;
  /** Durable when resolved. */
  append(id: string, entry: WorkflowJournalEntry): Promise<void>;
  /** Ids of workflows without an end entry. */
  unfinished(): Promise<readonly string[]>;
}

export type WorkflowJournalEntry =
  | { readonly kind: 'started'; readonly name: string; readonly input: unknown; readonly at: Millis }
  | { readonly kind: 'step'; readonly step: string; readonly result: unknown; readonly at: Millis }
  | { readonly kind: 'step-failed'; readonly step: string; readonly error: string; readonly at: Millis }
  | { readonly kind: 'slept'; readonly step: string; readonly until: Millis }
  | { readonly kind: 'signal'; readonly name: string; readonly payload: unknown; readonly at: Millis }
  | { readonly kind: 'cancel'; readonly at: Millis }
  | {
      readonly kind: 'ended';
      readonly status: WorkflowStatus;
      readonly result?: unknown;
      readonly error?: string;
      readonly at: Millis;
    };
