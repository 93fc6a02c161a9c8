import { subjectsOf } from '../../../../adapters/bus/subjects';
import { decodeAgentRequest, type AgentRequest } from '../../../../adapters/codec/agent-messages';
import { encodePublication } from '../../../../adapters/codec/topology-announcement';
import type { CommandBody } from '../../../../domain/commands';
import { DEFAULT_TIMING, type PublishedTopology } from '../../../../domain/topology/topology';
import { AgentWorld } from '../../../support/agent-world';
import { smallGridCommands } from '../control/small-grid';

const subjects = subjectsOf('small');
const SOUND = { drop: 0, repeat: 0, reorder: 0, reorderMs: 1 };
const FAULTY = { drop: 0.15, repeat: 0.15, reorder: 0.2, reorderMs: 60 };

/** Three agents on a bus that carries announcements. */
async function announcedWorld(seed: number, faults = SOUND): Promise<AgentWorld> {
  const world = new AgentWorld(seed, true);
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

/** The `n`th change of the grid that leads to a new topology. */
function change(n: number): CommandBody {
  const [create] = smallGridCommands();
  const { data } = create as Extract<CommandBody, { type: 'CreateGrid' }>;
  return { type: 'ReconfigureGrid', data: { ...data, timing: { ...DEFAULT_TIMING, udpIdleMs: 60_000 + n } } };
}

function requestsOf(world: AgentWorld): AgentRequest[] {
  const requests: AgentRequest[] = [];
  world.bus.subscribe(subjects.agentReply('*'), (payload) => {
    requests.push(decodeAgentRequest(payload)!);
    return undefined;
  });
  return requests;
}

/** What every host has is what the leader published, and no wire ID stood for two (hosts refuse that). */
async function expectAsPublished(world: AgentWorld): Promise<void> {
  const { plane } = world.leader;
  for (const { host } of world.agents.values()) {
    for (const { version } of plane.state.topology.live) {
      const published = host.installed.get(version);
      if (published !== undefined) expect(published).toEqual(await plane.published(version));
    }
  }
  expect(world.failures).toEqual([]);
}

describe('a topology that comes with its announcement', () => {
  it('FG-452: is installed and acknowledged without being asked for', async () => {
    const world = await announcedWorld(1);
    const requests = requestsOf(world);
    for (let n = 1; n <= 5; n++) {
      const { version } = world.leader.plane.state.topology;
      const isNext = (): boolean => world.leader.plane.state.topology.version > version && world.isOne;
      await world.command(change(n));
      expect(await world.until(isNext, 2_000)).toBe(true);
    }
    const { version } = world.leader.plane.state.topology;
    for (const [name, { agent }] of world.agents) {
      const mine = requests.filter((each) => each.agent === name);
      expect(mine.map(({ kind }) => kind)).not.toContain('fetch');
      expect(mine.some((each) => each.kind === 'sync' && each.report.installed === version)).toBe(true);
      expect(agent.topologies.installed).toBe(version);
    }
    await expectAsPublished(world);
  });

  it.each([1, 2, 3, 4])('FG-452: may be lost, repeated and reordered (seed %p)', async (seed) => {
    const world = await announcedWorld(seed, FAULTY);
    for (let n = 1; n <= 30; n++) {
      await world.command(change(n));
      // Some follow each other closer than an answer comes.
      await world.pass(n % 3 === 0 ? 400 : 20);
    }
    expect(await world.until(() => world.isOne, 5_000)).toBe(true);
    await expectAsPublished(world);
  });

  it.each<
    [string, (next: PublishedTopology) => { readonly published: PublishedTopology; readonly epoch: number }, boolean]
  >([
    ['of the known leadership and the next', (next) => ({ published: next, epoch: 1 }), true],
    ['of a leadership not heard of', (next) => ({ published: next, epoch: 2 }), false],
    ['of an earlier leadership', (next) => ({ published: next, epoch: 0 }), false],
    ['not the next', (next) => ({ published: changed(next, { version: next.topology.version + 1 }), epoch: 1 }), false],
    ['older than what is known', (next) => ({ published: { ...next, seq: next.seq - 1 }, epoch: 1 }), false],
    ['with a wire ID that another has', (next) => ({ published: changed(next, { wireId: 1 }), epoch: 1 }), false],
    ['none at all', (next) => ({ published: changed(next, { policies: [{} as never] }), epoch: 1 }), false],
  ])('FG-452: %s: installed unasked only if nothing is left to be asked', async (_, forge, isInstalled) => {
    const world = await announcedWorld(5);
    // Nobody answers any more, so that announcements are all that agents hear.
    world.leader.bus.isCut = true;
    const { host, agent } = world.agents.get('h2')!;
    const newest = agent.topologies.newest!;
    expect([...host.installed.values()].map(({ topology }) => topology.wireId)).toContain(1);
    const { version } = newest.topology;
    const next = { ...changed(newest, { version: version + 1, wireId: 200 }), seq: agent.head.seq + 1 };
    const { published, epoch } = forge(next);
    world.bus.publish(subjects.topology(), encodePublication(published, epoch));
    await world.pass(1_000);
    expect(agent.topologies.installed).toBe(isInstalled ? version + 1 : version);
    expect(host.installed.has(published.topology.version)).toBe(isInstalled);
    expect(world.failures).toEqual([]);
  });
});

function changed(published: PublishedTopology, changes: Partial<PublishedTopology['topology']>): PublishedTopology {
  return { ...published, topology: { ...published.topology, ...changes } };
}
