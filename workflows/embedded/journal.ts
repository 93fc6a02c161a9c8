import { unreachable } from '../../domain/base/errors';
import type { Millis } from '../../domain/base/ids';
import type { Clock } from '../../domain/seams/clock';
import type { WorkflowJournal, WorkflowJournalEntry } from '../../domain/seams/workflow-engine';

export type EntryOf<Kind extends WorkflowJournalEntry['kind']> = Extract<WorkflowJournalEntry, { kind: Kind }>;
/** Entries that settle a named step for good. */
export type Settled = EntryOf<'step' | 'step-failed' | 'slept'>;

/** An entry and its place in the journal: what came first is decided by place, never by time alone. */
export interface Placed<Entry> {
  readonly place: number;
  readonly entry: Entry;
}

/**
 * One workflow's journal as the engine uses it: what is settled, by name, and one queue of appends. An entry has an
 * effect on the workflow only after it is durable, and in the order of the journal, so that a replay sees the same.
 */
export class Journal {
  readonly signals: Placed<EntryOf<'signal'>>[] = [];
  started: EntryOf<'started'> | undefined;
  cancelled: Placed<EntryOf<'cancel'>> | undefined;
  ended: EntryOf<'ended'> | undefined;
  private readonly settledSteps = new Map<string, Settled>();
  private length = 0;
  private queue: Promise<unknown> = Promise.resolve();
  private appending: Promise<void> = Promise.resolve();
  private open = true;
  /** Told once, when the store refuses an append: the workflow must be taken up again from what is journalled. */
  onBroken: (error: unknown) => void = () => undefined;

  private constructor(
    readonly id: string,
    private readonly store: WorkflowJournal,
    private readonly clock: Clock,
  ) {}

  /** Reads what is journalled so far. */
  static async load(store: WorkflowJournal, id: string, clock: Clock): Promise<Journal> {
    const journal = new Journal(id, store, clock);
    for (const entry of await store.load(id)) journal.take(entry);
    return journal;
  }

  settled(step: string): Settled | undefined {
    return this.settledSteps.get(step);
  }

  /**
   * Journals the beginning; a beginning that is there already stays.
   *
   * @throws what the store throws; the outcome is then unknown.
   */
  async begin(name: string, input: unknown): Promise<void> {
    if (this.started !== undefined) return;
    const entry: EntryOf<'started'> = { kind: 'started', name, input, at: this.clock.now() };
    await this.store.append(this.id, entry);
    this.take(entry);
  }

  /**
   * Appends what `make` gives when its turn has come, and resolves with it; undefined appends nothing. Never settles
   * once the journal is closed or broken: whoever waits for it must go no further, not even to undo anything, because
   * what is journalled is not known any more.
   */
  commit<Entry extends WorkflowJournalEntry>(make: (at: Millis) => Entry | undefined): Promise<Entry | undefined> {
    const turn = this.queue.then(() => this.turn(make));
    this.queue = turn;
    return turn;
  }

  /** Stops taking entries; resolves when an append under way has come to its end. */
  async close(): Promise<void> {
    this.open = false;
    await this.appending;
  }

  private async turn<Entry extends WorkflowJournalEntry>(
    make: (at: Millis) => Entry | undefined,
  ): Promise<Entry | undefined> {
    if (!this.open) return never();
    const entry = make(this.clock.now());
    if (entry === undefined) return undefined;
    this.appending = this.store.append(this.id, entry).catch((error: unknown) => {
      this.open = false;
      this.onBroken(error);
    });
    await this.appending;
    if (!this.open) return never();
    this.take(entry);
    return entry;
  }

  private take(entry: WorkflowJournalEntry): void {
    const place = this.length++;
    switch (entry.kind) {
      case 'started':
        this.started ??= entry;
        return;
      case 'step':
      case 'step-failed':
      case 'slept':
        // An append of unknown outcome may have been repeated: the first one counts.
        if (!this.settledSteps.has(entry.step)) this.settledSteps.set(entry.step, entry);
        return;
      case 'signal':
        this.signals.push({ place, entry });
        return;
      case 'cancel':
        this.cancelled ??= { place, entry };
        return;
      case 'ended':
        this.ended ??= entry;
        return;
      default:
        unreachable(entry);
    }
  }
}

/** For whoever must go no further. */
export function never(): Promise<never> {
  return new Promise(() => undefined);
}
