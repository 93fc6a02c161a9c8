/**
 * Identifiers. Cluster and node IDs are small integers because they travel in the flow descriptor
 * (one byte each, [0074] Table 2); a {@link NodeRef} packs both into 15 bits and is the one way the
 * dataplane names a node.
 */

/** Cluster ID, 1–255 ([0027] xvii). */
export type ClusterId = number;
/** Node ID inside its cluster, 1–127 ([0027] xviii); never reused while the node is a member. */
export type NodeId = number;
/** `cluster << 7 | node`: a node of the grid in 15 bits; 0 = nobody. */
export type NodeRef = number;
/** Counts a node's lives: a node that returns after a failure is a new incarnation. */
export type Incarnation = number;
/** Position in the `topology` stream, from 1; 0 = before the first commit. */
export type Seq = number;
/** 32-bit flow ID: the allocating FNODE's number in the high 8 bits, a keyed hash in the low 24 ([0077]). */
export type FlowId = number;
/** 8-bit topology ID as it travels on the wire ([0070]); 0 is never allocated. */
export type WireId = number;
/** Milliseconds since 1970 of the injected clock. */
export type Millis = number;
/** Microseconds since 1970 of the injected clock (exact in a Number until the year 2255). */
export type Micros = number;

export const CLUSTER_ID_MAX = 255;
export const NODE_ID_MAX = 127;
export const NODE_REF_BITS = 15;
export const NODE_REF_COUNT = 1 << NODE_REF_BITS;

/** Packs a cluster and a node ID. */
export function nodeRef(cluster: ClusterId, node: NodeId): NodeRef {
  return (cluster << 7) | node;
}
/** The cluster of a packed reference. */
export function clusterOf(ref: NodeRef): ClusterId {
  return ref >>> 7;
}
/** The node ID inside its cluster. */
export function nodeOf(ref: NodeRef): NodeId {
  return ref & 0x7f;
}
/** A node's conventional name: its cluster's name and its node ID, as in the document's figures (`AB-2`). */
export function nodeName(clusterName: string, node: NodeId): string {
  return `${clusterName}-${node}`;
}

/** Identity of a flow chain: one per node and incarnation. */
export type ChainId = string;
/** `4/2@1`: cluster 4, node 2, first incarnation. */
export function chainId(ref: NodeRef, incarnation: Incarnation): ChainId {
  return `${clusterOf(ref)}/${nodeOf(ref)}@${incarnation}`;
}
