import { withEntry, withoutEntry } from '../base/entries';
import { unreachable } from '../base/errors';
import type { VirtualLink } from '../topology/topology';
import type { LinkEvent, Probe, VlanAllocation } from './events';

/** Links, their VLAN IDs and the probes on them, each by ID. */
export interface LinkState {
  readonly links: { readonly [link: number]: VirtualLink };
  readonly vlans: { readonly [vlan: number]: VlanAllocation };
  readonly probes: { readonly [probe: number]: Probe };
}

export const NO_LINKS: LinkState = { links: {}, vlans: {}, probes: {} };

export function evolveLinks(state: LinkState, event: LinkEvent): LinkState {
  switch (event.type) {
    case 'VirtualLinkCreated':
    case 'VirtualLinkChanged':
      return { ...state, links: withEntry(state.links, event.data.id, event.data) };
    case 'VirtualLinkDeleted':
      return { ...state, links: withoutEntry(state.links, event.data.link) };
    case 'VlanAllocated':
      return { ...state, vlans: withEntry(state.vlans, event.data.vlan, event.data) };
    case 'VlanReleased':
      return { ...state, vlans: withoutEntry(state.vlans, event.data.vlan) };
    case 'ProbeAttached':
      return { ...state, probes: withEntry(state.probes, event.data.id, event.data) };
    case 'ProbeDetached':
      return { ...state, probes: withoutEntry(state.probes, event.data.probe) };
    default:
      return unreachable(event);
  }
}
