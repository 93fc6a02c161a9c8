import { withEntry, withoutEntry } from '../base/entries';
import { unreachable } from '../base/errors';
import type { Millis } from '../base/ids';
import type { Probes } from '../probe/evolve';
import type { VirtualLink } from '../topology/topology';
import type { LinkEvent, VlanAllocation } from './events';

/** Links, their VLAN IDs and the probes on them, each by ID. */
export interface LinkState {
  readonly links: { readonly [link: number]: VirtualLink };
  readonly vlans: { readonly [vlan: number]: VlanAllocation };
  /**
   * Since when no frame is sent by IDs that nobody has now: their release, or when the last topology was retired that named
   * them; {@link HELD} until then. Frames with them can be under way for a while.
   */
  readonly resting: { readonly [vlan: number]: Millis };
  readonly probes: Probes;
}

/** Nobody has the ID, but flows of a live topology go by it. */
export const HELD: Millis = Number.MAX_SAFE_INTEGER;

export const NO_LINKS: LinkState = { links: {}, vlans: {}, resting: {}, probes: {} };

/**
 * @param at time of the event's commit
 * @param isNamed whether a live topology names a VLAN ID
 */
export function evolveLinks(
  state: LinkState,
  event: LinkEvent,
  at: Millis,
  isNamed: (vlan: number) => boolean,
): LinkState {
  switch (event.type) {
    case 'VirtualLinkCreated':
    case 'VirtualLinkChanged':
      return { ...state, links: withEntry(state.links, event.data.id, event.data) };
    case 'VirtualLinkDeleted':
      return { ...state, links: withoutEntry(state.links, event.data.link) };
    case 'VlanAllocated':
      return {
        ...state,
        vlans: withEntry(state.vlans, event.data.vlan, event.data),
        resting: event.data.vlan in state.resting ? withoutEntry(state.resting, event.data.vlan) : state.resting,
      };
    case 'VlanReleased':
      return {
        ...state,
        vlans: withoutEntry(state.vlans, event.data.vlan),
        resting: withEntry(state.resting, event.data.vlan, isNamed(event.data.vlan) ? HELD : at),
      };
    default:
      return unreachable(event);
  }
}

/** IDs that were held and that no live topology names any more begin to rest: a topology was retired at `at`. */
export function restUnnamed(state: LinkState, at: Millis, isNamed: (vlan: number) => boolean): LinkState {
  const ended = Object.keys(state.resting).filter(
    (vlan) => state.resting[Number(vlan)] === HELD && !isNamed(Number(vlan)),
  );
  if (ended.length === 0) return state;
  return { ...state, resting: { ...state.resting, ...Object.fromEntries(ended.map((vlan) => [vlan, at])) } };
}
