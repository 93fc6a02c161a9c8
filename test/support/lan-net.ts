import type { SimClock } from '../../adapters/sim/sim-clock';
import { VlanSwitch } from '../../adapters/sim/vlan-switch';
import { loadKernels } from '../../dataplane/kernels/kernels';
import { LanPort } from '../../dataplane/links/lan-port';
import type { OpenPort, PortListener, PortMemory } from '../../dataplane/packet-ports/port';
import type { NodeAddress } from '../../domain/node/address';
import { interfacesOf } from '../../domain/link/interfaces';
import { lanPlan, type Lan } from '../../domain/link/plan';
import { ownWays } from '../../domain/link/vlans';
import { DEFAULT_VLANS } from '../../domain/link/vlan-settings';
import type { Topology } from '../../domain/topology/topology';
import { QueuedPort } from './queued-port';

/** Where agents are plugged into a simulated VLAN switch, which is told what the plan of a topology's links says. */
export class LanNet {
  readonly switch: VlanSwitch;
  private readonly lan: Lan;
  private readonly plugged: (SwitchedPort | undefined)[] = [];

  constructor(
    clock: SimClock,
    private readonly topology: Topology,
    /** Agents in the order of the ports, and their nodes. */
    private readonly agents: readonly (readonly [name: string, nodes: readonly NodeAddress[]])[],
  ) {
    this.lan = lanOf(topology);
    const plan = lanPlan(
      this.lan,
      agents.map(([name, nodes]) => ({ name, nodes })),
    );
    this.switch = new VlanSwitch(clock, { ports: plan.ports }, (port, frame) => this.plugged[port]?.arrived(frame));
  }

  /** Opens an agent's port: links over its port of the switch. */
  opener(agent: string): OpenPort {
    return async (memory, listener) => {
      const number = this.numberOf(agent);
      const port = new SwitchedPort(this.switch, number, memory, listener);
      this.plugged[number] = port;
      const lan = new LanPort(memory, loadKernels(memory.arena), port);
      const nodes = this.agents[number]![1];
      lan.install(
        this.topology.links,
        nodes.flatMap((node) => interfacesOf(this.lan, node)),
      );
      return lan;
    };
  }

  /** Nothing comes to, or from, an agent any more. */
  unplug(agent: string): void {
    this.plugged[this.numberOf(agent)]!.isUnplugged = true;
  }

  /** VLANs in which frames came to an agent. */
  heardBy(agent: string): ReadonlySet<number> {
    return this.plugged[this.numberOf(agent)]!.vlans;
  }

  /** The VLAN IDs of a link. */
  vlansOf(link: number): number[] {
    return Object.values(this.lan.vlans).flatMap((each) => (each.link === link ? [each.vlan] : []));
  }

  private numberOf(agent: string): number {
    return this.agents.findIndex(([name]) => name === agent);
  }
}

/** VLAN IDs as a new grid would give them. */
function lanOf({ links, networks }: Topology): Lan {
  const settings = DEFAULT_VLANS;
  const ways = links.flatMap((link) =>
    ownWays(link, (id) => networks.find((each) => each.id === id)).map((direction) => ({ link: link.id, direction })),
  );
  const given = ways.map((way, n) => ({ ...way, cluster: 0, vlan: settings.first + n }));
  return { links, networks, settings, vlans: Object.fromEntries(given.map((each) => [each.vlan, each])) };
}

/** A port of the switch, as a host's network card has it. */
export class SwitchedPort extends QueuedPort {
  isUnplugged = false;
  readonly vlans = new Set<number>();

  constructor(
    private readonly lan: VlanSwitch,
    private readonly number: number,
    memory: PortMemory,
    listener: PortListener,
    takes = Infinity,
  ) {
    super(memory, listener, takes);
  }

  override arrived(frame: Uint8Array): void {
    if (this.isUnplugged) return;
    this.vlans.add(((frame[14]! << 8) | frame[15]!) & 0xfff);
    super.arrived(frame);
  }

  protected leave(_address: number, frame: Uint8Array): void {
    if (!this.isUnplugged) this.lan.receive(this.number, frame.slice());
  }

  async close(): Promise<void> {
    this.isUnplugged = true;
  }
}
