import type { PackageDigest } from '../package/state';
import type { ClusterId, FlowId, Incarnation, Millis, NodeId, Seq, WireId } from '../base/ids';

/**
 * A topology: all clusters, active nodes, links and paths at one instant ([0027] xix), as published by the control
 * plane and installed on every node. It is plain data (JSON, integers only); nodes derive their tables from it.
 * A flow lives and dies under the topology it started in.
 */
export interface Topology {
  readonly grid: string;
  /** Monotonic number. */
  readonly version: number;
  /** The allocated 8-bit ID that packets carry. */
  readonly wireId: WireId;
  /** Seeds the rendezvous hash and the flow-ID hash of the whole grid. */
  readonly seed: number;
  readonly selection: 'centralized' | 'distributed';
  readonly timing: Timing;
  /** {@link DEFAULT_FLOOD} where it is absent. */
  readonly flood?: FloodSettings;
  readonly networks: readonly ExternalNetwork[];
  readonly clusters: readonly TopologyCluster[];
  readonly links: readonly TopologyLink[];
  readonly paths: readonly FlowPath[];
  readonly policies: readonly FlowPolicy[];
  /** Agents that host members, in order of name; absent: all nodes are hosted by the program that publishes. */
  readonly agents?: readonly TopologyAgent[];
  /** Running flows that are to have a clone ([0084]), in order of flow ID; absent: none. */
  readonly replications?: readonly Replication[];
  /** Function packages that clusters name, in order of name and version; absent: none. */
  readonly packages?: readonly PackageDigest[];
  /** Static routes of layer-3 networks, besides those to their own prefixes; absent: none. */
  readonly routes?: readonly StaticRoute[];
}

/** An order to send frames of a running flow along another path too. */
export interface Replication {
  readonly flow: FlowId;
  /** The path's name. */
  readonly path: string;
  /** Number of the order, greater than all before: a flow that gets the same ID later is not meant. */
  readonly order: number;
}

/** A process that hosts nodes, and where the frames for them go: `host:port` of its underlay, `lan/INTERFACE` on a LAN. */
export interface TopologyAgent {
  readonly name: string;
  readonly address: string;
}

/** Intervals, all in milliseconds of grid time. */
export interface Timing {
  readonly helloMs: number;
  /** A neighbour is held dead after this many hello intervals without a sign of life (as BFD counts). */
  readonly detectMultiplier: number;
  readonly tcpIdleMs: number;
  readonly udpIdleMs: number;
  readonly icmpIdleMs: number;
  readonly otherIdleMs: number;
}

export const DEFAULT_TIMING: Timing = {
  helloMs: 10,
  detectMultiplier: 3,
  tcpIdleMs: 3_600_000,
  udpIdleMs: 60_000,
  icmpIdleMs: 30_000,
  otherIdleMs: 60_000,
};

/** From when on new flows are carried without entries (flood guard, DESIGN.md section 5). */
export interface FloodSettings {
  /** New flows a second, at each INODE, for which entries are written; as many may come at once. 0 = any number. */
  readonly newFlowsPerSecond: number;
  /** Flows that a node remembers at least, as primary, backup or INODE; what it holds beside them depends on its tables. */
  readonly flowsPerNode: number;
}

export const DEFAULT_FLOOD: FloodSettings = { newFlowsPerSecond: 50_000, flowsPerNode: 20_000 };

/** A network outside the grid ([0048]); `id` is what dataplane keys and capture taps name it by (1–255). */
export interface ExternalNetwork {
  readonly id: number;
  readonly name: string;
  /** The INODE cluster through which it connects. */
  readonly cluster: ClusterId;
  readonly tagged: boolean;
  /**
   * Number of its bridge domain: broadcast and multicast go once to every other network of the domain. Absent: it is in
   * none, and they go where the flow's path leads.
   */
  readonly bridge?: number;
  /** Control protocols of the network's own devices that neither enter nor leave; absent: all but pause frames pass. */
  readonly filters?: readonly LinkProtocol[];
  /** The grid is a router on the network (layer 3, [0049]); absent: it is a bridge, or a wire (layer 2, [0050]). */
  readonly router?: RouterInterface;
}

/** What the grid is called by, as a router, on one network: the same whichever INODE of its cluster serves it. */
export interface RouterInterface {
  /** As `02:f1:60:01:ff:02`, in lower case. */
  readonly mac: string;
  /** With the length of the network's prefix: `192.0.2.1/24`, `2001:db8:1::1/64`. One at least. */
  readonly addresses: readonly string[];
  /** Bytes of the longest packet that the network takes. Absent = the grid does not know, and sends there whatever comes. */
  readonly mtu?: number;
}

/** Packets for addresses under `prefix` leave by `network`, for the router `via` there, if no longer prefix holds them. */
export interface StaticRoute {
  /** `198.51.100.0/24`, `::/0`. */
  readonly prefix: string;
  /** An address of one of the network's own prefixes, or an IPv6 link-local one. */
  readonly via: string;
  readonly network: number;
}

/**
 * Protocols by which the devices of one Ethernet network speak to their neighbours on a cable, and which a bridge would not
 * forward (IEEE 802.1Q table 8-1, and Cisco's). A wire does.
 */
export const LINK_PROTOCOLS = ['spanningTree', 'lacp', 'lldp', 'cdp', 'other'] as const;
export type LinkProtocol = (typeof LINK_PROTOCOLS)[number];

/** `discard | redirect | backup` ([0085]). */
export type FailurePolicy = 'discard' | 'redirect' | 'backup';
/** Next-hop selection ([0066 b], [0079], [0083]). */
export type SelectorKind = 'hash' | 'round-robin' | 'weighted-round-robin' | 'least-flows' | 'feedback';
/** How a cluster takes part in its paths; switched by an event, for new flows. */
export const CLUSTER_MODES = ['through', 'copy', 'bypass', 'drop'] as const;
export type ClusterMode = (typeof CLUSTER_MODES)[number];
export type ClusterRole = 'inode' | 'anode' | 'mnode';

export interface TopologyCluster {
  readonly id: ClusterId;
  readonly name: string;
  readonly role: ClusterRole;
  readonly failure: FailurePolicy;
  readonly selector: SelectorKind;
  readonly mode: ClusterMode;
  /** What happens to flows when no healthy member is left. */
  readonly whenEmpty: 'bypass' | 'drop';
  readonly function: FunctionSpec;
  /** When a node of the cluster counts as congested; absent: never. */
  readonly congestion?: Congestion;
  /** In order of node ID. Members that failed are left out: they are dead to this and every later topology. */
  readonly members: readonly TopologyMember[];
}

/**
 * When a node is congested ([0066 l], [0068]): from the utilisation `above` on, until it has sunk to `below`; both in
 * percent. Utilisation is the fullest of the node's flow table, its hold budget, its queues, and the frames it takes
 * against `framesPerSecond`, what a node of weight 1 can take (absent: rates are not judged).
 */
export interface Congestion {
  readonly above: number;
  readonly below: number;
  readonly framesPerSecond?: number;
}

/** A packet function by name, with its configuration as JSON. */
export interface FunctionSpec {
  readonly name: string;
  readonly config: { readonly [key: string]: unknown };
}

export interface TopologyMember {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  /** Relative capacity, 1–100, for weighted selection. */
  readonly weight: number;
  /** `draining` members keep their flows and get no new ones. */
  readonly state: 'active' | 'draining';
  /** Number under which this node allocates flow IDs (1–255), if it is an FNODE; new after a restart. */
  readonly fnode?: number;
  /** Name of the agent that hosts it; absent: none does yet, or the grid has no agents. */
  readonly agent?: string;
}

/** What a link does with the frames of its members ([0035], [0036]); the rules of each are in domain/link/kinds. */
export const LINK_KINDS = [
  'external',
  'cable',
  'switch',
  'hub',
  'star',
  'resilient',
  'clustered',
  'replicated',
] as const;
export type LinkKind = (typeof LINK_KINDS)[number];

/** Which ways frames go: `forward` is from the root, or a cable's first end. */
export const LINK_DIRECTIONS = ['both', 'forward', 'backward'] as const;
export type LinkDirection = (typeof LINK_DIRECTIONS)[number];

/** A virtual link as data. */
export interface VirtualLink {
  readonly id: number;
  readonly name: string;
  readonly kind: LinkKind;
  readonly members: readonly LinkMember[];
  /** A `control` link carries commands and hellos, no flows. */
  readonly control: boolean;
  /** Bytes behind the Ethernet header of a frame on the link, descriptor included, the link's own outer tag not. */
  readonly mtu: number;
  /**
   * The operator lets the link carry less than the external networks send: what does not fit is answered or cut where it
   * enters. Absent = no; then everything that a network may send fits.
   */
  readonly narrow?: boolean;
  /** Of a cable, a star or a resilient link; absent = both. A clustered link goes forward, a switch and a hub both ways. */
  readonly direction?: LinkDirection;
  /** Of a star: every frame of the root goes to all leaves, whomever it is for. Absent = no. */
  readonly hub?: boolean;
  /**
   * Of a resilient link: how long a primary that failed must be back until it is connected again, in milliseconds. Absent: the
   * standby stays connected until it fails.
   */
  readonly restoreMs?: Millis;
  /** Of a replicated link: what it listens to. */
  readonly tap?: LinkTap;
  /** Of an external link to a tagged network: the operator's VLAN IDs. Absent = all that the grid has not reserved. */
  readonly vlans?: readonly number[];
}

/** A link as a topology names it: with the VLAN IDs that it had when the topology was published, and as it stood then. */
export interface TopologyLink extends VirtualLink {
  /** Absent: it has none of its own, or an earlier version published it. */
  readonly lan?: LinkVlans;
  /** Of a resilient link; absent: its primary is connected. */
  readonly connected?: 'standby';
}

/** The VLAN IDs by whose tags a link's frames travel on the LAN, by their ways ([0034]); a way that it does not have has none. */
export interface LinkVlans {
  readonly both?: number;
  readonly forward?: number;
  readonly back?: number;
}

/** One direction of a link, by the link's ID. */
export interface LinkTap {
  readonly link: number;
  readonly direction: Exclude<LinkDirection, 'both'>;
}

/** Sides that members of stars, clustered and resilient links can be on. */
export const LINK_SIDES = ['root', 'leaf', 'primary', 'standby'] as const;
export type LinkSide = (typeof LINK_SIDES)[number];

export type LinkMember =
  | ({ readonly cluster: ClusterId } & MemberTraits)
  | ({ readonly cluster: ClusterId; readonly node: NodeId } & MemberTraits)
  | { readonly network: number };

interface MemberTraits {
  /** Absent = by its place in the list: the root first, of a resilient link then the primary and the standby. */
  readonly side?: LinkSide;
  /** Of a hub's member: its application sees every frame. Absent = no. */
  readonly promiscuous?: boolean;
}

/** A flow path: the clusters a flow traverses, ingress INODE's cluster first, egress INODE's last ([0060], [0064]). */
export interface FlowPath {
  readonly id: number;
  readonly name: string;
  /** External networks whose flows may take it. */
  readonly from: readonly number[];
  /** The external network it leads to. */
  readonly to: number;
  readonly clusters: readonly ClusterId[];
}

/** Classifies new flows: the first policy that matches gives flow type and path. The last one matches everything. */
export interface FlowPolicy {
  readonly id: number;
  readonly name: string;
  /** Flow type on the wire, 1–65535; 0 is hello and control. */
  readonly flowType: number;
  readonly typeName: string;
  readonly match: FlowMatch;
  /**
   * Path by name, tried in order: the first whose `from` holds the flow's network is taken. More than one with
   * `criteria` makes the assignment dynamic.
   */
  readonly paths: readonly string[];
  readonly criteria: 'static' | 'least-loaded' | 'fastest';
  /** Name of a path for a replicated copy of the flow ([0084]). */
  readonly replicateTo?: string;
}

/** All given members must match; absent members match anything. Ranges are inclusive. */
export interface FlowMatch {
  readonly networks?: readonly number[];
  readonly proto?: readonly number[];
  /** Prefixes in text form (`10.0.0.0/8`, `2001:db8::/32`) for the initiator / the responder. */
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  /** The responder's port. */
  readonly port?: readonly (readonly [number, number])[];
  readonly dscp?: readonly number[];
  readonly vlan?: readonly number[];
  readonly etherType?: readonly number[];
  /** Needs later bytes: may only choose the tail of the path. Globs such as `*.example.org`. */
  readonly sni?: readonly string[];
  readonly httpHost?: readonly string[];
}

/** A published topology as nodes receive it: what it extends and what it was committed as. */
export interface PublishedTopology {
  readonly topology: Topology;
  readonly seq: Seq;
  /** Hash of the commit at `seq`, hex. */
  readonly hash: string;
  /** Members known dead at publication, as `cluster/node@incarnation` chain ids. */
  readonly dead: readonly string[];
}
