import type { WorkflowJournalEntry } from '../../domain/seams/workflow-engine';

/** A step as users are told of it. */
export interface ToldStep {
  readonly step: string;
  /** Why it failed. */
  readonly error?: string;
}

/** What an entry says of a step; undefined for one that says nothing of any. */
export function stepOf(entry: WorkflowJournalEntry): ToldStep | undefined {
  switch (entry.kind) {
    case 'started':
      return { step: 'requested' };
    case 'step':
      return { step: entry.step };
    case 'step-failed':
      return { step: entry.step, error: entry.error };
    case 'cancel':
      return { step: 'cancelled' };
    case 'signal':
      return { step: `signal ${entry.name}` };
    case 'slept':
    case 'ended':
      return undefined;
  }
}

/** A step in a line of text. */
export function stepLine({ step, error }: ToldStep): string {
  return `${step}${error === undefined ? '' : ` failed: ${error}`}`;
}
