import type { CommandOf } from '../message';
import type { VirtualLink } from '../topology/topology';
import type { Probe, VlanAllocation } from './events';

export type CreateVirtualLink = CommandOf<'CreateVirtualLink', VirtualLink>;
export type ChangeVirtualLink = CommandOf<'ChangeVirtualLink', VirtualLink>;
export type DeleteVirtualLink = CommandOf<'DeleteVirtualLink', { readonly link: number }>;
/** Allocates the lowest free VLAN ID of the reserved block, beyond those that each link has by its kind. */
export type AllocateVlan = CommandOf<'AllocateVlan', Omit<VlanAllocation, 'vlan'>>;
/** Takes back what `AllocateVlan` gave; a link's own IDs go with the link. */
export type ReleaseVlan = CommandOf<'ReleaseVlan', { readonly vlan: number }>;
export type AttachProbe = CommandOf<'AttachProbe', Probe>;
export type DetachProbe = CommandOf<'DetachProbe', { readonly probe: number }>;

export type LinkCommand =
  CreateVirtualLink | ChangeVirtualLink | DeleteVirtualLink | AllocateVlan | ReleaseVlan | AttachProbe | DetachProbe;
