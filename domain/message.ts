/** The shapes that all events and commands share, and what deciding can answer. */

/** Something that happened, past tense. `v` is the version of `data`'s shape (upcasters lift older ones on reading). */
export interface EventOf<Type extends string, Data, Version extends number = 1> {
  readonly type: Type;
  readonly v: Version;
  readonly data: Data;
}

/** Something to be done, imperative. */
export interface CommandOf<Type extends string, Data> {
  readonly type: Type;
  readonly data: Data;
}

/** Why a command was refused, as a stable word. */
export type RejectionReason =
  'exists' | 'not-found' | 'not-allowed' | 'invalid' | 'in-use' | 'stale' | 'none-free' | 'expired' | 'not-leading';

/** A refusal: nothing changed. `message` names the object and what stands in the way. */
export interface Rejection {
  readonly reason: RejectionReason;
  readonly message: string;
}

/**
 * What a command leads to: the events of one commit, none if the grid already is as the command wants it, or a
 * refusal.
 */
export type Decision<Event> = readonly Event[] | Rejection;

/** The command is satisfied already: no event, no commit. */
export const NOTHING_TO_DO: readonly never[] = [];

/** Builds a refusal. */
export function reject(reason: RejectionReason, message: string): Rejection {
  return { reason, message };
}

/** Whether a decision is a refusal. */
export function isRejection<Event>(decision: Decision<Event>): decision is Rejection {
  return !Array.isArray(decision);
}
