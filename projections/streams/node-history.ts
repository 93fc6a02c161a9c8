import type { Millis } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import { combined } from './combined';

/** How a node's counts grew between the newest two readings of one life. */
export interface Growth {
  /** Counts are what came in a second. */
  readonly perSecond: NodeStatistics;
  /** Frames that left the grid there between the two, by latency. */
  readonly latencyBuckets: readonly number[];
}

/**
 * What one node told of its counts, over all its lives: readings may be lost, repeated and come late. A new life counts
 * from zero, and the last reading of the one before stays in the sums.
 */
export class NodeHistory {
  private past: NodeStatistics | undefined;
  private life: NodeStatistics;
  /** The reading before the newest one, of the same life. */
  private before: NodeStatistics | undefined;
  private growing: Growth | undefined;

  constructor(
    first: NodeStatistics,
    private at: Millis,
  ) {
    this.life = first;
  }

  /** The newest reading. */
  get newest(): NodeStatistics {
    return this.life;
  }

  /** When it came. */
  get heardAt(): Millis {
    return this.at;
  }

  /** Undefined until a life was read twice. */
  get growth(): Growth | undefined {
    // Looked at only where somebody leads: those who stand by hear as much.
    if (this.before !== undefined) this.growing ??= growthOf(this.before, this.life);
    return this.growing;
  }

  /** A reading that came at `now`; what is not newer than what is known says nothing. */
  observe(told: NodeStatistics, now: Millis): void {
    const { life } = this;
    if (told.incarnation < life.incarnation) return;
    if (told.incarnation > life.incarnation) {
      this.past = this.totals();
      this.before = undefined;
    } else {
      if (told.at <= life.at) return;
      this.before = life;
    }
    this.growing = undefined;
    this.life = told;
    this.at = now;
  }

  /** All lives together. */
  totals(): NodeStatistics {
    return this.past === undefined ? this.life : combined(this.past, this.life, (a, b) => a + b);
  }
}

/** A count that shrinks is no count: nothing is said of how fast it does. */
function growthOf(before: NodeStatistics, after: NodeStatistics): Growth {
  const seconds = (after.at - before.at) / 1e6;
  return {
    perSecond: combined(before, after, (a, b) => Math.max(0, b - a) / seconds),
    latencyBuckets: after.latencyBuckets.map((n, i) => Math.max(0, n - (before.latencyBuckets[i] ?? 0))),
  };
}
