import type { Millis } from '../base/ids';
import type { EventOf } from '../message';
import type { NodeAddress, NodeLife } from './address';

/** A node said hello that nobody had admitted. */
export type NodeDiscovered = EventOf<'NodeDiscovered', NodeLife>;
/**
 * An operator or a grid file made the node a member of its cluster, or a spare of it; or (`lent`) a workflow took an
 * agent's free room for it: such a node is removed when it is released.
 */
export type NodeAdmitted = EventOf<'NodeAdmitted', NodeAddress & NodeSettings & { readonly lent?: true }>;
/** The node's function and weight were laid down: it may join as soon as it says hello. */
export type NodeConfigured = EventOf<'NodeConfigured', NodeAddress & { readonly weight: number }>;
/** The node takes part: the next topology lists it. */
export type NodeActivated = EventOf<'NodeActivated', NodeLife & { readonly fnode: number }>;
/** No hello for the detection time. At `dueAt` (grid time) suspicion becomes failure. */
export type NodeSuspected = EventOf<'NodeSuspected', NodeLife & { readonly lastSeen: Millis; readonly dueAt: Millis }>;
/** This life of the node is over for ever: a returning node is a new incarnation. */
export type NodeFailed = EventOf<'NodeFailed', NodeLife & NodeLoss>;
/** A suspected node said hello again, or a failed one returned as a new incarnation. */
export type NodeRecovered = EventOf<'NodeRecovered', NodeLife>;
/** The node gets no new flows. `dueAt`: when draining is ended by force; 0 = never. */
export type NodeDraining = EventOf<
  'NodeDraining',
  NodeAddress & { readonly dueAt: Millis; readonly thenRemove: boolean }
>;
/** No live flow has the node as primary or backup any more; `forced`: the deadline ended it. */
export type NodeDrained = EventOf<
  'NodeDrained',
  NodeAddress & { readonly forced: boolean; readonly fnodeFreeAt: Millis }
>;
/** The node is no member any more. Its ID is given again only when no live topology names it. */
export type NodeRemoved = EventOf<'NodeRemoved', NodeAddress>;

export interface NodeSettings {
  /** Relative capacity, 1–100. */
  readonly weight: number;
  /** A spare waits outside the topology until it is reserved or admitted as a member. */
  readonly spare: boolean;
}

export interface NodeLoss {
  readonly lastSeen: Millis;
  readonly detectedAt: Millis;
  /** Until when the flow IDs that this life allocated may still be alive; its FNODE number is held until then. */
  readonly fnodeFreeAt: Millis;
}

export type NodeEvent =
  | NodeDiscovered
  | NodeAdmitted
  | NodeConfigured
  | NodeActivated
  | NodeSuspected
  | NodeFailed
  | NodeRecovered
  | NodeDraining
  | NodeDrained
  | NodeRemoved;
