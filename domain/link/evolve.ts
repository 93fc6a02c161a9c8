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
  /** When IDs that nobody has now were released: frames with them can be under way for a while. */
  readonly resting: { readonly [vlan: number]: Millis };
  readonly probes: Probes;
}

export const NO_LINKS: LinkState = { links: {}, vlans: {}, resting: {}, probes: {} };

/** @param at time of the event's commit */
export function evolveLinks(state: LinkState, event: LinkEvent, at: Millis): LinkState {
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
        resting: withEntry(state.resting, event.data.vlan, at),
      };
    default:
      return unreachable(event);
  }
}
