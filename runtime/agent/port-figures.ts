import type { PortStatistics } from '../../domain/agent/statistics';

/** What the ports of an agent counted. */
export interface PortFigures {
  readonly underlay: PortStatistics;
  readonly networks: ReadonlyMap<string, PortStatistics>;
  /** Frames that left the grid for a network without a port here. */
  readonly unattached: number;
}
