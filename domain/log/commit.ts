import type { Millis, Seq } from '../base/ids';

/** One event as it stands in a commit: its type (past tense), the version of its data's shape, and the data. */
export interface CommittedEvent {
  readonly type: string;
  /** Version of `data`'s shape, from 1; older versions are lifted by upcasters when they are read. */
  readonly v: number;
  /** Plain data: null, booleans, numbers, strings, byte arrays, arrays and objects of these. */
  readonly data: unknown;
}

/**
 * A commit: what one command changed, as one record of the `topology` stream. Whether it counts is decided on reading,
 * by `seq`, `prev` and `epoch` (domain/seams/event-log.ts).
 */
export interface Commit<Event extends CommittedEvent = CommittedEvent> {
  /** Position in `topology`, from 1. */
  readonly seq: Seq;
  /** SHA-256 of the stored bytes of commit `seq − 1`, as 64 hex digits; zeros for the first. */
  readonly prev: string;
  /** Number of the leadership that wrote it; never decreases. */
  readonly epoch: number;
  /** Names the command; a repeat of it gets the first outcome. */
  readonly commandId: string;
  /** max(the injected clock, the head's `at`). */
  readonly at: Millis;
  /** The principal: `operator:alice`, `actor:cluster/2`, `workflow:…`. */
  readonly by: string;
  /** Seq of the commit that this one reacts to; 0 when the command came from outside. */
  readonly cause: Seq;
  /** Correlation: the id of the outside command at the beginning of the chain of causes. */
  readonly corr: string;
  readonly events: readonly Event[];
}
