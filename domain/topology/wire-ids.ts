import type { Millis, WireId } from '../base/ids';
import type { TopologyState } from './state';

/** Wire IDs are 1–255: one byte of the descriptor, 0 never given ([0070]). */
export const WIRE_ID_MAX = 255;
/**
 * How long an ID rests after nothing carries it any more: longer than any frame can be on its way or be held by a
 * backup.
 */
export const QUARANTINE_MS = 1_000;
/** With fewer IDs free, or soon free, than this, the oldest flows are asked to move to a newer topology's ID. */
export const SCARCE_BELOW = 32;

/** IDs that no live topology has and that are not resting at `at`. */
export function freeWireIds(state: TopologyState, at: Millis): number {
  return WIRE_ID_MAX - takenWireIds(state, at).size;
}

/**
 * The next free ID after the one given last, so that an ID rests as long as possible before it returns; 0 if none is
 * free.
 */
export function nextWireId(state: TopologyState, at: Millis): WireId {
  const taken = takenWireIds(state, at);
  const last = state.latest?.wireId ?? 0;
  for (let step = 0; step < WIRE_ID_MAX; step++) {
    const candidate = ((last + step) % WIRE_ID_MAX) + 1;
    if (!taken.has(candidate)) return candidate;
  }
  return 0;
}

function takenWireIds(state: TopologyState, at: Millis): Set<WireId> {
  const taken = new Set(state.live.map((topology) => topology.wireId));
  for (const { wireId, freeAt } of state.quarantine) if (freeAt > at) taken.add(wireId);
  return taken;
}
