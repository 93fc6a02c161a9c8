import type { Micros, Millis } from '../../domain/base/ids';
import type { Clock, Timers } from '../../domain/seams/clock';

/** Microseconds since 1970, the same in all threads of a process, never decreasing. */
export function wallMicros(): Micros {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}

/** The longest that one of Node's timers waits; a later deadline is waited for in several steps. */
const STEP_MS_MAX = 2 ** 31 - 1;

/**
 * Time as it passes: the wall clock's, never going back when somebody sets it back. For programs whose grid runs in real
 * time.
 */
export class WallClock implements Clock, Timers {
  private last: Millis = 0;

  now(): Millis {
    this.last = Math.max(this.last, Date.now());
    return this.last;
  }

  schedule(dueAt: Millis, fire: () => void): () => void {
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const left = dueAt - this.now();
      if (left > 0 || timer === undefined) timer = setTimeout(wait, Math.min(Math.max(0, left), STEP_MS_MAX));
      else fire();
    };
    wait();
    return () => clearTimeout(timer);
  }
}
