import type { Millis } from '../base/ids';

/** The ends of a resilient link of which one is connected to the root ([0036 c]). */
export type ResilientEnd = 'primary' | 'standby';

/** Whether an end is up, and since when it is so. */
export interface EndHealth {
  readonly isUp: boolean;
  readonly since: Millis;
}

/** How a resilient link stands. Plain data. */
export interface Cutover {
  readonly connected: ResilientEnd;
  /** Since when that end is connected. */
  readonly since: Millis;
  readonly primary: EndHealth;
  readonly standby: EndHealth;
}

/** A link that is new: both ends are taken to be up, and the primary is connected. */
export function newCutover(at: Millis): Cutover {
  const health: EndHealth = { isUp: true, since: at };
  return { connected: 'primary', since: at, primary: health, standby: health };
}

/** What the root's watch found of an end. A repeat of what is known changes nothing. */
export function endFound(state: Cutover, end: ResilientEnd, isUp: boolean, at: Millis): Cutover {
  return state[end].isUp === isUp ? state : { ...state, [end]: { isUp, since: at } };
}

/**
 * Who is to be connected now: another end only if the one that is has failed and the other has not, or if the primary is
 * back for as long as the link's `restoreMs` says. With both down nothing moves: whichever comes back first is connected.
 *
 * @param restoreMs absent: a standby that was connected stays so until it fails
 */
export function cutOver(state: Cutover, restoreMs: Millis | undefined, at: Millis): Cutover {
  const other = otherEnd(state.connected);
  const isFailed = !state[state.connected].isUp && state[other].isUp;
  const due = restoreAt(state, restoreMs);
  const isBack = due !== undefined && at >= due;
  return isFailed || isBack ? { ...state, connected: other, since: at } : state;
}

/** When the primary is to be connected again if nothing happens before; undefined: it is, is down, or need not be. */
export function restoreAt(state: Cutover, restoreMs: Millis | undefined): Millis | undefined {
  if (restoreMs === undefined || state.connected === 'primary' || !state.primary.isUp) return undefined;
  return state.primary.since + restoreMs;
}

export function otherEnd(end: ResilientEnd): ResilientEnd {
  return end === 'primary' ? 'standby' : 'primary';
}
