import type { ClusterId } from '../base/ids';
import type { EventOf } from '../message';
import type { CutoverCause, ResilientEnd } from './cutover';
import type { VirtualLink } from '../topology/topology';

export type VirtualLinkCreated = EventOf<'VirtualLinkCreated', VirtualLink>;
/** Carries the whole link as it is now. */
export type VirtualLinkChanged = EventOf<'VirtualLinkChanged', VirtualLink>;
export type VirtualLinkDeleted = EventOf<'VirtualLinkDeleted', { readonly link: number }>;

/** Another end of a resilient link is connected to its root from now on ([0036 c]). */
export type VirtualLinkCutOver = EventOf<
  'VirtualLinkCutOver',
  { readonly link: number; readonly connected: ResilientEnd; readonly because: CutoverCause }
>;

/** An outer VLAN ID was given to one direction of a link ([0034]). */
export type VlanAllocated = EventOf<'VlanAllocated', VlanAllocation>;
export type VlanReleased = EventOf<'VlanReleased', { readonly vlan: number }>;

export interface VlanAllocation {
  /** 1–4094. */
  readonly vlan: number;
  readonly link: number;
  /** What the VLAN separates inside the link: a cluster's transmit or receive side; cluster 0 = the whole link. */
  readonly cluster: ClusterId;
  readonly direction: 'transmit' | 'receive' | 'both';
}

export type LinkEvent =
  VirtualLinkCreated | VirtualLinkChanged | VirtualLinkDeleted | VirtualLinkCutOver | VlanAllocated | VlanReleased;
