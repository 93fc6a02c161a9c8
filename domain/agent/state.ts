import type { Incarnation } from '../base/ids';

/** A host that offers room for nodes, as its agent registered it last. */
export interface AgentState extends AgentOffer {
  /** The newest process of that name: its wall clock's milliseconds when it began. */
  readonly life: number;
}

/** What an agent has to give. Networks and pinned nodes go by name, because an agent knows no numbers before it is told. */
export interface AgentOffer {
  /** `host:port` where its nodes' frames arrive; {@link lanAddress} where they are reached on a LAN. */
  readonly address: string;
  /** Nodes that it hosts at most. */
  readonly capacity: number;
  /** Packet functions that it can run. */
  readonly functions: readonly string[];
  /** External networks that it attaches: an INODE can live only where all of its cluster's are. */
  readonly networks: readonly string[];
  /** Nodes that belong here (`AB-2`). */
  readonly pinned: readonly string[];
}

/** What stands for an address where nodes are reached on a LAN: nobody sends there, and it says by which interface they are. */
export function lanAddress(interfaceName: string): string {
  return `lan/${interfaceName}`;
}

export function isLanAddress(address: string): boolean {
  return /^lan\/.+$/.test(address);
}

/** Every agent that ever registered, by name. */
export interface Agents {
  readonly [name: string]: AgentState;
}

/** Where a node lives, and as which life. */
export interface Placement {
  /** Name of the agent; empty = nowhere. */
  readonly agent: string;
  /** Which of the agent's processes was told; an older one's nodes are gone. */
  readonly life: number;
  /** The incarnation that the node was to live as last; 0 = it was never placed. Never given twice. */
  readonly incarnation: Incarnation;
}

export const UNPLACED: Placement = { agent: '', life: 0, incarnation: 0 };
