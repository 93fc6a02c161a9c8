import type { Millis, Seq } from '../domain/base/ids';

/** An instant as a person names it. */
export type When =
  | { readonly kind: 'seq'; readonly seq: Seq }
  | { readonly kind: 'time'; readonly at: Millis }
  /** Milliseconds after the first commit of the log. */
  | { readonly kind: 'offset'; readonly ms: Millis };

/** A moment in the log as both kinds of streams know it: position in `topology`, and time. */
export interface Moment {
  /** The newest commit at that moment; 0 before the first. */
  readonly seq: Seq;
  /** Everything up to and including this time has happened; Infinity stands for the present. */
  readonly at: Millis;
}

/** Where a commit stands: what resolving an instant needs of it. */
export interface CommitPlace {
  readonly seq: Seq;
  readonly at: Millis;
}

/** Now: everything that the log holds. */
export const NOW: Moment = { seq: Infinity, at: Infinity };

/**
 * The moment that an instant means in a log whose commits stand at `places`, in order of seq (times never decrease). A
 * position means the time just before the next commit, so that flow events made under it are included.
 */
export function momentOf(when: When | undefined, places: readonly CommitPlace[]): Moment {
  if (when === undefined) return NOW;
  if (when.kind === 'seq') {
    const next = places.find((place) => place.seq > when.seq);
    return { seq: when.seq, at: next === undefined ? Infinity : Math.max(0, next.at - 1) };
  }
  const at = when.kind === 'time' ? when.at : (places[0]?.at ?? 0) + when.ms;
  return { seq: places.findLast((place) => place.at <= at)?.seq ?? 0, at };
}

/** Whether a place in the log is at or after an instant; `start` is the time of the log's first commit. */
export function reached(place: CommitPlace, since: When | undefined, start: Millis): boolean {
  if (since === undefined) return true;
  if (since.kind === 'seq') return place.seq >= since.seq;
  return place.at >= (since.kind === 'time' ? since.at : start + since.ms);
}
