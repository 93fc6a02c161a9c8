import { join } from 'node:path';
import { openCapture } from '../../dataplane/packet-ports/capture/reader';
import { planSides } from '../../dataplane/packet-ports/capture/sides';
import { nodeRef } from '../../domain/base/ids';
import type { Outcome } from '../../domain/commands';
import { HELD } from '../../domain/link/evolve';
import type { VirtualLink } from '../../domain/topology/topology';
import { LanWorld, type LanHost } from '../support/lan-world';

const EXAMPLES = join(__dirname, '../../examples');
const CAPTURE = join(EXAMPLES, 'captures/mixed.pcap');
/** The capture's 41 s pass in a quarter of the time. */
const PACE = 4;

/** Figure 4's nodes on five hosts; each stage that keeps state is on several. */
const HOSTS: Readonly<Record<string, LanHost>> = {
  west: { nodes: ['IA-1', 'IB-1'], networks: ['EN-1', 'EN-2', 'EN-3'] },
  h1: { nodes: ['AA-1', 'AB-1', 'AC-1'] },
  h2: { nodes: ['AA-2', 'AB-2', 'AC-2'] },
  h3: { nodes: ['AB-3', 'AC-3'] },
  east: { nodes: ['IC-1'], networks: ['EN-4'] },
};
const HOST_NAMES = Object.keys(HOSTS);
const [AB, AB2] = [5, nodeRef(5, 2)] as const;

/** Plays the example capture through the grid; `during` is called before each millisecond with how many frames have entered. */
async function play(world: LanWorld, during: (entered: number) => Promise<void>): Promise<Map<string, string[]>> {
  const sides = planSides(CAPTURE);
  const reader = openCapture(CAPTURE);
  const expected = new Map<string, string[]>([
    ['EN-1', []],
    ['EN-4', []],
  ]);
  const begin = world.clock.now();
  let first = 0;
  let entered = 0;
  for (; reader.next(); entered++) {
    first ||= reader.record.time;
    const due = begin + Math.floor((reader.record.time - first) / 1_000 / PACE);
    while (world.clock.now() < due) {
      await during(entered);
      await world.pass(1);
    }
    // An answer enters after what it answers has left.
    if (entered % 16 === 0 || sides[entered] !== sides[entered - 1]) world.settle();
    const [from, to] = sides[entered] === 0 ? ['EN-1', 'EN-4'] : ['EN-4', 'EN-1'];
    const bytes = reader.record.bytes().slice();
    await world.outside.get(from!)!.send([bytes]);
    expected.get(to!)!.push(Buffer.from(bytes).toString('latin1'));
  }
  reader.close();
  await world.pass(1_000);
  return expected;
}

/** What a network received besides what it should have, and what it lacks. */
function difference(world: LanWorld, network: string, expected: readonly string[]): { missing: number; extra: number } {
  const counts = new Map<string, number>();
  for (const frame of expected) counts.set(frame, (counts.get(frame) ?? 0) + 1);
  let extra = 0;
  for (const frame of world.outside.get(network)!.received) {
    const left = counts.get(frame.toString('latin1')) ?? 0;
    if (left === 0) extra++;
    else counts.set(frame.toString('latin1'), left - 1);
  }
  return { missing: [...counts.values()].reduce((sum, n) => sum + n, 0), extra };
}

/** Nothing that entered is missing, and nothing left twice. */
function expectWhole(world: LanWorld, expected: ReadonlyMap<string, readonly string[]>): void {
  for (const [network, frames] of expected) {
    expect(frames.length).toBeGreaterThan(10_000);
    expect({ network, ...difference(world, network, frames) }).toEqual({ network, missing: 0, extra: 0 });
  }
  expect(world.failures).toEqual([]);
}

describe('figure 4 on a LAN whose switch is told what its plan says', () => {
  it('FG-577: carries a whole capture, and loses nothing and sends nothing twice when a node dies', async () => {
    const world = new LanWorld(join(EXAMPLES, 'figure-4.yaml'), HOSTS);
    await world.start();
    const { host } = world.agents.get('h2')!;
    let flows = 0;
    const expected = await play(world, async (entered) => {
      if (flows > 0 || entered < 12_000) return;
      flows = (await host.statistics()).find(({ node }) => node === AB2)!.flowsPrimary;
      await host.kill(AB2);
    });
    expect(flows).toBeGreaterThan(0);
    expectWhole(world, expected);
    // The topology without it is the one that new flows get.
    expect(world.state.clusters[AB]!.nodes[2]!.status).toBe('failed');
    const { version } = world.state.topology;
    expect([...world.agents.values()].map(({ agent }) => agent.topologies.stamped)).toEqual(
      HOST_NAMES.map(() => version),
    );
    const underlays = [...world.agents.values()].map((each) => each.host.portFigures().underlay);
    expect(underlays.map(({ dropped }) => dropped['no-link'] ?? 0)).toEqual(underlays.map(() => 0));
    await world.close();
  }, 300_000);

  it('FG-577: loses nothing when links that flows go by become others and are deleted', async () => {
    const world = new LanWorld(join(EXAMPLES, 'figure-4.yaml'), HOSTS);
    await world.start();
    const { links } = world.state.links;
    const named = (name: string): VirtualLink => Object.values(links).find((each) => each.name === name)!;
    const outcomes: Promise<Outcome>[] = [];
    const expected = await play(world, async (entered) => {
      if (entered < 6_000 + 6_000 * outcomes.length || outcomes.length === 2) return;
      const change = [{ ...named('VN-2'), kind: 'hub' as const }];
      const create = [{ ...named('VN-3'), id: 30, name: 'VN-30' }];
      const both = { create, change: [], delete: [named('VN-3').id] };
      const data = outcomes.length === 0 ? { create: [], change, delete: [] } : both;
      outcomes.push(world.command({ type: 'ArrangeLinks', data }));
    });
    expect((await Promise.all(outcomes)).map(({ status }) => status)).toEqual(['accepted', 'accepted']);
    expectWhole(world, expected);
    expect(Object.values(world.state.links.links).map(({ name }) => name)).not.toContain('VN-3');
    await world.close();
  }, 300_000);

  it('FG-578: says which agents have not the interfaces that they should have, and they restore what drifted', async () => {
    const world = new LanWorld(join(EXAMPLES, 'figure-4.yaml'), HOSTS);
    await world.start();
    await world.pass(1_100);
    const wrong = (): string[] => world.links.standing(world.state).flatMap((each) => (each.isRight ? [] : each.agent));
    expect(world.links.standing(world.state).map(({ agent, installed }) => [agent, installed])).toEqual([
      ['east', 2],
      ['h1', 9],
      ['h2', 9],
      ['h3', 6],
      ['west', 6],
    ]);
    expect(wrong()).toEqual([]);
    // Somebody takes AC-1's interface on VN-5 away.
    const { underlay, repaired, agent } = world.agents.get('h1')!;
    const whole = underlay.opened.installed;
    underlay.opened.install(whole.slice(0, -1));
    expect(await world.until(() => repaired.length > 0, 150)).toBe(true);
    expect([repaired, underlay.opened.installed, underlay.links().repaired]).toEqual([[1], whole, 1]);
    await world.pass(1_100);
    expect(wrong()).toEqual([]);
    expect(agent.nodes.told()).toHaveLength(3);
    // One that hears nothing of a new link has not got it.
    const cut = world.agents.get('h2')!;
    cut.bus.isCut = true;
    const link = { ...Object.values(world.state.links.links)[0]!, id: 40, name: 'VN-40' };
    void world.command({ type: 'CreateVirtualLink', data: link });
    await world.pass(300);
    expect(wrong()).toContain('h2');
    cut.bus.isCut = false;
    await world.pass(2_500);
    expect(wrong()).toEqual([]);
    expect(world.links.standing(world.state).find(({ agent: name }) => name === 'h2')!.installed).toBe(10);
    // What was deleted is taken away when the last topology that names it is retired, and only then its VLAN begins to rest.
    const [vlan] = Object.values(world.state.links.vlans).flatMap((each) => (each.link === 40 ? [each.vlan] : []));
    void world.command({ type: 'DeleteVirtualLink', data: { link: 40 } });
    await world.pass(5);
    expect(world.state.links.resting).toEqual({ [vlan!]: HELD });
    expect(cut.underlay.links().count).toBe(10);
    expect(await world.until(() => world.state.links.resting[vlan!] !== HELD, 10_000)).toBe(true);
    expect(world.state.links.resting[vlan!]).toBe(world.state.at);
    expect(cut.underlay.links().count).toBe(9);
    await world.close();
  }, 60_000);
});
