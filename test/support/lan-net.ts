import type { SimClock } from '../../adapters/sim/sim-clock';
import { VlanSwitch } from '../../adapters/sim/vlan-switch';
import type { OpenPort, PortListener, PortMemory } from '../../dataplane/packet-ports/port';
import { ALL_PRIMARIES, type ConnectedEnds } from '../../domain/link/connected-ends';
import { vlansOf } from '../../domain/link/lan-links';
import { lanPlan, type Lan, type LanPort } from '../../domain/link/plan';
import { ownWays } from '../../domain/link/vlans';
import { DEFAULT_VLANS } from '../../domain/link/vlan-settings';
import type { LinkVlans, Topology, TopologyLink } from '../../domain/topology/topology';
import { QueuedPort } from './queued-port';

/** Where agents are plugged into a simulated VLAN switch, which is told what the plan of a LAN says, and nothing else. */
export class LanNet {
  readonly switch: VlanSwitch;
  private readonly plugged: (SwitchedPort | undefined)[] = [];

  constructor(
    clock: SimClock,
    private lan: Lan,
    /** Agents and their nodes, in the order of the switch's ports. */
    private ports: readonly LanPort[],
  ) {
    const plan = lanPlan(lan, ports);
    this.switch = new VlanSwitch(clock, { ports: plan.ports }, (port, frame) => this.plugged[port]?.arrived(frame));
  }

  /** Opens an agent's port of the switch. */
  opener(agent: string): OpenPort {
    return async (memory, listener) => {
      const number = this.numberOf(agent);
      return (this.plugged[number] = new SwitchedPort(this.switch, number, memory, listener));
    };
  }

  /** The switch is told what the plan says of another LAN, or of other nodes at the same ports. */
  replan(lan: Lan, ports: readonly LanPort[] = this.ports, ends: ConnectedEnds = ALL_PRIMARIES): void {
    this.lan = lan;
    this.ports = this.ports.map((port) => ports.find(({ name }) => name === port.name) ?? { ...port, nodes: [] });
    lanPlan(lan, this.ports, ends).ports.forEach((port, number) => this.switch.configure(number, port));
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
    return vlansOf(this.lan.links.find(({ id }) => id === link)!);
  }

  private numberOf(agent: string): number {
    return this.ports.findIndex(({ name }) => name === agent);
  }
}

/** The links of a topology with the VLAN IDs that a new grid would give them. */
export function withVlanIds({ links, networks }: Pick<Topology, 'links' | 'networks'>): TopologyLink[] {
  let vlan = DEFAULT_VLANS.first;
  return links.map((link) => {
    const ways = ownWays(link, (id) => networks.find((each) => each.id === id));
    const names = { both: 'both', transmit: 'forward', receive: 'back' } as const;
    const lan: LinkVlans = Object.fromEntries(ways.map((way) => [names[way], vlan++]));
    return ways.length === 0 ? link : { ...link, lan };
  });
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
