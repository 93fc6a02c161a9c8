import { SimClock } from '../../../../adapters/sim/sim-clock';
import { nodeRef } from '../../../../domain/base/ids';
import type { Topology } from '../../../../domain/topology/topology';
import { OnePeer } from '../../../../dataplane/packet-ports/udp/peers';
import { DatagramUnderlay } from '../../../../runtime/agent/host-underlay';
import { RealtimeHost } from '../../../../runtime/agent/realtime-host';
import { answer, question } from '../../../support/datagrams';
import { MemoryNet } from '../../../support/memory-net';
import { PortEnd } from '../../../support/port-end';
import { simulatedTime } from '../../../support/simulated-time';
import { IA, IC, published, twoStages } from '../../../support/topologies';

const START = 1_700_000_000_000;
const [TEN, TWENTY, PLAIN, FAR] = [1, 2, 3, 9];

/** Networks of VLANs 10, 20 and of no VLAN at IA, by one port; behind IC one network with all VLANs. */
const TOPOLOGY: Topology = (() => {
  const two = twoStages();
  const external = (id: number, network: number, vlans?: readonly number[]): Topology['links'][number] => ({
    id,
    name: `EL-${id}`,
    kind: 'external',
    members: [{ network }, { cluster: network === FAR ? IC : IA }],
    control: false,
    mtu: 1500,
    ...(vlans === undefined ? {} : { vlans }),
  });
  const [out, back] = two.paths;
  return {
    ...two,
    networks: [
      { id: TEN, name: 'EN-10', cluster: IA, tagged: true },
      { id: TWENTY, name: 'EN-20', cluster: IA, tagged: true },
      { id: PLAIN, name: 'EN-plain', cluster: IA, tagged: false },
      { id: FAR, name: 'EN-far', cluster: IC, tagged: true },
    ],
    links: [
      ...two.links,
      external(11, TEN, [10, 30]),
      external(12, TWENTY, [20, 30]),
      external(13, TWENTY, [21]),
      external(14, FAR),
      // The port takes no part in what another network names.
      external(15, FAR, [40]),
    ],
    paths: [
      { ...out!, from: [TEN, TWENTY, PLAIN], to: FAR },
      { ...back!, from: [FAR], to: TEN },
    ],
    clusters: two.clusters.map((cluster) => ({
      ...cluster,
      members: cluster.members.map((member) => ({ ...member, agent: 'a' })),
    })),
    agents: [{ name: 'a', address: 'a:1' }],
  };
})();

/** One agent with all nodes, in simulated time. */
class OneAgent {
  readonly shared = new PortEnd();
  readonly far = new PortEnd();
  host!: RealtimeHost;
  private due: (() => void)[] = [];

  async start(topology: Topology): Promise<this> {
    const net = new MemoryNet();
    const clock = new SimClock(START);
    await this.shared.open(net.opener('trunk:1', new OnePeer({ host: 'a', port: 2 })));
    await this.far.open(net.opener('far:1', new OnePeer({ host: 'a', port: 3 })));
    this.host = await RealtimeHost.start({
      agent: 'a',
      secret: new Uint8Array(32).fill(7),
      slots: 1024,
      bytes: 64 * 1024 * 1024,
      limits: { flows: 1024, connections: 1024 },
      baseDirectory: process.cwd(),
      taps: false,
      time: simulatedTime(clock, this.due),
      underlay: new DatagramUnderlay((peers) => net.opener('a:1', peers)),
      networks: [
        { names: ['EN-10', 'EN-20', 'EN-plain'], open: net.opener('a:2', new OnePeer({ host: 'trunk', port: 1 })) },
        { names: ['EN-far'], open: net.opener('a:3', new OnePeer({ host: 'far', port: 1 })) },
      ],
    });
    for (const { id, role, members } of topology.clusters)
      for (const { node } of members) await this.host.add(nodeRef(id, node), 1, role);
    await this.host.install(published(topology));
    await this.host.activate(topology.version);
    return this;
  }

  /** Sends frames from one end; what has come to either since. */
  async send(from: PortEnd, ...frames: Buffer[]): Promise<{ readonly shared: Buffer[]; readonly far: Buffer[] }> {
    await from.send(frames);
    do {
      for (const work of this.due.splice(0)) work();
    } while (this.due.length > 0);
    for (const end of [this.shared, this.far]) while (end.take() > 0);
    return { shared: this.shared.received.splice(0), far: this.far.received.splice(0) };
  }

  /** External networks of the flows that began, as their first INODE tells. */
  async began(): Promise<number[]> {
    const { events } = await this.host.harvest();
    return events
      .flatMap(({ events: told }) => told)
      .flatMap((event) => (event.type === 'FlowStarted' && event.observedAs === 'ingress' ? [event.network] : []));
  }
}

function tagged(vlan: number, frame: Buffer, type = 0x8100): Buffer {
  const tag = Buffer.alloc(4);
  tag.writeUInt16BE(type, 0);
  tag.writeUInt16BE(0x6000 | vlan, 2);
  return Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
}

const dropped = (agent: OneAgent, name: string): unknown => agent.host.portFigures().networks.get(name)!.dropped;
const SHARED = 'EN-10,EN-20,EN-plain';

describe('networks that share a port', () => {
  let agent: OneAgent;
  beforeEach(async () => void (agent = await new OneAgent().start(TOPOLOGY)));
  afterEach(() => agent.host.close());

  it.each([
    [TEN, 10, 0x8100],
    [TWENTY, 20, 0x8100],
    [TWENTY, 21, 0x88a8],
    [PLAIN, 0, 0x8100],
  ])(
    'FG-544: network %d has the frames of VLAN %d (EtherType %d), which keep their tag both ways',
    async (id, vlan, type) => {
      const asked = tagged(vlan, question(1, 1), type);
      expect(await agent.send(agent.shared, asked)).toEqual({ shared: [], far: [asked] });
      const answered = tagged(vlan, answer(question(1, 1)), type);
      expect(await agent.send(agent.far, answered)).toEqual({ shared: [answered], far: [] });
      expect(await agent.began()).toEqual([id]);
      expect(dropped(agent, SHARED)).toEqual({});
    },
  );

  it('FG-544: hosts with one address in two VLANs are two, and each gets its own answers', async () => {
    const [ten, twenty, plain] = [tagged(10, question(1, 1)), tagged(20, question(1, 1)), question(1, 1)];
    expect((await agent.send(agent.shared, ten, twenty, plain)).far.map(String).sort()).toEqual(
      [ten, twenty, plain].map(String).sort(),
    );
    expect((await agent.began()).sort()).toEqual([TEN, TWENTY, PLAIN]);
    for (const vlan of [10, 20]) {
      const answered = tagged(vlan, answer(question(1, 1)));
      expect((await agent.send(agent.far, answered)).shared).toEqual([answered]);
    }
  });

  it('FG-544: what no network names, or two do, enters by none and is counted', async () => {
    const frames = [30, 40, 99].map((vlan) => tagged(vlan, question(1, 1)));
    expect(await agent.send(agent.shared, ...frames)).toEqual({ shared: [], far: [] });
    expect(dropped(agent, SHARED)).toEqual({ 'unknown-vlan': 3 });
    expect(await agent.began()).toEqual([]);
  });

  it('FG-544: nothing leaves to a network with a VLAN ID of another, or without one', async () => {
    const own = tagged(10, question(2, 1));
    const others = [tagged(20, question(2, 1)), tagged(99, question(2, 1)), question(2, 1)];
    expect(await agent.send(agent.far, own, ...others)).toEqual({ shared: [own], far: [] });
    expect(dropped(agent, SHARED)).toEqual({ 'unknown-vlan': 3 });
  });

  it('FG-544: follows the links of the next topology; a port with one network takes all frames', async () => {
    const links = TOPOLOGY.links.map((link) => (link.id === 13 ? { ...link, vlans: [22] } : link));
    await agent.host.install(published({ ...TOPOLOGY, links, version: 2, wireId: 2 }));
    expect((await agent.send(agent.shared, tagged(21, question(1, 1)))).far).toEqual([]);
    expect((await agent.send(agent.shared, tagged(22, question(1, 1)))).far).toHaveLength(1);
    expect((await agent.send(agent.far, tagged(10, question(3, 1)), tagged(77, question(3, 1)))).shared).toHaveLength(
      1,
    );
    expect(agent.host.portFigures().networks.get('EN-far')).toMatchObject({ framesIn: 2, dropped: {} });
  });
});
