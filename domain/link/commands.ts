import type { CommandOf } from '../message';
import type { VirtualLink } from '../topology/topology';
import type { ResilientEnd } from './cutover';
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
/**
 * Connects another end of a resilient link to its root where it is due: the end that is connected went, or the primary is back
 * for long enough.
 */
export type CutOverLink = CommandOf<'CutOverLink', { readonly link: number }>;
/** Connects an end of a resilient link, by the link's name, because somebody wants it. */
export type ConnectLinkEnd = CommandOf<'ConnectLinkEnd', { readonly link: string; readonly end: ResilientEnd }>;
/** Allocates the lowest free VLAN ID of the reserved block, beyond those that each link has by its kind. */
export type AllocateVlan = CommandOf<'AllocateVlan', Omit<VlanAllocation, 'vlan'>>;
/** Takes back what `AllocateVlan` gave; a link's own IDs go with the link. */
export type ReleaseVlan = CommandOf<'ReleaseVlan', { readonly vlan: number }>;

export type LinkCommand =
  | CreateVirtualLink
  | ChangeVirtualLink
  | DeleteVirtualLink
  | ArrangeLinks
  | CutOverLink
  | ConnectLinkEnd
  | AllocateVlan
  | ReleaseVlan;
