import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lan, LanPort } from '../../domain/link/plan';
import { lanOf, pluggedNodes } from '../../projections/lan';
import { foreseenState, loadGridFile } from '../../runtime/control/grid-file';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import type { Site } from '../services/site';
import { describeWithServer } from '../services/suite';
import { AgentGrid, HOSTED } from '../support/agent-grid';
import { LabNetwork, labAvailable } from '../support/lab/network';
import { LAN_INTERFACE, RealLan } from '../support/lab/real-lan';
import { OutsideWorld } from '../support/outside-world';
import { flowgrid } from '../support/up-process';

const FILE = join(__dirname, '../../examples/agents.yaml');
const AGENTS = Object.keys(HOSTED);
const FLOWS = Array.from({ length: 24 }, (_, flow) => flow);

const allAvailable = (): ReturnType<typeof labAvailable> => [labAvailable()].find(({ ok }) => !ok) ?? natsAvailable();

/** The switch is a part of this process, and that may be held up: it must not look like everybody's death. */
function patient(file: string): string {
  return file.replace('detectMultiplier: 5', 'detectMultiplier: 15');
}

/** The LAN of a new grid of the file, and a port for each agent's host. */
function planned(): { readonly plan: Lan; readonly ports: readonly LanPort[] } {
  const state = foreseenState(loadGridFile(readFileSync(FILE, 'utf8'), FILE));
  const nodes = pluggedNodes(state);
  const ports = AGENTS.map((name) => ({
    name,
    nodes: nodes.filter((node) => HOSTED[name]!.includes(node.name)).map(({ address }) => address),
  }));
  return { plan: lanOf(state), ports };
}

describeWithServer('a grid of agents on a LAN of network interfaces', allAvailable, () => {
  let network: LabNetwork;
  let lan: RealLan | undefined;
  let nats: NatsServer;
  let grid: AgentGrid;

  beforeAll(async () => {
    network = LabNetwork.create(AGENTS);
    const { plan, ports } = planned();
    const hosts = AGENTS.map((name) => network.host(name));
    lan = await RealLan.start(plan, ports, hosts);
    nats = await startNats(network.host('here'));
    const at = (name: string): Site => network.host(AGENTS.includes(name) ? name : 'here');
    grid = new AgentGrid({ nats: nats.servers }, { at, lan: LAN_INTERFACE }, { change: patient });
    await grid.start();
  }, 120_000);
  afterAll(async () => {
    await grid?.end();
    await nats?.stop();
    await lan?.stop();
    await network?.remove();
  });

  test('FG-581: carries flows both ways by the VLANs of its links, and loses none when an agent is killed', async () => {
    const world = new OutsideWorld();
    await world.open(grid.west, grid.east);
    for (let n = 0; n < 10; n++) await world.round(FLOWS, n);
    const status = await flowgrid('status', '--grid', 'agents', '--nats', nats.servers);
    expect(status.stdout).toContain('links    5 of 5 agents on the LAN have the interfaces that they should have');
    // A host whose interface was removed and made again goes on with it.
    lan!.replug(AGENTS.indexOf('h1'));
    await grid.agent('h1').until(({ repaired = 0 }) => repaired > 0);
    for (let n = 10; n < 15; n++) await world.round(FLOWS, n);
    await world.round(FLOWS, 15, () => grid.agent('h2').kill());
    for (let n = 16; n < 25; n++) await world.round(FLOWS, n);
    expect(world.came.questions.sort()).toEqual(world.asked.sort());
    expect(world.came.answers.sort()).toEqual(world.answered.sort());
    await world.close();
    // Each node was heard, in VLANs of its links, and nothing came that its port is not to send.
    expect(new Set(lan!.switch.addresses().map(({ port }) => port)).size).toBe(AGENTS.length);
    expect(lan!.switch.dropped).toMatchObject({ 'no-vlan': 0, 'not-member': 0 });
    const { state } = await grid.until(({ state: now }) =>
      [2, 3].every((cluster) => now.clusters[cluster]!.nodes[2]!.status === 'failed'),
    );
    expect(Object.values(state.agents).map(({ address }) => address)).toEqual(AGENTS.map(() => 'lan/eth1'));
  });

  test('FG-580: an agent that cannot have its interface says why, and what to do', async () => {
    const common = ['agent', '--grid', 'agents', '--name', 'x', '--nats', nats.servers];
    const { code, stderr } = await flowgrid(...common, '--key', join(grid.dir, 'grid.key'), '--lan', 'nowhere0');
    expect(code).toBe(2);
    expect(stderr).toContain('there is no interface nowhere0');
    expect(stderr).toContain('name one of');
  });
});
