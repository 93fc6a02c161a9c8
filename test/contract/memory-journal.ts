import type { WorkflowJournal, WorkflowJournalEntry } from '../../domain/seams/workflow-engine';

/** A journal that outlives its engines as a log does, and holds copies, as bytes would. */
export class MemoryJournal implements WorkflowJournal {
  readonly entries = new Map<string, WorkflowJournalEntry[]>();

  async load(id: string): Promise<readonly WorkflowJournalEntry[]> {
    return copy(this.entries.get(id) ?? []);
  }

  async append(id: string, entry: WorkflowJournalEntry): Promise<void> {
    const entries = this.entries.get(id) ?? [];
    entries.push(copy(entry));
    this.entries.set(id, entries);
  }

  async unfinished(): Promise<readonly string[]> {
    return [...this.entries].filter(([, entries]) => entries.at(-1)?.kind !== 'ended').map(([id]) => id);
  }
}

function copy<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
