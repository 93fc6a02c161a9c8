import type { FlowId, Micros, NodeRef } from '../../domain/base/ids';
import type { Leg } from '../select/stateless-route';

/**
 * What the classifier asks of the node it works for, and what it tells it ([0059], [0067]; DESIGN.md section 5).
 * Slots, connections and flows are addresses in the shared memory (`frames/layout.ts`).
 */

/** What became of a frame that {@link FlowClassifier.classify} was given. */
export const Classified = {
  /** Belongs to a connection known before (control segment, watched stream, later fragment, quoted by an ICMP error). */
  established: 0,
  /** First frame of a connection that joined a flow known before (FTP data, RTP). */
  newConnection: 1,
  /** First frame of a flow: `SF_START` is set. */
  newFlow: 2,
  /** A later fragment before its first one: the classifier keeps the slot until {@link ClassifierPorts.release}. */
  held: 3,
  /** Cannot go on: `S_REASON` says why (`table-full`, `no-path`, `fragment-overflow` …); the caller counts and frees it. */
  dropped: 4,
  /** Belongs to a flow without an entry ({@link FlowGuard}): `S_FLOW` is lent for the batch at hand. */
  stateless: 5,
} as const;
export type Classified = (typeof Classified)[keyof typeof Classified];

/** How a connection ended. `idle` also stands for one whose 5-tuple was opened anew before it closed. */
export type ConnectionEnd = 'fin' | 'rst' | 'idle' | 'eof';

/** How a connection was first seen. */
export type ConnectionStart = 'syn' | 'midstream' | 'first-packet';

/**
 * A connection that an application announced before it opens, as plain data so that it can be sent to another INODE.
 * It holds in one direction or, for datagram media, in both (`either`): the next connection between `endpoint` and
 * `peer` joins the flow.
 */
export interface Expectation {
  /** Name of the application protocol that announced it (`ftp`, `sip`). */
  readonly protocol: string;
  /** Flow type name that reports give the expected connection (`ftp-data`, `rtp`). */
  readonly typeName: string;
  readonly flowId: FlowId;
  /** External network and VLAN IDs (0xffff = absent) where the connection will be seen. */
  readonly network: number;
  readonly vlan1: number;
  readonly vlan2: number;
  /** Transport protocol. */
  readonly proto: number;
  /** The announced address and port: 32 hex digits, as the 16 bytes of a canonical key; it is the responder's. */
  readonly endpoint: string;
  readonly port: number;
  /** The only address that may be at the other end, same form; undefined = any (the announcer is itself an end). */
  readonly peer?: string;
  /** The announced endpoint may also send first. */
  readonly either: boolean;
  /** The announcer is the flow's initiator, so that a connection opened towards it runs against the flow's direction. */
  readonly towardsInitiator: boolean;
  /** When it lapses, microseconds of grid time. */
  readonly expiresAt: Micros;
}

/** What the classifier asks of its node and tells it. All calls are synchronous and happen inside classifier calls. */
export interface ClassifierPorts {
  /**
   * A new flow: chooses path and nodes, and makes its flow entry. `policy` is an index into the policies given (−1 = none
   * matches). Returns the flow entry's address, or 0 with `S_REASON` of the slot set, and the frame is dropped.
   * `S_CONN` is set already; the connection gets its `C_FLOW` on return.
   */
  allocateFlow(slot: number, connection: number, policy: number): number;
  /**
   * A connection that `expectation` announced has come, running with its flow or against it: the address of the flow's
   * entry, or 0 if the flow is gone, or does not take frames of that direction where this one entered.
   */
  joinFlow(slot: number, connection: number, expectation: Expectation, isAgainst: boolean): number;
  /** A connection entry is complete (flow and initiator known) and counted in its flow (`F_CONNS`). */
  connectionStarted(connection: number, start: ConnectionStart, slot: number): void;
  /**
   * A connection has left the table; its entry can still be read during the call, but for the hash of its key, which is
   * given. `last`: it was its flow's last one, so that the flow has ended with it.
   */
  connectionEnded(connection: number, end: ConnectionEnd, last: boolean, hash: number): void;
  /**
   * A frame of the flow `other` leaves on a connection of the flow `own`: whether the connection goes over to it. Both ends
   * of the grid are asked when both sides of a connection began it at once, and keep the same one of the two flows.
   */
  goesOver(own: number, other: number): boolean;
  /** An application announced a connection; other INODEs that may see it must be told ({@link FlowClassifier.expect}). */
  expected(expectation: Expectation): void;
  /**
   * Later bytes named the server (TLS SNI, HTTP Host) and a policy that asks for it matches: the flow's type becomes the
   * policy's, and the tail of its path after the clusters already entered may change.
   */
  refined(connection: number, policy: number): void;
  /** A connection's application is now known, by name (`ftp`, `sip`, `tls`, `http`), for reports. */
  recognised(connection: number, protocol: string): void;
  /** A held fragment may go on: classify it again. Called in the order in which fragments were held. */
  release(slot: number): void;
}

/** Where a datagram without an entry goes, so that its later fragments, which have no ports, can follow. */
export interface StatelessChoice {
  readonly leg: Leg;
  readonly flow: FlowId;
  readonly reverse: boolean;
}

/** Says which new flows get entries, and carries the frames of those that do not (flood guard). */
export interface FlowGuard {
  /** Frames without an entry are carried now. */
  readonly isActive: boolean;
  /**
   * A frame whose connection is unknown: whether it may have entries. False = {@link carry} it.
   * @param begins it opens a connection, so that no frame of it was carried before
   */
  admits(slot: number, begins: boolean): boolean;
  /** There was no room for an entry. */
  exhausted(): void;
  /**
   * Lends the frame a flow entry, chosen by the constant fields of the key in `keySlot` (its own, or of the packet that
   * an ICMP error quotes), whose sender is its end B or not: sets `S_FLOW` and `S_REVERSE`. False = no path, `S_REASON`
   * says why.
   */
  carry(slot: number, keySlot: number, fromB: boolean): boolean;
  /** As {@link carry}, but as another frame was carried. */
  carryLike(slot: number, choice: StatelessChoice): boolean;
  /** How the frame in a slot was carried just now. */
  choiceOf(slot: number): StatelessChoice;
}

/** The classifier as a node sees it. */
export interface FlowClassifier {
  /**
   * Takes a frame that left the fast path: after the kernels `parse` and `lookupConnections`, for each slot with a
   * non-zero `S_REASON` (drops excepted) and for each first fragment ({@link needsClassifier} tells). Sets `S_CONN`,
   * `S_FLOW`, `S_REVERSE`, `SF_START` and `SF_END`, counts the frame in its connection, and clears `S_REASON` unless the
   * frame is dropped.
   */
  classify(slot: number, nowUs: Micros): Classified;
  /**
   * Takes a frame that is about to leave towards `S_NETWORK`, after `parse` (and, cheaper, `lookupConnections`: then
   * only when `needsClassifier`), as it will be on the outside (after NAT). Registers its connection under `flow` if it
   * is new, follows TCP and reads control streams, so that expectations stand before the frame is emitted. `reverse`
   * is the frame's direction in its flow. Never drops; false = the connection table is full and replies will not be known.
   */
  observeLeaving(slot: number, flow: number, reverse: boolean, nowUs: Micros): boolean;
  /** Registers an expectation made by another INODE. */
  expect(expectation: Expectation): void;
  /**
   * Another INODE carried the first fragment of a datagram ({@link FragmentKey}): later ones that are held here are
   * released, to go there.
   */
  firstElsewhere(datagram: string, inode: NodeRef, nowUs: Micros): void;
  /** The INODE that carried the first fragment of the later one in a slot: `own` for this one, 0 = unknown here. */
  carrierOf(slot: number, own: NodeRef): NodeRef;
  /**
   * Ends idle and closed connections, lapsed expectations and over-due fragments. Looks at up to `budget` table places
   * and goes on where the last call stopped. Returns the number of connections ended.
   */
  expire(nowUs: Micros, budget: number): number;
  /** Ends one connection, removing it from the table. */
  end(connection: number, end: ConnectionEnd): void;
  /** Ends everything that is left, after releasing held fragments to travel as flows of their own. */
  close(): void;
}
