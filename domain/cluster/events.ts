import type { AutoscaleSettings } from '../autoscale/settings';
import type { ClusterId } from '../base/ids';
import type { EventOf } from '../message';
import type { TopologyCluster } from '../topology/topology';

/** What an operator decides about a cluster; its members are nodes' business. */
export interface ClusterSettings extends Omit<TopologyCluster, 'members'> {
  /** Its nodes allocate flow IDs (FNODEs): always so for INODE clusters ([0047], [0062]). */
  readonly originates: boolean;
  /** How its size follows its load; absent: it has the nodes that it is given. No part of a topology. */
  readonly autoscale?: AutoscaleSettings;
}

export type ClusterCreated = EventOf<'ClusterCreated', ClusterSettings>;
/** Settings changed; carries all of them. ID and role never change. */
export type ClusterReconfigured = EventOf<'ClusterReconfigured', ClusterSettings>;
export type ClusterDeleted = EventOf<'ClusterDeleted', { readonly cluster: ClusterId }>;

export type ClusterEvent = ClusterCreated | ClusterReconfigured | ClusterDeleted;
