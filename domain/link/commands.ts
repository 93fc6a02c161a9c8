import type { CommandOf } from '../message';
import type { VirtualLink } from '../topology/topology';
import type { VlanAllocation } from './events';

export type CreateVirtualLink = CommandOf<'CreateVirtualLink', VirtualLink>;
export type ChangeVirtualLink = CommandOf<'ChangeVirtualLink', VirtualLink>;
export type DeleteVirtualLink = CommandOf<'DeleteVirtualLink', { readonly link: number }>;
/** Several links as one whole: one commit, or none. Who is to be changed or deleted is there; who is created is not. */
export type ArrangeLinks = CommandOf<
  'ArrangeLinks',
  {
    readonly create: readonly VirtualLink[];
    readonly change: readonly VirtualLink[];
    readonly delete: readonly number[];
  }
>;
/** Allocates the lowest free VLAN ID of the reserved block, beyond those that each link has by its kind. */
export type AllocateVlan = CommandOf<'AllocateVlan', Omit<VlanAllocation, 'vlan'>>;
/** Takes back what `AllocateVlan` gave; a link's own IDs go with the link. */
export type ReleaseVlan = CommandOf<'ReleaseVlan', { readonly vlan: number }>;

export type LinkCommand =
  CreateVirtualLink | ChangeVirtualLink | DeleteVirtualLink | ArrangeLinks | AllocateVlan | ReleaseVlan;
