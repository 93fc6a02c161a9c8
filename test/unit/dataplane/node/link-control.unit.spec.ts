import { LINK_PROTOCOLS, type LinkProtocol, type Topology } from '../../../../domain/topology/topology';
import { cluster, TestGrid } from './test-grid';
import { numbered, udp } from './frames';

const [WEST, EAST, NORTH] = [1, 4, 5];

/** Three networks of one bridge domain; `filters` of each. */
function grid(filters: Readonly<Record<number, readonly LinkProtocol[]>> = {}): TestGrid {
  const network = (id: number, at: number): Topology['networks'][number] => ({
    id,
    name: `EN-${id}`,
    cluster: at,
    tagged: false,
    bridge: 1,
    ...(filters[id] === undefined ? {} : { filters: filters[id] }),
  });
  return new TestGrid({
    clusters: [cluster(1, 1, { role: 'inode' }), cluster(2, 2), cluster(3, 1, { role: 'inode' })],
    networks: [network(WEST, 1), network(EAST, 3), network(NORTH, 3)],
  });
}

function frame(to: string, type: number, from = 1): Uint8Array {
  const bytes = Buffer.alloc(60);
  bytes.write(to, 0, 'hex');
  bytes.writeUIntBE(0x020000000000 + from, 6, 6);
  bytes.writeUInt16BE(type, 12);
  if (type < 0x600) bytes.set([0x42, 0x42, 3], 14);
  return bytes;
}

const BPDU = frame('0180c2000000', 38);
const LLDP = frame('0180c200000e', 0x88cc);
const LACP = frame('0180c2000002', 0x8809);
const CDP = frame('01000ccccccc', 0x2000);
const EAPOL = frame('0180c2000003', 0x888e);
const PAUSE = frame('0180c2000001', 0x8808);
const CONTROLS: Readonly<Record<LinkProtocol, Uint8Array>> = {
  spanningTree: BPDU,
  lacp: LACP,
  lldp: LLDP,
  cdp: CDP,
  other: EAPOL,
};

function reached(g: TestGrid, network: number, bytes: Uint8Array): number[] {
  const before = g.left.length;
  g.inject(network, bytes);
  g.settle();
  const left = g.left.slice(before);
  for (const each of left) expect(Buffer.from(each.bytes)).toEqual(Buffer.from(bytes));
  return left.map((each) => each.network).sort();
}

describe('control protocols of the outside', () => {
  test('FG-542: pass as over a wire where nothing is said, but for pause frames, which concern one cable', () => {
    const g = grid();
    for (const protocol of LINK_PROTOCOLS) expect(reached(g, WEST, CONTROLS[protocol])).toEqual([EAST, NORTH]);
    expect(g.dropped('link-control')).toBe(0);
    expect(reached(g, WEST, PAUSE)).toEqual([]);
    expect(reached(g, EAST, frame('020000000009', 0x8808))).toEqual([]);
    expect(g.dropped('link-control')).toBe(2);
  });

  test.each(LINK_PROTOCOLS)('FG-542: %s does not enter from a network that filters it, the others do', (filtered) => {
    const g = grid({ [WEST]: [filtered] });
    for (const protocol of LINK_PROTOCOLS) {
      expect(reached(g, WEST, CONTROLS[protocol])).toEqual(protocol === filtered ? [] : [EAST, NORTH]);
    }
    expect(g.dropped('link-control')).toBe(1);
    const started = g.allEvents().filter((each) => each.type === 'FlowStarted' && each.observedAs === 'ingress');
    expect(started).toHaveLength(LINK_PROTOCOLS.length - 1);
  });

  test.each([EAST, NORTH])('FG-542: nor does it leave to network %d if that one filters it, but to the rest', (to) => {
    const g = grid({ [to]: ['spanningTree'] });
    for (let n = 0; n < 2; n++) expect(reached(g, WEST, BPDU)).toEqual(to === EAST ? [NORTH] : [EAST]);
    expect(reached(g, WEST, LLDP)).toEqual([EAST, NORTH]);
    expect(g.dropped('link-control')).toBe(2);
  });

  test('FG-542: a reserved address is filtered whatever the frame is made to look like', () => {
    const g = grid({ [WEST]: ['lldp', 'other'] });
    const packet = udp({ from: '10.0.0.1', to: '10.9.0.2', fromPort: 1, toPort: 2, payload: numbered(1) });
    const disguised = Uint8Array.from(packet);
    disguised.set([0x01, 0x80, 0xc2, 0, 0, 0x0e], 0);
    expect(reached(g, WEST, disguised)).toEqual([]);
    expect(reached(g, WEST, packet)).toEqual([EAST, NORTH]);
    // Its connection is known by now.
    expect(reached(g, WEST, disguised)).toEqual([]);
    expect(reached(g, WEST, packet)).toEqual([EAST, NORTH]);
  });

  test('FG-542: what is filtered holds for flows that live, from the next topology on', () => {
    const g = grid();
    expect(reached(g, WEST, BPDU)).toEqual([EAST, NORTH]);
    g.topology = {
      ...g.topology,
      networks: g.topology.networks.map((each) => ({ ...each, filters: ['spanningTree'] })),
    };
    for (const group of g.groups) {
      group.install({ topology: { ...g.topology, version: 2, wireId: 2 }, seq: 2, hash: '', dead: [] });
      group.activate(2);
    }
    expect(reached(g, WEST, BPDU)).toEqual([]);
  });
});
