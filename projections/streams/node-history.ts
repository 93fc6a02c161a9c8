import type { Millis } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import { combined } from './combined';

/** How much a node's counts grew between the newest two readings of one life. */
export interface Growth {
  readonly seconds: number;
  /** Counts are what came in these seconds. */
  readonly counts: NodeStatistics;
  /** The same for one second. */
  readonly perSecond: NodeStatistics;
}

/**
 * What one node told of its counts, over all its lives: readings may be lost, repeated and come late. A new life counts
 * from zero, and the last reading of the one before stays in the sums.
 */
export class NodeHistory {
  private past: NodeStatistics | undefined;
  private life: NodeStatistics;
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
    return this.growing;
  }

  /** A reading that came at `now`; what is not newer than what is known says nothing. */
  observe(told: NodeStatistics, now: Millis): void {
    const { life } = this;
    if (told.incarnation < life.incarnation) return;
    if (told.incarnation > life.incarnation) {
      this.past = this.totals();
      this.growing = undefined;
    } else {
      if (told.at <= life.at) return;
      this.growing = growthOf(life, told);
    }
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
  const counts = combined(before, after, (a, b) => Math.max(0, b - a));
  return { seconds, counts, perSecond: combined(counts, counts, (n) => n / seconds) };
}
