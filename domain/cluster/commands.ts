import type { ClusterId } from '../base/ids';
import type { CommandOf } from '../message';
import type { ClusterMode } from '../topology/topology';
import type { ClusterSettings } from './events';

export type CreateCluster = CommandOf<'CreateCluster', ClusterSettings>;
export type ReconfigureCluster = CommandOf<'ReconfigureCluster', ClusterSettings>;
/** A cluster, named as operators know it, gets another mode: for flows that begin from then on, or for those that live too. */
export type SwitchClusterMode = CommandOf<
  'SwitchClusterMode',
  { readonly cluster: string; readonly mode: ClusterMode; readonly existing?: boolean }
>;
export type DeleteCluster = CommandOf<'DeleteCluster', { readonly cluster: ClusterId }>;

export type ClusterCommand = CreateCluster | ReconfigureCluster | SwitchClusterMode | DeleteCluster;
