import type { ClusterId, Incarnation, NodeId } from '../base/ids';

/** Names a node: its cluster and its ID there. */
export interface NodeAddress {
  readonly cluster: ClusterId;
  readonly node: NodeId;
}

/** Names one life of a node. */
export interface NodeLife extends NodeAddress {
  readonly incarnation: Incarnation;
}
