import type { Millis } from '../../domain/base/ids';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { EntryOf, Journal, Placed } from './journal';

/** How a wait ended. */
export type Verdict =
  | { readonly kind: 'signal'; readonly payload: unknown }
  | { readonly kind: 'expired' }
  | { readonly kind: 'cancelled' };

interface Wait {
  readonly until: Millis;
  readonly signal: string | undefined;
  readonly resolve: (verdict: Verdict) => void;
  stopTimer: () => void;
}

/**
 * Sleeping and waiting for signals. How a wait ends is a function of the journal alone: a signal counts for the first
 * wait for its name that had not expired when it came; a cancellation ends the waits that had not expired when it came.
 * A wait that reached its time expires, whatever is journalled later.
 */
export class Waits {
  private readonly open = new Set<Wait>();
  private readonly taken = new Set<Placed<EntryOf<'signal'>>>();

  constructor(
    private readonly journal: Journal,
    private readonly clock: Clock,
    private readonly timer: Timers,
  ) {}

  /** Waits until the given time, or for a signal before it. */
  wait(until: Millis, signal?: string): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      const wait: Wait = { until, signal, resolve, stopTimer: () => undefined };
      this.open.add(wait);
      this.judge(wait, false);
      if (!this.open.has(wait)) return;
      // Through the journal's queue: what came before the time was up may still be on its way into the journal.
      const expire = (): void => void this.journal.commit(() => undefined).then(() => this.judge(wait, true), reject);
      if (until <= this.clock.now()) expire();
      else wait.stopTimer = this.timer.schedule(until, expire);
    });
  }

  /** Judges all open waits again, after a signal or a cancellation was journalled. */
  wake(): void {
    for (const wait of [...this.open]) this.judge(wait, false);
  }

  /** Forgets all waits: none of them ends any more. */
  stop(): void {
    for (const wait of this.open) wait.stopTimer();
    this.open.clear();
  }

  private judge(wait: Wait, timeIsUp: boolean): void {
    if (!this.open.has(wait)) return;
    const verdict = this.verdict(wait, timeIsUp);
    if (verdict === undefined) return;
    this.open.delete(wait);
    wait.stopTimer();
    wait.resolve(verdict);
  }

  private verdict({ until, signal: name }: Wait, timeIsUp: boolean): Verdict | undefined {
    const { cancelled } = this.journal;
    const signal = this.journal.signals.find(
      (candidate) => candidate.entry.name === name && candidate.entry.at < until && !this.taken.has(candidate),
    );
    if (signal !== undefined && (cancelled === undefined || signal.place < cancelled.place)) {
      this.taken.add(signal);
      return { kind: 'signal', payload: signal.entry.payload };
    }
    if (cancelled !== undefined) return { kind: cancelled.entry.at < until ? 'cancelled' : 'expired' };
    return timeIsUp ? { kind: 'expired' } : undefined;
  }
}
