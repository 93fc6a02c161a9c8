import type { Millis } from '../base/ids';

/** The time, injected everywhere but in `runtime/programs/`. */
export interface Clock {
  /** Milliseconds since 1970, never decreasing. */
  now(): Millis;
}

/** Deadlines on the injected clock. */
export interface Timers {
  /** Calls `fire` once, when the clock reaches `dueAt`; ties fire in order of scheduling. Returns the cancel function. */
  schedule(dueAt: Millis, fire: () => void): () => void;
}
