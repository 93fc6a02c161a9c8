import { nodeRef, chainId } from '../../../../domain/base/ids';
import type { CommandBody } from '../../../../domain/commands';
import type { FlowEvent } from '../../../../domain/flow/events';
import { DEFAULT_TIMING } from '../../../../domain/topology/topology';
import { AgentWorld, type AgentProcess } from '../../../support/agent-world';
import { EGRESS, FILTER, INGRESS, smallGridCommands } from '../control/small-grid';

const FAULTS = { drop: 0.15, repeat: 0.15, reorder: 0.2, reorderMs: 60 };

/** Three agents: both INODEs with the first, the ANODEs with the others. */
async function worldOfThree(seed: number, faults = FAULTS): Promise<AgentWorld> {
  const world = new AgentWorld(seed);
  world.bus.setFaults(faults);
  await world.lead('MA-1');
  await world.createGrid();
  world.begin('edge', { pinned: ['IA-1', 'IC-1'] });
  world.begin('h1', { networks: [], pinned: ['AB-1', 'AB-2'] });
  world.begin('h2', { networks: [], pinned: ['AB-3'] });
  await world.admitNodes(3);
  expect(await world.until(() => world.isOne, 20_000)).toBe(true);
  return world;
}

function flowEnded(flow: number): FlowEvent {
  return { type: 'FlowEnded', at: flow, flow, topologySeq: 1, end: 'fin', packets: [1, 1], bytes: [60, 60] };
}

/** The `n`th change of the grid that leads to a new topology. */
function change(n: number): CommandBody {
  const [create] = smallGridCommands();
  const { data } = create as Extract<CommandBody, { type: 'CreateGrid' }>;
  return { type: 'ReconfigureGrid', data: { ...data, timing: { ...DEFAULT_TIMING, udpIdleMs: 60_000 + n } } };
}

async function expectWholeLog(world: AgentWorld): Promise<void> {
  expect(await world.log.orphans()).toEqual([]);
  const commits = await world.commits();
  expect(commits.map(({ seq }) => seq)).toEqual(commits.map((_, index) => index + 1));
  expect(world.failures).toEqual([]);
}

describe('a grid of agents whose bus loses, repeats and reorders, and loses every announcement', () => {
  it.each([1, 2, 3])('FG-254: comes up as one topology, each node where it is pinned (seed %p)', async (seed) => {
    const world = await worldOfThree(seed);
    const lives = (name: string): number[] => [...world.agents.get(name)!.host.lives.keys()].sort((a, b) => a - b);
    expect(lives('edge')).toEqual([nodeRef(INGRESS, 1), nodeRef(EGRESS, 1)]);
    expect(lives('h1')).toEqual([nodeRef(FILTER, 1), nodeRef(FILTER, 2)]);
    expect(lives('h2')).toEqual([nodeRef(FILTER, 3)]);
    const { topology } = world.agents.get('h2')!.host.installed.get(world.stamped()[0]!)!;
    expect(topology.agents!.map(({ address }) => address)).toEqual(['edge:7000', 'h1:7000', 'h2:7000']);
    expect(world.bus.counts.dropped).toBeGreaterThan(0);
    await expectWholeLog(world);
  });

  it('FG-255: an agent that missed publications 200–500 repairs itself as soon as it hears one head', async () => {
    const world = await worldOfThree(7);
    for (let n = 0; world.leader.plane.state.topology.version < 200; n++) {
      await world.command(change(n));
      await world.pass(300);
    }
    const missing = world.agents.get('h2')!;
    missing.bus.isCut = true;
    for (let n = 1_000; world.leader.plane.state.topology.version < 500; n++) {
      await world.command(change(n));
      await world.pass(300);
    }
    expect(missing.agent.topologies.installed).toBeLessThanOrEqual(201);
    missing.bus.isCut = false;
    expect(await world.until(() => world.isOne, 2_000)).toBe(true);
    const { live } = world.leader.plane.state.topology;
    for (const { agent, host } of world.agents.values()) {
      expect(agent.topologies.installed).toBe(live.at(-1)!.version);
      for (const version of host.installed.keys()) expect(live.map((each) => each.version)).toContain(version);
    }
    expect(missing.host.lives.get(nodeRef(FILTER, 3))).toBe(2);
    await expectWholeLog(world);
  }, 300_000);

  it('FG-256: a partitioned agent is one with the others within 2 s of healing, its nodes as new lives', async () => {
    const world = await worldOfThree(11);
    const cut = world.agents.get('h1')!;
    cut.bus.isCut = true;
    await world.pass(3_000);
    expect([world.statusOf(FILTER, 1), world.statusOf(FILTER, 2)]).toEqual(['failed', 'failed']);
    expect(world.statusOf(FILTER, 3)).toBe('active');
    // It goes on alone, with what it has; nobody else was given its nodes.
    expect([...cut.host.lives.values()]).toEqual([1, 1]);
    expect(world.agents.get('h2')!.host.lives.size).toBe(1);
    cut.bus.isCut = false;
    expect(await world.until(() => world.isOne, 2_000)).toBe(true);
    expect([...cut.host.lives.values()]).toEqual([2, 2]);
    const { topology } = world.agents.get('h2')!.host.installed.get(world.stamped()[0]!)!;
    expect(topology.clusters[1]!.members.map(({ incarnation }) => incarnation)).toEqual([2, 2, 1]);
    await expectWholeLog(world);
  });

  it('FG-251: an agent that is killed and started again hosts its nodes as their next lives', async () => {
    const world = await worldOfThree(13);
    const { told } = world.begin('h1', { networks: [], pinned: ['AB-1', 'AB-2'], capacity: 5 });
    expect(await world.until(() => world.isOne, 5_000)).toBe(true);
    expect(told).toContain('registered');
    expect([...world.agents.get('h1')!.host.lives.values()]).toEqual([2, 2]);
    expect(world.leader.plane.state.agents['h1']!.capacity).toBe(5);
    await expectWholeLog(world);
  });

  it('FG-257: an older process of the same name learns that it was replaced', async () => {
    const world = await worldOfThree(17);
    const old = world.agents.get('h1')!;
    world.begin('h1', { networks: [], pinned: ['AB-1', 'AB-2'] });
    await world.pass(2_000);
    old.bus.isCut = false;
    expect(await world.until(() => old.told.includes('replaced'), 3_000)).toBe(true);
    expect(world.statusOf(FILTER, 1)).toBe('active');
  });

  it('FG-258: with the bus gone for everybody nobody is held dead, and nothing is published', async () => {
    const world = await worldOfThree(19);
    const { seq } = world.leader.plane.head;
    world.bus.setFaults({ drop: 1 });
    await world.pass(10_000);
    world.bus.setFaults(FAULTS);
    await world.pass(2_000);
    const since = (await world.commits()).slice(seq).flatMap(({ events }) => events.map(({ type }) => type));
    expect(since.filter((type) => type !== 'TopologyRetired')).toEqual([]);
    expect(world.isOne).toBe(true);
  });

  it('FG-258: but one that stays silent when the others are back is', async () => {
    const world = await worldOfThree(23);
    world.bus.setFaults({ drop: 1 });
    await world.pass(5_000);
    world.agents.get('h2')!.bus.isCut = true;
    world.bus.setFaults(FAULTS);
    await world.pass(3_000);
    expect(world.statusOf(FILTER, 3)).toBe('failed');
    expect(world.statusOf(FILTER, 1)).toBe('active');
  });

  it('FG-319: a life that its neighbours hold dead, though it was heard all the while, ends, and the next begins', async () => {
    const world = await worldOfThree(31);
    const stalled = nodeRef(FILTER, 1);
    for (const name of ['edge', 'h2']) world.agents.get(name)!.host.bury(stalled, 1);
    const { lives } = world.agents.get('h1')!.host;
    expect(await world.until(() => lives.get(stalled) === 2 && world.isOne, 4_000)).toBe(true);
    expect(lives.get(nodeRef(FILTER, 2))).toBe(1);
    await world.pass(3_000);
    expect(lives.get(stalled)).toBe(2);
    await expectWholeLog(world);
  });

  it('FG-319: an agent that is cut off from the others accuses them in vain; the lives that end are its own', async () => {
    const world = await worldOfThree(37);
    const others = [nodeRef(INGRESS, 1), nodeRef(EGRESS, 1), nodeRef(FILTER, 1), nodeRef(FILTER, 2)];
    const cut = nodeRef(FILTER, 3);
    for (const ref of others) world.agents.get('h2')!.host.bury(ref, 1);
    for (const name of ['edge', 'h1']) world.agents.get(name)!.host.bury(cut, 1);
    expect(await world.until(() => world.agents.get('h2')!.host.lives.get(cut) === 2, 4_000)).toBe(true);
    await world.pass(3_000);
    for (const name of ['edge', 'h1']) expect([...world.agents.get(name)!.host.lives.values()]).toEqual([1, 1]);
    await expectWholeLog(world);
  });

  it('FG-403: the next life waits until its agent and the others hear each other, and only one life is used up', async () => {
    const world = await worldOfThree(41);
    const cut = nodeRef(FILTER, 3);
    const [edge, h1, h2] = ['edge', 'h1', 'h2'].map((name) => world.agents.get(name)!.host);
    for (const host of [edge!, h1!]) {
      host.bury(cut, 1);
      host.unheard.set(cut, 1);
    }
    expect(await world.until(() => world.statusOf(FILTER, 3) === 'failed', 4_000)).toBe(true);
    await world.pass(10_000);
    expect(world.statusOf(FILTER, 3)).toBe('failed');
    expect(h2!.lives.get(cut)).toBe(1);
    for (const host of [edge!, h1!]) host.unheard.clear();
    expect(await world.until(() => h2!.lives.get(cut) === 2 && world.isOne, 2_000)).toBe(true);
    await expectWholeLog(world);
  });

  it('FG-253: a draining node goes when it carries nothing, and what it observed is in the log', async () => {
    const world = await worldOfThree(29);
    const { host } = world.agents.get('h2')!;
    const node = nodeRef(FILTER, 3);
    host.flows = 1;
    await world.command({ type: 'DrainNode', data: { cluster: FILTER, node: 3, withinMs: 0, thenRemove: true } });
    await world.pass(5_000);
    expect(world.statusOf(FILTER, 3)).toBe('draining');
    host.observe(node, [flowEnded(5)]);
    host.flows = 0;
    expect(await world.until(() => host.lives.size === 0, 5_000)).toBe(true);
    expect(world.statusOf(FILTER, 3)).toBe('removed');
    await world.pass(1_000);
    expect((await world.chain(chainId(node, 1))).events).toEqual([flowEnded(5)]);
  });
});

describe('flow events of agents', () => {
  const node = nodeRef(INGRESS, 1);

  function observe({ host }: AgentProcess, from: number, count: number): void {
    host.observe(
      node,
      Array.from({ length: count }, (_, i) => flowEnded(from + i)),
    );
  }

  it('FG-259: wait while nobody leads, and are all in the log, once and in order, when somebody does again', async () => {
    const world = await worldOfThree(31);
    const edge = world.agents.get('edge')!;
    observe(edge, 0, 10);
    await world.pass(1_000);
    world.leader.bus.isCut = true;
    for (let minute = 0; minute < 3; minute++) {
      observe(edge, 10 + minute * 3_000, 3_000);
      await world.pass(5_000);
    }
    const first = world.leader;
    await world.lead('MB-1');
    await world.pass(5_000);
    const { events, lost } = await world.chain(chainId(node, 1));
    expect(events.map(({ flow }) => flow)).toEqual(Array.from({ length: 9_010 }, (_, i) => i));
    expect(lost).toBe(0);
    // The deposed one is heard again: agents know better, and it answers nobody.
    first.bus.isCut = false;
    const { answered } = first.endpoints.counts;
    await world.pass(2_000);
    expect(first.endpoints.counts.answered).toBe(answered);
    expect(first.endpoints.counts.passed).toBeGreaterThan(0);
    expect(edge.agent.head.epoch).toBe(2);
    expect(world.isOne).toBe(true);
    expect(world.failures).toEqual([]);
  });

  it('FG-22: what a full spool sheds is counted, and the log has the count', async () => {
    const world = new AgentWorld(37);
    await world.lead('MA-1');
    await world.createGrid();
    const edge = world.begin('edge', {}, { spoolEventsMax: 100 });
    await world.admitNodes(1);
    expect(await world.until(() => world.isOne, 5_000)).toBe(true);
    world.leader.bus.isCut = true;
    observe(edge, 0, 150);
    await world.pass(500);
    observe(edge, 150, 50);
    await world.pass(500);
    world.leader.bus.isCut = false;
    await world.pass(2_000);
    const { events, lost } = await world.chain(chainId(node, 1));
    expect(events.length + lost).toBe(200);
    expect(lost).toBeGreaterThanOrEqual(50);
  });

  it('FG-259: an agent that ends ships what is left, and says whether it could', async () => {
    const world = await worldOfThree(41, { drop: 0, repeat: 0, reorder: 0, reorderMs: 1 });
    const edge = world.agents.get('edge')!;
    observe(edge, 0, 5);
    const stopped = edge.agent.stop(1);
    await world.pass(500);
    expect(await stopped).toBe(true);
    expect(edge.host.ended).toBe(1);
    expect((await world.chain(chainId(node, 1))).events).toHaveLength(5);
  });
});
