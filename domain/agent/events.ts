import type { Incarnation } from '../base/ids';
import type { EventOf } from '../message';
import type { NodeAddress } from '../node/address';
import type { AgentState } from './state';

/** An agent's process began and said what it offers; it takes the place of an older one of the same name. */
export type AgentRegistered = EventOf<'AgentRegistered', { readonly agent: string } & AgentState>;
/** The node is to live with this agent's process, as this incarnation. */
export type NodePlaced = EventOf<
  'NodePlaced',
  NodeAddress & { readonly agent: string; readonly life: number; readonly incarnation: Incarnation }
>;
/** The agent is to host the node no longer. */
export type NodeDisplaced = EventOf<'NodeDisplaced', NodeAddress & { readonly agent: string }>;

export type PlacementEvent = NodePlaced | NodeDisplaced;
export type AgentEvent = AgentRegistered | PlacementEvent;
