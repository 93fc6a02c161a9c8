import type { ClusterId, NodeRef } from '../base/ids';
import type { EventOf } from '../message';
import type { VirtualLink } from '../topology/topology';

export type VirtualLinkCreated = EventOf<'VirtualLinkCreated', VirtualLink>;
/** Carries the whole link as it is now. */
export type VirtualLinkChanged = EventOf<'VirtualLinkChanged', VirtualLink>;
export type VirtualLinkDeleted = EventOf<'VirtualLinkDeleted', { readonly link: number }>;

/** An outer VLAN ID was given to one direction of a link ([0034]). */
export type VlanAllocated = EventOf<'VlanAllocated', VlanAllocation>;
export type VlanReleased = EventOf<'VlanReleased', { readonly vlan: number }>;

export type ProbeAttached = EventOf<'ProbeAttached', Probe>;
export type ProbeDetached = EventOf<'ProbeDetached', { readonly probe: number }>;

export interface VlanAllocation {
  /** 1–4094. */
  readonly vlan: number;
  readonly link: number;
  /** What the VLAN separates inside the link: a cluster's transmit or receive side; cluster 0 = the whole link. */
  readonly cluster: ClusterId;
  readonly direction: 'transmit' | 'receive' | 'both';
}

/** A tap on a link, or on one node's interface to it; one collector shows many points as one interface. */
export interface Probe {
  readonly id: number;
  readonly name: string;
  readonly link: number;
  /** The node whose interface is tapped; 0 = the link as a whole. */
  readonly node: NodeRef;
  /** `raw` frames carry the descriptor, `restored` ones are as the application sees them. */
  readonly view: 'raw' | 'restored';
  readonly collector: string;
}

export type LinkEvent =
  | VirtualLinkCreated
  | VirtualLinkChanged
  | VirtualLinkDeleted
  | VlanAllocated
  | VlanReleased
  | ProbeAttached
  | ProbeDetached;
