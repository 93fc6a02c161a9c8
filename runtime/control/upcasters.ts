import { createUpcasters, type Upcaster, type Upcasters } from '../../adapters/codec/upcast';
import type { TopologyEventType } from '../../domain/events';
import { wholeAsChanges } from '../../domain/topology/changes';
import type { Topology } from '../../domain/topology/topology';

/** The version of each event's data that this program writes. The compiler asks for every type. */
const EVENT_VERSIONS: { readonly [Type in TopologyEventType]: number } = {
  GridCreated: 1,
  GridReconfigured: 1,
  NodeDiscovered: 1,
  NodeAdmitted: 1,
  NodeConfigured: 1,
  NodeActivated: 1,
  NodeSuspected: 1,
  NodeFailed: 1,
  NodeRecovered: 1,
  NodeDraining: 1,
  NodeDrained: 1,
  NodeRemoved: 1,
  AgentRegistered: 1,
  NodePlaced: 1,
  NodeDisplaced: 1,
  ClusterCreated: 1,
  ClusterReconfigured: 1,
  ClusterDeleted: 1,
  VirtualLinkCreated: 1,
  VirtualLinkChanged: 1,
  VirtualLinkDeleted: 1,
  VirtualLinkCutOver: 1,
  VlanAllocated: 1,
  VlanReleased: 1,
  ProbeAttached: 1,
  ProbeDetached: 1,
  PolicyDefined: 1,
  PolicyDeleted: 1,
  PackagePublished: 1,
  ReplicationRequested: 1,
  ReplicationStopped: 1,
  FlowPathDefined: 1,
  FlowPathDeleted: 1,
  TopologyPublished: 2,
  TopologyApplied: 1,
  TopologyRepinRequested: 1,
  LiveFlowsSwitched: 1,
  TopologyRetired: 1,
  ProvisioningRequested: 1,
  ProvisioningStepCompleted: 1,
  ProvisioningSucceeded: 1,
  ProvisioningFailed: 1,
  SpareReserved: 1,
  SpareReleased: 1,
  AutoscaleDecided: 1,
  LeaderElected: 1,
  FlowsAnchored: 1,
};

/** Version 1 recorded the whole topology, version 2 what changed since the one before. */
const publishedWhole: Upcaster = {
  type: 'TopologyPublished',
  from: 1,
  up(data) {
    const { topology, ...rest } = data as { readonly topology: Topology };
    return { ...rest, changes: wholeAsChanges(topology) };
  },
};

/** Upcasters of the `topology` stream. */
export function topologyUpcasters(): Upcasters {
  return createUpcasters(EVENT_VERSIONS, [publishedWhole]);
}
