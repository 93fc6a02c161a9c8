import type { AgentEvent } from './agent/events';
import type { AutoscaleEvent } from './autoscale/events';
import type { ClusterEvent } from './cluster/events';
import type { GridEvent } from './grid/events';
import type { LeaderElected } from './leadership/events';
import type { LinkEvent } from './link/events';
import type { FlowsAnchored } from './log/events';
import type { NodeEvent } from './node/events';
import type { PackagePublished } from './package/events';
import type { PathEvent } from './path/events';
import type { PolicyEvent } from './policy/events';
import type { ProbeEvent } from './probe/events';
import type { ProvisioningEvent } from './provisioning/events';
import type { ReplicationEvent } from './replication/events';
import type { TopologyLifeEvent } from './topology/events';

/** Every event of the `topology` stream: everything that changes the grid. */
export type TopologyEvent =
  | GridEvent
  | NodeEvent
  | AgentEvent
  | ClusterEvent
  | LinkEvent
  | ProbeEvent
  | PolicyEvent
  | PathEvent
  | TopologyLifeEvent
  | ProvisioningEvent
  | ReplicationEvent
  | PackagePublished
  | AutoscaleEvent
  | LeaderElected
  | FlowsAnchored;

export type TopologyEventType = TopologyEvent['type'];

export type {
  AgentEvent,
  AutoscaleEvent,
  ClusterEvent,
  GridEvent,
  LinkEvent,
  NodeEvent,
  PathEvent,
  PolicyEvent,
  ProbeEvent,
  ProvisioningEvent,
  TopologyLifeEvent,
};
