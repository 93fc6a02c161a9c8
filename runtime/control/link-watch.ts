import type { AgentReport, InstalledLinks } from '../../adapters/codec/agent-messages';
import { sha256 } from '../../adapters/codec/hash';
import type { GridState } from '../../domain/grid-state';
import { interfacesText, liveInterfaces } from '../../domain/link/live-interfaces';
import { wholeTopologies } from '../../domain/topology/state';

/** How an agent on a LAN stands with its interfaces of links ([0037]), as it travels in JSON. */
export interface AgentLinks {
  readonly agent: string;
  /** Interfaces that it has, and that it should have. */
  readonly installed: number;
  readonly desired: number;
  /** Whether it has these and no others. */
  readonly isRight: boolean;
}

type Told = Pick<AgentReport, 'nodes' | 'done' | 'dead'> & { readonly links: InstalledLinks };

/**
 * The link manager's eye on the link agents: what each says that its port has, against what live topologies say. Agents follow
 * topologies by themselves, and restore what drifted; this only tells who does not have what it should.
 */
export class LinkWatch {
  private readonly told = new Map<string, Told>();

  /** What an agent reports. Agents whose underlay is no LAN tell nothing of links. */
  report(agent: string, { nodes, done, dead, links }: AgentReport): void {
    if (links === undefined) this.told.delete(agent);
    else this.told.set(agent, { nodes, done, dead, links });
  }

  /** How agents stand now, in order of name. */
  standing(state: GridState): AgentLinks[] {
    const live = [...wholeTopologies(state.topology)];
    const agents = [...this.told].filter(([agent]) => state.agents[agent] !== undefined);
    return agents
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([agent, { nodes, done, dead, links }]) => {
        // What it was told to forget it need not have any more; whom its nodes hold dead decides which ends are open for them.
        const desired = liveInterfaces(
          live.filter(({ version }) => !done.includes(version)),
          nodes,
          ({ cluster, node }, incarnation) =>
            dead.some((life) => life.cluster === cluster && life.node === node && life.incarnation >= incarnation),
        );
        const isRight = links.digest === sha256(interfacesText(desired));
        return { agent, installed: links.count, desired: desired.length, isRight };
      });
  }
}
