import type { FlowId, Micros, NodeRef, Seq, WireId } from '../base/ids';

/**
 * What a node observed about flows: the events of the flow chains. They never enter actors; batches of them are written
 * in columns. Every event names the topology (`topologySeq`) it was made under.
 */
export type FlowEvent =
  | FlowStarted
  | FlowEnded
  | FlowTakenOver
  | FlowRerouted
  | FlowRepinned
  | FlowReplicated
  | FlowBound
  | CloneStarted
  | CloneCompared
  | FloodBegan
  | FloodEnded;

interface FlowEventBase {
  readonly at: Micros;
  readonly flow: FlowId;
  readonly topologySeq: Seq;
}

/** A flow began (observed by the ingress INODE), or its route became known (observed by the egress INODE). */
export interface FlowStarted extends FlowEventBase {
  readonly type: 'FlowStarted';
  readonly observedAs: 'ingress' | 'egress';
  readonly flowType: number;
  readonly wireId: WireId;
  /** External network the first frame came from; 0: from a function inside the grid. */
  readonly network: number;
  readonly key: FlowKeyText;
  /** Path ID; 0: a secondary flow's, which goes a part of its parent's way. */
  readonly path: number;
  /** The nodes of the path in order; 0 = not chosen yet (distributed adaptive selection). */
  readonly route: readonly NodeRef[];
  /** The backup of each node of the route; 0 = none. */
  readonly backups: readonly NodeRef[];
  readonly start: 'syn' | 'midstream' | 'first-packet';
}

/** The first connection's 5-tuple as text, initiator first; for layer-2 flows the MAC addresses and EtherType. */
export interface FlowKeyText {
  readonly proto: number;
  readonly a: string;
  readonly aPort: number;
  readonly b: string;
  readonly bPort: number;
  readonly vlan: number;
}

export interface FlowEnded extends FlowEventBase {
  readonly type: 'FlowEnded';
  readonly end: 'fin' | 'rst' | 'idle' | 'eof' | 'lost';
  readonly packets: readonly [number, number];
  readonly bytes: readonly [number, number];
}

/** The backup became the flow's primary at this stage ([0085c]). */
export interface FlowTakenOver extends FlowEventBase {
  readonly type: 'FlowTakenOver';
  readonly from: NodeRef;
  readonly to: NodeRef;
  /** The next backup, 0 if there is none or the flow could not be exported (`unprotected`). */
  readonly backup: NodeRef;
  /** When the takeover took effect on the wire: what `trace --at` goes by. */
  readonly effectiveAt: Micros;
  /** Held frames that were emitted (flag 6). */
  readonly emitted: number;
}

/**
 * Another node took the flow without its state (`redirect`), or nobody did (`discard`: `to` is 0). `diverted`: a packet
 * function has the flow leave out the cluster of `from` (`to` is 0), or go on from it to `to`, whose cluster its path did
 * not have. `mode`: the same, because the mode of a cluster was switched for flows that live.
 */
export interface FlowRerouted extends FlowEventBase {
  readonly type: 'FlowRerouted';
  readonly reason: 'failed' | 'congested' | 'operator' | 'diverted' | 'mode';
  readonly from: NodeRef;
  readonly to: NodeRef;
  readonly effectiveAt: Micros;
}

/** The flow's topology ID changed while its nodes stayed. */
export interface FlowRepinned extends FlowEventBase {
  readonly type: 'FlowRepinned';
  readonly fromWireId: WireId;
  readonly toWireId: WireId;
}

/** A clone of the flow was made ([0084]). */
export interface FlowReplicated extends FlowEventBase {
  readonly type: 'FlowReplicated';
  readonly clone: FlowId;
  readonly path: number;
}

/**
 * The flow is a secondary one ([0062]): the function of node `by` opened it because of a frame of `parent`. Its route begins
 * at that node, and its owner, the INODE at the route's other end, tells this with its `FlowStarted`.
 */
export interface FlowBound extends FlowEventBase {
  readonly type: 'FlowBound';
  readonly parent: FlowId;
  readonly by: NodeRef;
}

/** A clone began ([0084]): the route that it takes, whose copy it is. `flow` is the clone's ID. */
export interface CloneStarted extends FlowEventBase {
  readonly type: 'CloneStarted';
  readonly original: FlowId;
  readonly flowType: number;
  readonly wireId: WireId;
  /** Path ID. */
  readonly path: number;
  /** Like a flow's own ({@link FlowStarted}), in the direction in which the original began. */
  readonly route: readonly NodeRef[];
  readonly backups: readonly NodeRef[];
}

/**
 * A terminating node compared one connection and direction of a clone with its original ([0084]), told when both have
 * ended there. `flow` is the clone's ID.
 */
export interface CloneCompared extends FlowEventBase {
  readonly type: 'CloneCompared';
  readonly original: FlowId;
  readonly direction: 'forward' | 'reverse';
  /** Frames that came, of the original and of the clone. */
  readonly frames: readonly [number, number];
  readonly compared: number;
  /** Of those compared, and a missing tail counts as one. */
  readonly differing: number;
}

/**
 * The node stopped writing entries for new flows: no flow that begins from here on is remembered, or can be traced. About
 * no one flow: `flow` is 0. `topologySeq` is that of the topology by which such flows are hashed.
 */
export interface FloodBegan extends FlowEventBase {
  readonly type: 'FloodBegan';
  /** More new flows a second than configured, or too little room left in the node's tables. */
  readonly cause: 'rate' | 'tables';
}

/** The node writes entries for new flows again; `flow` is 0. */
export interface FloodEnded extends FlowEventBase {
  readonly type: 'FloodEnded';
  /** Frames that it let into the grid without an entry since the flood began. */
  readonly frames: number;
}

/** Whether a flow leaves clusters out from then on, or visits others: nobody takes another node's place. */
export function changesPath({ reason }: FlowRerouted): boolean {
  return reason === 'diverted' || reason === 'mode';
}

/** Whether an event tells of a flood, and so of no one flow. */
export function isOfFlood(event: FlowEvent): event is FloodBegan | FloodEnded {
  return event.type === 'FloodBegan' || event.type === 'FloodEnded';
}
