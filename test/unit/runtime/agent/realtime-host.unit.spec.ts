import type { FlowEvent, FlowStarted } from '../../../../domain/flow/events';
import { PLACEMENT, spreadStages } from '../../../support/agents';
import { answer } from '../../../support/datagrams';
import { ADDRESSES, DETECT, HELLO_MS, sorted, ThreeAgents } from './three-agents';

const isStart = (event: FlowEvent): event is FlowStarted => event.type === 'FlowStarted';
const sameKey = (one: FlowStarted['key'], other: FlowStarted['key']): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

const nameOf = (node: number): string => `${node >>> 7}-${node & 127}`;
const namesOf = (agent: string): string[] => PLACEMENT[agent]!.map(([cluster, node]) => `${cluster}-${node}`).sort();

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
