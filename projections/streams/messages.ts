import type { Millis } from '../../domain/base/ids';
import type { NodeStatus } from '../../domain/node/state';
import type { ClusterMode, ClusterRole } from '../../domain/topology/topology';

/** What every message says of itself. */
export interface StreamHead {
  readonly grid: string;
  /** When it was made, by the clock of who made it: that MNODE, and its leadership. */
  readonly at: Millis;
  readonly by: string;
  readonly epoch: number;
  /** Since when it has listened to nodes: lives that were over by then are in no count. */
  readonly since: Millis;
}

/** How fast things happen, in one second, at the nodes that were read twice and are not silent. */
export interface NodeRates {
  /** How many nodes that are. */
  readonly nodes: number;
  /** Frames that nodes received, from networks and from links. */
  readonly frames: number;
  /** Bits that nodes put on links, with descriptors. */
  readonly linkBits: number;
  /** Bits of the flows that began at these nodes: frames as they are outside of the grid, both ways. */
  readonly flowBits: number;
  readonly entered: number;
  readonly left: number;
  readonly newFlows: number;
  readonly endedFlows: number;
  readonly dropped: number;
}

/** Since the nodes' lives began, of all lives that were heard. */
export interface NodeCounts {
  readonly frames: number;
  readonly bytes: number;
  readonly entered: number;
  readonly left: number;
  readonly flowsStarted: number;
  readonly flowsEnded: number;
  readonly consumed: number;
  readonly created: number;
  readonly copied: number;
  readonly replicated: number;
  readonly suppressed: number;
  readonly reemitted: number;
  readonly flooded: number;
  readonly dropped: { readonly [reason: string]: number };
  readonly counted: { readonly [name: string]: number };
}

/** Members that grid and clusters have in common. States, rates and latencies leave silent nodes out. */
export interface NodesSummary {
  /** Live flows that nodes handle, and that they shadow: a flow counts once at each stage. */
  readonly flows: number;
  readonly backups: number;
  readonly inFlight: number;
  /** Per mille: of the busiest node, and on average; null while none is heard. */
  readonly utilisation: { readonly most: number; readonly mean: number } | null;
  readonly congested: number;
  readonly perSecond: NodeRates;
  /** Microseconds from entering to leaving the grid, of frames that left here lately; null when none did. */
  readonly latencyUs: { readonly p50: number; readonly p90: number; readonly p99: number } | null;
  readonly counts: NodeCounts;
}

/** `stats.grid`. */
export interface GridStream extends StreamHead, NodesSummary {
  readonly topology: { readonly version: number; readonly stamped: number; readonly live: number };
  /** How many nodes are in each state. */
  readonly nodes: { readonly [Status in NodeStatus]?: number };
  /** Nodes that should be heard and are; the age of the oldest of their figures, null when none is heard. */
  readonly heard: number;
  readonly oldestMs: number | null;
  /** Nodes that should be heard and are not, and the first names of them. */
  readonly silent: number;
  readonly silentNodes: readonly string[];
}

/** `stats.cluster.<name>`. */
export interface ClusterStream extends StreamHead, NodesSummary {
  readonly cluster: string;
  readonly role: ClusterRole;
  readonly mode: ClusterMode;
  readonly nodes: readonly ClusterNode[];
}

export interface ClusterNode {
  readonly node: string;
  readonly status: NodeStatus;
  /** The life that the log knows. */
  readonly incarnation: number;
  /** How old its figures are; null when none came of this life. */
  readonly ageMs: number | null;
  /** Whether it should be heard and is not: states and rates leave it out, counts hold what it told last. */
  readonly silent: boolean;
}

export interface LinkRates {
  readonly frames: number;
  readonly bits: number;
}

/** `stats.link.<name>`: frames that nodes put on the link, each copy once, descriptors included. */
export interface LinkStream extends StreamHead {
  readonly link: string;
  readonly kind: string;
  readonly frames: number;
  readonly bytes: number;
  readonly perSecond: LinkRates;
  readonly directions: readonly LinkDirection[];
}

/** From one cluster to another, or to itself. */
export interface LinkDirection {
  readonly from: string;
  readonly to: string;
  readonly frames: number;
  readonly bytes: number;
  readonly perSecond: LinkRates;
}

/** `stats.type.<flow type>`. */
export interface TypeStream extends StreamHead {
  readonly flowType: number;
  readonly name: string;
  /** Flows that live now, at nodes that are heard. */
  readonly flows: number;
  readonly started: number;
  readonly ended: number;
  /** Of flows that ended and of those that live, both ways, frames as they are outside of the grid. */
  readonly packets: number;
  readonly bytes: number;
  readonly perSecond: { readonly newFlows: number; readonly packets: number; readonly bits: number };
}

/** What is told at one moment. */
export interface Streams {
  readonly grid: GridStream;
  readonly clusters: readonly ClusterStream[];
  readonly links: readonly LinkStream[];
  readonly types: readonly TypeStream[];
}
