import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { createLocalBus } from '../../adapters/bus/local-bus';
import { subjectsOf } from '../../adapters/bus/subjects';
import { createMemoryLog } from '../../adapters/log/memory';
import { SimClock } from '../../adapters/sim/sim-clock';
import type { LanPort } from '../../dataplane/links/lan-port';
import { OnePeer } from '../../dataplane/packet-ports/udp/peers';
import { createPrng } from '../../domain/base/prng';
import { nodesOf, type ClusterState } from '../../domain/cluster/state';
import type { ConnectedEnds } from '../../domain/link/connected-ends';
import type { CommandBody, Outcome } from '../../domain/commands';
import type { GridState } from '../../domain/grid-state';
import { endsInUse, lanInUse, lanPorts } from '../../projections/lan';
import { Agent } from '../../runtime/agent/agent';
import { LanUnderlay } from '../../runtime/agent/host-underlay';
import { RealtimeHost } from '../../runtime/agent/realtime-host';
import { serveAgents } from '../../runtime/control/agent-endpoints';
import { BusAnnouncer } from '../../runtime/control/bus-endpoints';
import { LinkWatch } from '../../runtime/control/link-watch';
import { createControlPlane, type ControlPlane } from '../../runtime/control/control-plane';
import { applyDesired, loadGridFile } from '../../runtime/control/grid-file';
import { CutBus } from './agent-world';
import { LanNet } from './lan-net';
import { MemoryNet } from './memory-net';
import { PortEnd } from './port-end';
import { simulatedTime } from './simulated-time';

const START = 1_700_000_000_000;
/** The control plane's, which hears agents over the bus: greater than that of neighbours. */
const PATIENCE = { detectionMs: 500, blackoutMs: 20_000 };
/** Turns of the process after which what was asked over the bus within a millisecond is answered. */
const TURNS = 2;

/** A host on the LAN: the nodes that are pinned to it, and the external networks that it attaches. */
export interface LanHost {
  readonly nodes: readonly string[];
  readonly networks?: readonly string[];
  /** How many nodes it hosts at most; absent: as many as anybody needs. */
  readonly capacity?: number;
}

export interface LanWorldOptions {
  /** Of each host's dataplane. */
  readonly memoryBytes?: number;
  /** The switch has both ends of resilient links in their VLANs all the time, as where nobody tells it of cutovers. */
  readonly isToldOfBothEnds?: boolean;
}

/** An agent and its dataplane. */
export interface LanAgent {
  readonly agent: Agent;
  readonly host: RealtimeHost;
  readonly underlay: OpenedUnderlay;
  readonly bus: CutBus;
  /** Interfaces that it had to restore, each time. */
  readonly repaired: number[];
}

/** The way of an agent to the others, whose port somebody can meddle with. */
class OpenedUnderlay extends LanUnderlay {
  opened!: LanPort;

  override async open(...args: Parameters<LanUnderlay['open']>): ReturnType<LanUnderlay['open']> {
    return (this.opened = (await super.open(...args)) as LanPort);
  }
}

/**
 * A grid file's grid by the real control plane and agents, on the simulated clock. Agents reach each other by the VLANs of a
 * simulated LAN switch alone, which is told what the plan of the grid's LAN says after each commit, and nothing else.
 */
export class LanWorld {
  readonly clock = new SimClock(START);
  readonly agents = new Map<string, LanAgent>();
  readonly failures: unknown[] = [];
  /** The external networks, by name. */
  readonly outside = new Map<string, PortEnd>();
  readonly lan: LanNet;
  readonly log = createMemoryLog();
  plane!: ControlPlane;
  readonly links = new LinkWatch();
  private readonly memory = new MemoryNet();
  private readonly bus = createLocalBus({
    clock: this.clock,
    timers: this.clock,
    prng: createPrng(1),
    onHandlerError: (error) => this.failures.push(error),
  });
  private due: (() => void)[] = [];
  private planned = 0;
  private commands = 0;

  constructor(
    private readonly file: string,
    private readonly hosts: Readonly<Record<string, LanHost>>,
    private readonly options: LanWorldOptions = {},
  ) {
    const ports = Object.keys(hosts).map((name) => ({ name, nodes: [] }));
    const settings = { first: 2_048, last: 4_094, frameLifetimeMs: 30_000 };
    this.lan = new LanNet(this.clock, { links: [], vlans: {}, networks: [], settings }, ports);
  }

  get state(): GridState {
    return this.plane.state;
  }

  /** Resolves when all nodes but spares are active, under a topology that new flows get. */
  async start(): Promise<void> {
    const desired = loadGridFile(readFileSync(this.file, 'utf8'), this.file);
    const subjects = subjectsOf(desired.settings.name);
    const { clock, bus } = this;
    this.plane = createControlPlane({
      log: this.log,
      clock,
      timers: clock,
      name: 'MA-1',
      listeners: [new BusAnnouncer(bus, subjects)],
      patience: PATIENCE,
    });
    serveAgents(this.plane, bus, subjects, { clock, onReport: (name, report) => this.links.report(name, report) });
    await this.plane.start();
    await applyDesired(this.plane, desired, { by: 'operator:test', clock });
    for (const name of Object.keys(this.hosts)) await this.prepare(name);
    // Together, so that each is there when its pinned nodes are placed.
    for (const { agent } of this.agents.values()) agent.start();
    if (!(await this.until(() => this.isWhole(), 20_000))) throw new Error('the grid does not come up');
  }

  /** An agent's process begins, on a host that has none. */
  async begin(name: string): Promise<void> {
    await this.prepare(name);
    this.agents.get(name)!.agent.start();
  }

  private async prepare(name: string): Promise<void> {
    const { nodes, networks = [], capacity = 16 } = this.hosts[name]!;
    const { clock } = this;
    const subjects = subjectsOf(this.state.grid!.name);
    for (const network of networks) await this.openOutside(network);
    const underlay = new OpenedUnderlay(this.lan.opener(name));
    const host = await this.startHost(name, networks, underlay);
    const offer = { address: `${name}:7000`, capacity, functions: ['pass'], networks, pinned: nodes };
    const repaired: number[] = [];
    const own = new CutBus(this.bus);
    const agent = new Agent({
      ...{ name, life: clock.now(), offer, bus: own, subjects, clock, timers: clock, host },
      events: {
        repaired: (interfaces) => void repaired.push(interfaces),
        // Who is cut off fails to ask; that is no fault.
        failed: (error) => void (own.isCut || this.failures.push(error)),
      },
    });
    this.agents.set(name, { agent, host, underlay, bus: own, repaired });
  }

  /** An agent's process is gone, as by kill -9, and nothing comes from its host. */
  kill(name: string): void {
    const { agent, host, bus } = this.agents.get(name)!;
    bus.isCut = true;
    this.lan.unplug(name);
    this.agents.delete(name);
    void agent.stop().catch(() => undefined);
    void host.close();
  }

  command(body: CommandBody): Promise<Outcome> {
    const deadline = this.clock.now() + 10_000;
    return this.plane.submit({ id: `operator/${++this.commands}`, by: 'operator:test', deadline, body });
  }

  /** Time passes, millisecond by millisecond. */
  async pass(ms: number): Promise<void> {
    for (let i = 0; i < ms; i++) {
      this.clock.advanceTo(this.clock.now() + 1);
      this.settle();
      for (let n = 0; n < TURNS; n++) await turn();
      this.settle();
      if (this.state.seq === this.planned) continue;
      this.planned = this.state.seq;
      this.lan.replan(lanInUse(this.state), lanPorts(this.state), this.ends());
    }
  }

  /** Time passes until something holds, at most that long; false if it does not. */
  async until(holds: () => boolean, withinMs: number): Promise<boolean> {
    for (let ms = 0; ms < withinMs; ms += 5) {
      if (holds()) return true;
      await this.pass(5);
    }
    return holds();
  }

  /** Everything that is due now happens, and the networks take what left the grid. */
  settle(): void {
    do {
      for (const work of this.due.splice(0)) work();
      for (const end of this.outside.values()) end.take();
    } while (this.due.length > 0);
  }

  /** What the switch is told of resilient links. */
  private ends(): ConnectedEnds {
    const ends = endsInUse(this.state);
    return this.options.isToldOfBothEnds
      ? { ...ends, draining: new Set(Object.keys(this.state.links.cutovers).map(Number)) }
      : ends;
  }

  /** Whether all nodes but spares take part in the topology that all agents stamp. */
  isWhole(): boolean {
    const { clusters, topology } = this.state;
    const nodes = Object.values(clusters)
      .filter(({ settings }) => settings.role !== 'mnode')
      .flatMap((cluster: ClusterState) => nodesOf(cluster));
    if (!nodes.every(({ status, spare }) => spare || status === 'active')) return false;
    const isStamped = [...this.agents.values()].every(({ agent }) => agent.topologies.stamped === topology.version);
    return topology.version > 0 && isStamped;
  }

  async close(): Promise<void> {
    for (const { agent, host } of this.agents.values()) {
      void agent.stop();
      await host.close();
    }
    await this.plane.stop();
  }

  private async openOutside(network: string): Promise<void> {
    const end = new PortEnd();
    this.outside.set(network, end);
    await end.open(this.memory.opener(`${network}:1`, new OnePeer({ host: network, port: 2 })));
  }

  private startHost(agent: string, networks: readonly string[], underlay: LanUnderlay): Promise<RealtimeHost> {
    return RealtimeHost.start({
      agent,
      secret: new Uint8Array(32).fill(7),
      slots: 8_192,
      bytes: this.options.memoryBytes ?? 128 * 1024 * 1024,
      limits: { flows: 4_096, connections: 4_096 },
      baseDirectory: process.cwd(),
      taps: false,
      time: simulatedTime(this.clock, this.due),
      underlay,
      networks: networks.map((name) => ({
        names: [name],
        open: this.memory.opener(`${name}:2`, new OnePeer({ host: name, port: 1 })),
      })),
    });
  }
}
