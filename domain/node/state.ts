import type { Placement } from '../agent/state';
import type { Incarnation, Millis, NodeId, Seq } from '../base/ids';

/**
 * Where a node stands in its life. Fields that mean something only in one status exist only there; `since` is the commit
 * that set the deadline `dueAt`.
 * `removed` nodes stay, so that their IDs are not given again too early.
 */
export type NodeState = NodeBase &
  (
    | { readonly status: 'discovered' | 'admitted' | 'configured' | 'active' | 'failed' | 'recovering' | 'drained' }
    | { readonly status: 'suspected'; readonly lastSeen: Millis; readonly dueAt: Millis; readonly since: Seq }
    | { readonly status: 'draining'; readonly dueAt: Millis; readonly thenRemove: boolean; readonly since: Seq }
    | { readonly status: 'removed'; readonly lastVersion: number }
  );

export type NodeStatus = NodeState['status'];

interface NodeBase {
  readonly node: NodeId;
  /** The newest life known; 0 before the first hello. */
  readonly incarnation: Incarnation;
  readonly weight: number;
  readonly spare: boolean;
  /** The workflow that set this spare aside; empty = nobody. */
  readonly reservedBy: string;
  /** Number under which the node allocates flow IDs; 0 = it does not, now. */
  readonly fnode: number;
  /** It was made for an agent's free room, and goes when that is given back; nobody named it. */
  readonly lent: boolean;
  /** Remove the node as soon as it is drained. */
  readonly leaving: boolean;
  /** Which agent hosts it, in a grid of agents. */
  readonly placement: Placement;
}

/** In these the node is part of the next topology. */
export function isMember(node: NodeState): boolean {
  return node.status === 'active' || node.status === 'suspected' || node.status === 'draining';
}

/** In these the node says hello, installs topologies and acknowledges them. */
export function isLive(node: NodeState): boolean {
  return isMember(node) || node.status === 'recovering';
}
