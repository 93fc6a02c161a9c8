import { lanOfTopology } from '../../../../domain/link/lan-links';
import type { PublishedTopology, Topology, VirtualLink } from '../../../../domain/topology/topology';
import { LanUnderlay } from '../../../../runtime/agent/host-underlay';
import { PLACEMENT, spreadStages } from '../../../support/agents';
import { answer } from '../../../support/datagrams';
import { LanNet, withVlanIds } from '../../../support/lan-net';
import { AB, AC, IA, IC } from '../../../support/topologies';
import { ADDRESSES, DETECT, HELLO_MS, sorted, ThreeAgents } from './three-agents';

const clusters = (...ids: number[]): VirtualLink['members'] => ids.map((cluster) => ({ cluster }));

function link(id: number, parts: Partial<VirtualLink>): VirtualLink {
  return { id, name: `VN-${id}`, kind: 'switch', members: [], control: false, mtu: 9000, ...parts };
}

/** What the control frames of the whole grid go on. */
const CONTROL = link(9, { members: clusters(IA, IC, AB, AC), control: true });

const LINKS: readonly (readonly [name: string, links: readonly VirtualLink[]])[] = [
  [
    'switches',
    [
      link(1, { members: clusters(IA, AB) }),
      link(2, { members: clusters(AB, AC) }),
      link(3, { members: clusters(AC, IC) }),
    ],
  ],
  [
    'cables and stars',
    [
      link(1, { kind: 'star', members: clusters(IA, AB) }),
      link(2, { kind: 'cable', members: clusters(AB, AC) }),
      link(3, { kind: 'star', members: clusters(IC, AC) }),
    ],
  ],
  [
    'hubs and one-way cables',
    [
      link(1, { kind: 'hub', members: clusters(IA, AB) }),
      link(2, { kind: 'cable', members: clusters(AB, AC), direction: 'forward' }),
      link(3, { kind: 'cable', members: clusters(AB, AC), direction: 'backward' }),
      link(4, { kind: 'hub', members: clusters(AC, IC) }),
    ],
  ],
  [
    'clustered links and a star in hub mode',
    [
      link(1, { kind: 'clustered', members: clusters(IA, AB) }),
      link(2, { kind: 'clustered', members: clusters(AB, IA) }),
      link(3, { members: clusters(AB, AC) }),
      link(4, { kind: 'star', members: clusters(IC, AC), hub: true }),
    ],
  ],
];

/** Three agents on a LAN whose switch is told what the plan of these links says; they know their links from topologies alone. */
async function onLan(links: readonly VirtualLink[]): Promise<{ agents: ThreeAgents; net: LanNet }> {
  const published = spreadStages(ADDRESSES, HELLO_MS, DETECT);
  const { networks } = published.topology;
  const topology: Topology = {
    ...published.topology,
    links: withVlanIds({ links: [...links, CONTROL], networks }),
  };
  let net: LanNet | undefined;
  const places = Object.entries(PLACEMENT).map(([name, nodes]) => ({
    name,
    nodes: nodes.map(([cluster, node]) => ({ cluster, node })),
  }));
  const agents = new ThreeAgents((agent, clock) => {
    net ??= new LanNet(clock, lanOfTopology(topology), places);
    return new LanUnderlay(net.opener(agent));
  });
  const whole: PublishedTopology = { ...published, topology };
  await agents.start(whole);
  return { agents, net: net! };
}

describe('agents whose links are VLANs of a LAN', () => {
  it.each(LINKS)('FG-511: carry flows over %s byte for byte, both ways, and find nobody dead', async (_, links) => {
    const { agents, net } = await onLan(links);
    const asked: Buffer[] = [];
    for (let n = 0; n < 15; n++) {
      asked.push(...agents.ask(30, n));
      agents.run(7);
    }
    agents.run(5 * HELLO_MS);
    expect(sorted(agents.servers.received)).toEqual(sorted(asked));
    expect(sorted(agents.clients.received)).toEqual(sorted(asked.map(answer)));
    const harvests = await Promise.all([...agents.hosts.values()].map((host) => host.harvest()));
    expect(harvests.flatMap(({ detections }) => detections)).toEqual([]);
    for (const host of agents.hosts.values()) {
      const { framesIn, framesOut, dropped } = host.portFigures().underlay;
      expect([framesIn > 100, framesOut > 100, dropped['no-link']]).toEqual([true, true, undefined]);
    }
    // Nobody was handed what was another's.
    const nodes = (await Promise.all([...agents.hosts.values()].map((host) => host.statistics()))).flat();
    expect(nodes.map(({ dropped }) => dropped)).toEqual(nodes.map(() => ({})));
    // Agent b has no INODE, and hears no VLAN that only an INODE's side of a link hears.
    const heard = [...net.heardBy('b')];
    const theirs = links
      .filter(({ kind, hub }) => kind === 'star' && hub !== true)
      .map(({ id }) => net.vlansOf(id)[1]!);
    for (const vlan of theirs) expect(heard).not.toContain(vlan);
    // Leaves have no other link to each other than the one for control, which nobody else needs.
    expect(heard.includes(net.vlansOf(CONTROL.id)[0]!)).toBe(theirs.length > 0);
    await agents.close();
  });

  it.each(LINKS)('FG-512: lose no frame and get none twice over %s when an agent dies', async (_, links) => {
    const { agents, net } = await onLan(links);
    const asked: Buffer[] = [];
    for (let n = 0; n < 40; n++) {
      if (n === 15) net.unplug('b');
      asked.push(...agents.ask(30, n));
      agents.run(3);
    }
    agents.run(4 * HELLO_MS * DETECT);
    expect(await agents.events('a', 'c')).toContain('FlowTakenOver');
    expect(sorted(agents.servers.received)).toEqual(sorted(asked));
    expect(sorted(agents.clients.received)).toEqual(sorted(asked.map(answer)));
    await agents.close();
  });
});
