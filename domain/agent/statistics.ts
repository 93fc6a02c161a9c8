import type { Micros } from '../base/ids';

/** What a port counted since it was opened. */
export interface PortStatistics {
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Datagrams that frames came and went in; absent where frames travel one by one. */
  readonly datagramsIn?: number;
  readonly datagramsOut?: number;
  /** Frames, or units that held frames that nobody can count, which came to nothing here, by reason; only those that occurred. */
  readonly dropped: { readonly [reason: string]: number };
}

/** What an agent tells of itself every second: how its ports do, and what became of what it asked. Counts of one process. */
export interface AgentStatistics {
  readonly name: string;
  /** Which process of this name: the wall clock's milliseconds when it began. */
  readonly life: number;
  readonly at: Micros;
  /** Nodes that it hosts, by name. */
  readonly nodes: readonly string[];
  /** The port to the other agents. */
  readonly underlay: PortStatistics;
  /** The ports of external networks that are attached here, by name. */
  readonly networks: { readonly [name: string]: PortStatistics };
  /** Frames that left the grid for a network without a port here. */
  readonly unattached: number;
  /** The interfaces of links at the port to the other agents, where it carries these themselves, and how many were restored. */
  readonly links?: { readonly interfaces: number; readonly repaired: number };
  /** What became of requests to whoever leads, and of flow batches. */
  readonly requests: { readonly [outcome: string]: number };
}
