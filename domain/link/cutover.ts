import type { Millis } from '../base/ids';

/** The ends of a resilient link of which one is connected to the root ([0036 c]). */
export const ENDS = ['primary', 'standby'] as const;
export type ResilientEnd = (typeof ENDS)[number];

/** Whether an end is up, and since when it is so. */
export interface EndHealth {
  readonly isUp: boolean;
  /** 0 = it never was up. */
  readonly since: Millis;
}

/**
 * Why another end was connected: the one that was had failed, took no new flows any more (`drained`) or had not come yet
 * (`absent`); the primary was back (`restored`); or somebody wanted it (`operator`).
 */
export type CutoverCause = 'failed' | 'drained' | 'absent' | 'restored' | 'operator';

/** How a resilient link stands. Plain data. */
export interface Cutover {
  readonly connected: ResilientEnd;
  /** Since when that end is connected. */
  readonly since: Millis;
  /** Absent: it is so from the beginning. */
  readonly because?: CutoverCause;
  readonly primary: EndHealth;
  readonly standby: EndHealth;
}

/** Which ends are up when a link is new. */
export interface EndsUp {
  readonly primary: boolean;
  readonly standby: boolean;
}

/** A link that is new: the primary is connected. */
export function newCutover(at: Millis, up: EndsUp = { primary: true, standby: true }): Cutover {
  const health = (isUp: boolean): EndHealth => ({ isUp, since: isUp ? at : 0 });
  return { connected: 'primary', since: at, primary: health(up.primary), standby: health(up.standby) };
}

/** What was found of an end. A repeat of what is known changes nothing. */
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
  if (!state[state.connected].isUp && state[other].isUp) {
    const isAbsent = state[state.connected].since === 0;
    return connectedTo(state, other, isAbsent ? 'absent' : 'failed', at);
  }
  const due = restoreAt(state, restoreMs);
  return due !== undefined && at >= due ? connectedTo(state, other, 'restored', at) : state;
}

/** An end is connected, for whatever cause. */
export function connectedTo(state: Cutover, connected: ResilientEnd, because: CutoverCause, at: Millis): Cutover {
  return { ...state, connected, since: at, because };
}

/**
 * When the primary is to be connected again if nothing happens before; undefined: it is, is down, or need not be. A standby that
 * was connected because the primary had not come yet only keeps its place; one that somebody wanted stays.
 */
export function restoreAt(state: Cutover, restoreMs: Millis | undefined): Millis | undefined {
  if (state.connected === 'primary' || !state.primary.isUp || state.because === 'operator') return undefined;
  if (state.because === 'absent') return state.primary.since;
  return restoreMs === undefined ? undefined : state.primary.since + restoreMs;
}

export function otherEnd(end: ResilientEnd): ResilientEnd {
  return end === 'primary' ? 'standby' : 'primary';
}
