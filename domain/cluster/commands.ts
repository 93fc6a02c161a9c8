import type { ClusterId } from '../base/ids';
import type { CommandOf } from '../message';
import type { ClusterSettings } from './events';

export type CreateCluster = CommandOf<'CreateCluster', ClusterSettings>;
export type ReconfigureCluster = CommandOf<'ReconfigureCluster', ClusterSettings>;
export type DeleteCluster = CommandOf<'DeleteCluster', { readonly cluster: ClusterId }>;

export type ClusterCommand = CreateCluster | ReconfigureCluster | DeleteCluster;
