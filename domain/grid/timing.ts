import type { Millis } from '../base/ids';
import type { Timing } from '../topology/topology';

/** Flow types that an idle timeout is for. */
const IDLE_TIMES = ['tcpIdleMs', 'udpIdleMs', 'icmpIdleMs', 'otherIdleMs'] as const;
export type IdleTime = (typeof IDLE_TIMES)[number];

/** Hello rounds in which what was sent arrives, and word of it comes back. */
const ROUNDS_UNDER_WAY = 2;

/** The idle timeout of the flow type that waits longest. */
export function longestIdleMs(timing: Timing): Millis {
  return Math.max(...IDLE_TIMES.map((name) => timing[name]));
}

/** After this long without a sign of life a node is held dead (hello interval × multiplier). */
export function detectionMs(timing: Timing): Millis {
  return timing.helloMs * timing.detectMultiplier;
}

/**
 * In how many rounds of each other, at most, agents fall silent to a node that hears nobody any more: hellos of a busy host come
 * rounds late. A node that is cut off says so this much later than the detection time, at the latest.
 */
export function roundsOfDoubt({ detectMultiplier }: Timing): number {
  return Math.min(Math.max(detectMultiplier - 2, 1), 3);
}

/** Hello rounds for which a backup holds a frame: until its emitter's death would be known ([0085 c]). */
export function holdRounds(timing: Timing): number {
  return timing.detectMultiplier + roundsOfDoubt(timing);
}

/**
 * What no idle timeout may be shorter than: when a flow ends, its backups hold no frame of it any more. One that did would send
 * it again, should the emitter leave or die, to nodes that have forgotten the flow, and so what they have had of it.
 */
export function shortestIdleMs(timing: Timing): Millis {
  return timing.helloMs * (holdRounds(timing) + ROUNDS_UNDER_WAY);
}

/** Idle timeouts that are too short for the detection time. */
export function tooShort(timing: Timing): readonly IdleTime[] {
  return IDLE_TIMES.filter((name) => timing[name] < shortestIdleMs(timing));
}
