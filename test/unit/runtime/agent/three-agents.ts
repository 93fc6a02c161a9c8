import { SimClock } from '../../../../adapters/sim/sim-clock';
import type { PublishedTopology } from '../../../../domain/topology/topology';
import { OnePeer } from '../../../../dataplane/packet-ports/udp/peers';
import { DatagramUnderlay, type HostUnderlay } from '../../../../runtime/agent/host-underlay';
import { RealtimeHost } from '../../../../runtime/agent/realtime-host';
import { settleIn } from '../../../support/agents';
import { answer, question } from '../../../support/datagrams';
import { MemoryNet } from '../../../support/memory-net';
import { PortEnd } from '../../../support/port-end';
import { simulatedTime } from '../../../support/simulated-time';

const START = 1_700_000_000_000;
export const HELLO_MS = 10;
export const DETECT = 3;
export const ADDRESSES = { a: 'a:1', b: 'b:1', c: 'c:1' };

/** Three agents of one grid in this thread, on one simulated clock, and the two external networks. */
export class ThreeAgents {
  readonly hosts = new Map<string, RealtimeHost>();
  readonly clients = new PortEnd();
  readonly servers = new PortEnd();
  readonly net = new MemoryNet();
  readonly clock = new SimClock(START);
  private due: (() => void)[] = [];
  private answered = 0;

  /** @param underlay opens an agent's port to the others; absent: all of them reach each other in memory */
  constructor(private readonly underlay?: (agent: string, clock: SimClock) => HostUnderlay) {}

  async start(topology: PublishedTopology): Promise<void> {
    const { net } = this;
    await this.clients.open(net.opener('clients:1', new OnePeer({ host: 'a', port: 2 })));
    await this.servers.open(net.opener('servers:1', new OnePeer({ host: 'c', port: 2 })));
    for (const [agent, address] of Object.entries(ADDRESSES)) {
      const networks = [
        { at: 'a', names: ['EN-1'], open: net.opener('a:2', new OnePeer({ host: 'clients', port: 1 })) },
        { at: 'c', names: ['EN-2'], open: net.opener('c:2', new OnePeer({ host: 'servers', port: 1 })) },
      ].filter(({ at }) => at === agent);
      const host = await RealtimeHost.start({
        agent,
        secret: new Uint8Array(32).fill(7),
        slots: 1024,
        bytes: 64 * 1024 * 1024,
        limits: { flows: 1024, connections: 1024 },
        baseDirectory: process.cwd(),
        taps: false,
        time: simulatedTime(this.clock, this.due),
        underlay: this.underlay?.(agent, this.clock) ?? new DatagramUnderlay((peers) => net.opener(address, peers)),
        networks,
      });
      this.hosts.set(agent, host);
      await settleIn(host, agent, topology);
    }
    this.settle();
  }

  /** Everything that is due now happens, and servers answer what reaches them. */
  settle(): void {
    do {
      for (const work of this.due.splice(0)) work();
      this.servers.take();
      this.clients.take();
      const asked = this.servers.received.slice(this.answered);
      this.answered = this.servers.received.length;
      if (asked.length > 0) void this.servers.send(asked.map(answer));
    } while (this.due.length > 0);
  }

  run(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.clock.advanceTo(this.clock.now() + 1);
      this.settle();
    }
  }

  /** The next question of each of `flows` flows. */
  ask(flows: number, n: number): Buffer[] {
    const questions = Array.from({ length: flows }, (_, flow) => question(flow, n));
    void this.clients.send(questions);
    this.settle();
    return questions;
  }

  async events(...agents: string[]): Promise<string[]> {
    const harvests = await Promise.all(agents.map((agent) => this.hosts.get(agent)!.harvest()));
    return harvests.flatMap(({ events }) => events.flatMap(({ events: told }) => told.map(({ type }) => type)));
  }

  async close(): Promise<void> {
    await Promise.all([...this.hosts.values()].map((host) => host.close()));
  }
}

/** Frames in an order of their own, as text. */
export const sorted = (frames: readonly Buffer[]): string[] => frames.map((frame) => frame.toString('hex')).sort();
