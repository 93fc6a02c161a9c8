import { SimClock } from '../../../../adapters/sim/sim-clock';
import type { FlowEvent, FlowStarted } from '../../../../domain/flow/events';
import type { PublishedTopology } from '../../../../domain/topology/topology';
import { OnePeer } from '../../../../dataplane/packet-ports/udp/peers';
import { RealtimeHost } from '../../../../runtime/agent/realtime-host';
import { PLACEMENT, settleIn, spreadStages } from '../../../support/agents';
import { answer, question } from '../../../support/datagrams';
import { MemoryNet } from '../../../support/memory-net';
import { PortEnd } from '../../../support/port-end';

const START = 1_700_000_000_000;
const HELLO_MS = 10;
const DETECT = 3;
const ADDRESSES = { a: 'a:1', b: 'b:1', c: 'c:1' };

/** Three agents of one grid in this thread, on one simulated clock, and the two external networks. */
class ThreeAgents {
  readonly hosts = new Map<string, RealtimeHost>();
  readonly clients = new PortEnd();
  readonly servers = new PortEnd();
  readonly net = new MemoryNet();
  private readonly clock = new SimClock(START);
  private due: (() => void)[] = [];
  private answered = 0;

  async start(topology: PublishedTopology): Promise<void> {
    const { net } = this;
    await this.clients.open(net.opener('clients:1', new OnePeer({ host: 'a', port: 2 })));
    await this.servers.open(net.opener('servers:1', new OnePeer({ host: 'c', port: 2 })));
    for (const [agent, address] of Object.entries(ADDRESSES)) {
      const networks = new Map([
        ['EN-1', net.opener('a:2', new OnePeer({ host: 'clients', port: 1 }))],
        ['EN-2', net.opener('c:2', new OnePeer({ host: 'servers', port: 1 }))],
      ]);
      if (agent !== 'a') networks.delete('EN-1');
      if (agent !== 'c') networks.delete('EN-2');
      const host = await RealtimeHost.start({
        agent,
        secret: new Uint8Array(32).fill(7),
        slots: 1024,
        bytes: 64 * 1024 * 1024,
        limits: { flows: 1024, connections: 1024 },
        baseDirectory: process.cwd(),
        taps: false,
        time: {
          micros: () => this.clock.now() * 1000,
          timers: this.clock,
          soon: (work) => this.due.push(work),
        },
        openUnderlay: (peers) => net.opener(address, peers),
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

const isStart = (event: FlowEvent): event is FlowStarted => event.type === 'FlowStarted';
const sameKey = (one: FlowStarted['key'], other: FlowStarted['key']): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

const nameOf = (node: number): string => `${node >>> 7}-${node & 127}`;
const namesOf = (agent: string): string[] => PLACEMENT[agent]!.map(([cluster, node]) => `${cluster}-${node}`).sort();
const sorted = (frames: readonly Buffer[]): string[] => frames.map((frame) => frame.toString('hex')).sort();

describe('the nodes of three agents', () => {
  const agents = new ThreeAgents();
  const asked: Buffer[] = [];
  beforeAll(() => agents.start(spreadStages(ADDRESSES, HELLO_MS, DETECT)));
  afterAll(() => agents.close());

  it('FG-311: carry flows between each other byte for byte, both ways, and find nobody dead', async () => {
    for (let n = 0; n < 20; n++) {
      asked.push(...agents.ask(30, n));
      agents.run(7);
    }
    expect(sorted(agents.servers.received)).toEqual(sorted(asked));
    expect(sorted(agents.clients.received)).toEqual(sorted(asked.map(answer)));
    const harvests = await Promise.all([...agents.hosts.values()].map((host) => host.harvest()));
    expect(harvests.flatMap(({ detections }) => detections)).toEqual([]);
    const starts = harvests.flatMap(({ events }) => events.flatMap(({ events: told }) => told)).filter(isStart);
    expect(starts).toHaveLength(60);
    for (const { flow, key } of starts)
      expect(starts.filter((other) => other.flow === flow && sameKey(other.key, key))).toHaveLength(2);
    const carried = [...agents.hosts.values()].map((host) => host.portFigures());
    for (const { underlay, unattached } of carried) {
      expect(underlay.framesIn).toBeGreaterThan(100);
      expect(underlay.framesOut).toBeGreaterThan(100);
      expect(underlay.dropped).toEqual({});
      expect(unattached).toBe(0);
    }
  });

  it('FG-312: go on without the agent that falls silent: its flows lose nothing and nothing comes twice', async () => {
    for (let n = 20; n < 60; n++) {
      if (n === 30) agents.net.cut('b:1');
      asked.push(...agents.ask(30, n));
      agents.run(3);
    }
    agents.run(4 * HELLO_MS * DETECT);
    expect(sorted(agents.servers.received)).toEqual(sorted(asked));
    expect(sorted(agents.clients.received)).toEqual(sorted(asked.map(answer)));
    expect(await agents.events('a', 'c')).toContain('FlowTakenOver');
    const { underlay } = agents.hosts.get('a')!.portFigures();
    expect(underlay.dropped['lost']).toBeGreaterThan(0);
  });

  it('FG-313: reach a node where the newest topology puts it', async () => {
    const before = spreadStages(ADDRESSES, HELLO_MS, DETECT, { version: 2 });
    const topology = {
      ...before.topology,
      clusters: before.topology.clusters.map((cluster) => ({
        ...cluster,
        members: cluster.members.map((member) =>
          member.agent === 'b' ? { ...member, agent: 'a', incarnation: 2 } : member,
        ),
      })),
    };
    const published = { ...before, topology };
    const a = agents.hosts.get('a')!;
    for (const { id, members } of topology.clusters) {
      for (const { node, incarnation } of members) {
        if (incarnation === 2) await a.add((id << 7) | node, 2, 'anode');
      }
    }
    for (const agent of ['a', 'c']) {
      await agents.hosts.get(agent)!.install(published);
      await agents.hosts.get(agent)!.activate(2);
    }
    agents.run(3 * HELLO_MS);
    const flows = 60;
    for (let n = 100; n < 110; n++) {
      asked.push(...agents.ask(flows, n));
      agents.run(7);
    }
    agents.run(4 * HELLO_MS * DETECT);
    expect(sorted(agents.servers.received)).toEqual(sorted(asked));
    const statistics = await a.statistics();
    const moved = statistics.filter(({ incarnation }) => incarnation === 2);
    expect(moved).toHaveLength(2);
    for (const { received, dropped } of moved) {
      expect(received).toBeGreaterThan(0);
      expect(dropped).toEqual({});
    }
  });
});

describe('the nodes of three agents, one of which hears nobody any more', () => {
  it.each([
    ['both at once', DETECT, 'a', 'c', 0],
    ['one of them a round longer than the other', DETECT + 2, 'a', 'c', 4],
    ['the other of them a round longer', DETECT + 2, 'c', 'a', 4],
  ])(
    'FG-404: it takes nothing over, the others go on without it as it tells them to, and no frame is lost or comes twice: it hears %s',
    async (_, detect, first, second, later) => {
      const agents = new ThreeAgents();
      await agents.start(spreadStages(ADDRESSES, HELLO_MS, detect));
      const asked: Buffer[] = [];
      for (let n = 0; n < 60; n++) {
        if (n === 20) agents.net.cutFrom('b:1', `${first}:1`);
        if (n === 20 + later) agents.net.cutFrom('b:1', `${second}:1`);
        asked.push(...agents.ask(30, n));
        agents.run(3);
      }
      agents.run(4 * HELLO_MS * detect);
      expect(sorted(agents.servers.received)).toEqual(sorted(asked));
      expect(sorted(agents.clients.received)).toEqual(sorted(asked.map(answer)));
      const deaths = async (agent: string): Promise<string[]> => {
        const { detections } = await agents.hosts.get(agent)!.harvest();
        return [...new Set(detections.map(({ node }) => nameOf(node)))].sort();
      };
      for (const agent of ['a', 'b', 'c']) expect(await deaths(agent)).toEqual(namesOf('b'));
      const unheard = [...agents.hosts.get('b')!.mute().keys()].map(nameOf);
      expect(unheard.sort()).toEqual([...namesOf('a'), ...namesOf('c')].sort());
      for (const agent of ['a', 'c']) expect(agents.hosts.get(agent)!.mute().size).toBe(0);
      await agents.close();
    },
  );
});
