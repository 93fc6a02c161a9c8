import type { Incarnation, Micros, NodeRef } from '../base/ids';

/** What one node sent to another over the link between them, descriptors included. */
export interface HopTraffic {
  readonly to: NodeRef;
  readonly frames: number;
  readonly bytes: number;
}

/** Flows of one flow type that one node allocated. */
export interface TypeTraffic {
  readonly flowType: number;
  /** Flows that live now. */
  readonly live: number;
  /** A flow counts as started under the type that it began with, and as ended under the one that it had then. */
  readonly started: number;
  readonly ended: number;
  /** What they carried in both directions, those that still live included; without descriptors. */
  readonly packets: number;
  readonly bytes: number;
}

/** What a node counted since its incarnation began ([0061 e], [0066 g], [0052]). All counts only grow. */
export interface NodeStatistics {
  readonly node: NodeRef;
  readonly incarnation: Incarnation;
  readonly at: Micros;
  /** Live flows that this node handles as primary / shadows as backup. */
  readonly flowsPrimary: number;
  readonly flowsBackup: number;
  /** Flows without an entry may be hashed to this node: it is not drained before the flood is over (flood guard). */
  readonly boundByFlood: boolean;
  readonly flowsStarted: number;
  readonly flowsEnded: number;
  /** Frames and bytes received from external networks and handed to them. */
  readonly externalIn: number;
  readonly externalOut: number;
  /** Frames received from and sent over internal links (data only, hellos not); bytes sent hold descriptors. */
  readonly received: number;
  readonly sent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Of what it sent: how much to each node, in order of node. */
  readonly hops: readonly HopTraffic[];
  /** Of the flows that were allocated here, by flow type, in order of it. */
  readonly types: readonly TypeTraffic[];
  /** Frames that its function ended (verdict consume), made itself, copied for a backup, or for a replica. */
  readonly consumed: number;
  readonly created: number;
  readonly copied: number;
  readonly replicated: number;
  /** Copies of broadcast and multicast frames for further networks of their bridge domain. */
  readonly bridged: number;
  /** Outputs of a backup that were held and then let go because the primary had sent them (shadow). */
  readonly suppressed: number;
  /** Frames let into the grid without a flow entry (flag 7: flood guard). */
  readonly flooded: number;
  /** Frames of flows that have an entry elsewhere, carried on although this node had no room for one. */
  readonly untracked: number;
  /** Held outputs emitted on a takeover. */
  readonly reemitted: number;
  /** Flows whose state this node, as their backup, asked for anew, because it had missed frames that their primary had. */
  readonly resynchronised: number;
  /** Frames held or queued inside the node now. */
  readonly inFlight: number;
  /** By reason name (dataplane/frames/reasons.ts); only reasons that occurred. */
  readonly dropped: { readonly [reason: string]: number };
  /** Latency from ingress to leaving this node, microseconds of grid time, by power-of-two bucket (index = log2). */
  readonly latencyBuckets: readonly number[];
  /** Packets too big for a narrow link on their path: of which the sender was told, which were cut; and SYNs changed. */
  readonly tooBigAnswered: number;
  readonly fragmented: number;
  readonly mssClamped: number;
  readonly hellosSent: number;
  readonly hellosReceived: number;
  /** What its packet function counted besides drops, by name; absent = nothing. */
  readonly counted?: { readonly [name: string]: number };
  /** How busy the node was at its last hello, per mille; 0 where nobody asks ({@link Congestion}). */
  readonly utilisation: number;
  /** Whether it gets no new flows for that, and how often it came to that. */
  readonly congested: boolean;
  readonly congestions: number;
  /** Live flows that it gave to, and took from, other members of its cluster because of congestion. */
  readonly flowsMovedAway: number;
  readonly flowsMovedHere: number;
}
