import type { Seq } from '../base/ids';
import type { WorkflowJournalEntry, WorkflowStatus } from '../seams/workflow-engine';
import type { WorkflowEvent } from './events';

/** A workflow as the grid knows it; its journal's payloads stay in the log. */
export interface WorkflowRecord {
  readonly name: string;
  readonly status: WorkflowStatus;
  /** The commit that requested it: where its journal begins, and the cause of what it does. */
  readonly requested: Seq;
  /** Entries in its journal. */
  readonly entries: number;
  /** Steps whose result is journalled: a repeat of one is not recorded again. */
  readonly steps: readonly string[];
}

/** Workflows by ID. */
export interface Workflows {
  readonly [workflow: string]: WorkflowRecord;
}

export function evolveWorkflows(workflows: Workflows, event: WorkflowEvent, seq: Seq): Workflows {
  const { workflow, entry } = event.data;
  const after = evolveWorkflow(workflows[workflow], entry, seq);
  return after === undefined ? workflows : { ...workflows, [workflow]: after };
}

function evolveWorkflow(
  before: WorkflowRecord | undefined,
  entry: WorkflowJournalEntry,
  seq: Seq,
): WorkflowRecord | undefined {
  if (entry.kind === 'started') {
    return before ?? { name: entry.name, status: 'running', requested: seq, entries: 1, steps: [] };
  }
  if (before === undefined) return undefined;
  const entries = before.entries + 1;
  if (entry.kind === 'ended') return { ...before, entries, status: entry.status };
  const step = stepOf(entry);
  return step === undefined ? { ...before, entries } : { ...before, entries, steps: [...before.steps, step] };
}

/** What an entry settles for good: a step of that name, or a sleep. */
export function stepOf(entry: WorkflowJournalEntry): string | undefined {
  return entry.kind === 'step' || entry.kind === 'step-failed' || entry.kind === 'slept' ? entry.step : undefined;
}
