import type { ChainId, ClusterId, Millis, WireId } from '../base/ids';
import type { EventOf } from '../message';
import type { TopologyChanges } from './changes';
import type { ClusterMode } from './topology';

/**
 * A topology was made: nodes install it and acknowledge (phase one of publication). Since version 2 it holds what changed
 * since the one before; version 1 held the whole.
 */
export type TopologyPublished = EventOf<
  'TopologyPublished',
  {
    readonly version: number;
    readonly wireId: WireId;
    readonly changes: TopologyChanges;
    /** Lives known dead that some live topology still names. */
    readonly dead: readonly ChainId[];
  },
  2
>;
/** All live nodes had installed it: FNODEs stamp new flows with it (phase two). */
export type TopologyApplied = EventOf<'TopologyApplied', { readonly version: number; readonly tookMs: number }>;
/**
 * Flows of an old topology are asked to move to a newer ID while their nodes stay, because IDs are scarce; or, with `modes`,
 * to take the modes that the newer one has for their clusters.
 */
export type TopologyRepinRequested = EventOf<
  'TopologyRepinRequested',
  {
    readonly version: number;
    readonly wireId: WireId;
    readonly toVersion: number;
    readonly toWireId: WireId;
    readonly modes?: true;
  }
>;
/**
 * The mode of a cluster shall hold for flows that live, too: those under topologies up to version `upTo` take the modes of the
 * next one that is applied.
 */
export type LiveFlowsSwitched = EventOf<
  'LiveFlowsSwitched',
  { readonly cluster: ClusterId; readonly mode: ClusterMode; readonly upTo: number }
>;
/** No flow carries the wire ID any more, and every live node has said so: it is free again from `freeAt` on. */
export type TopologyRetired = EventOf<
  'TopologyRetired',
  { readonly version: number; readonly wireId: WireId; readonly freeAt: Millis }
>;

export type TopologyLifeEvent =
  TopologyPublished | TopologyApplied | TopologyRepinRequested | LiveFlowsSwitched | TopologyRetired;
