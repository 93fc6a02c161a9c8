import type { Site } from '../services/site';
import { TellingProcess, type ToldLine } from './telling-process';

/** A line of what an agent tells with `--json`. */
export interface AgentTold extends ToldLine {
  readonly registered?: boolean;
  /** Names of the nodes that it hosts now. */
  readonly nodes?: readonly string[];
  /** Version of a topology that was installed. */
  readonly topology?: number;
  /** Version that new flows get from now on. */
  readonly stamped?: number;
  /** How many interfaces of links it had to restore. */
  readonly repaired?: number;
}

/** `flowgrid agent` as a process of its own. */
export class AgentProcess extends TellingProcess<AgentTold> {
  constructor(name: string, args: readonly string[], site?: Pick<Site, 'inside'>) {
    super(name, ['agent', ...args, '--name', name], site);
  }
}
