import type { Millis, Seq } from '../domain/base/ids';
import type { TopologyEvent } from '../domain/events';

/** Where and when an event was committed; what a machine may know of time. */
export interface Committed {
  readonly seq: Seq;
  readonly at: Millis;
}

/** A committed event as a machine receives it. */
export type CommittedFor<Event extends TopologyEvent> = Event extends TopologyEvent ? Event & Committed : never;

/** The clock reached the machine's `dueAt`. */
export interface Deadline {
  readonly type: 'Deadline';
  readonly at: Millis;
}
