import { nodeRef } from '../../../../domain/base/ids';
import type { TopologyCluster, VirtualLink } from '../../../../domain/topology/topology';
import { D_FLAGS, D_FLOW_ID, DF_REPLICA } from '../../../../dataplane/frames/layout';
import { ACK, FIN, numbered, numberIn, SYN, tallyIn, tcp, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const [IA, AB, AC, AD, IB] = [1, 2, 3, 4, 5];
const CLIENT = '10.0.0.1';
const SERVER = '10.9.0.1';

const ALL: readonly VirtualLink[] = [
  {
    id: 1,
    name: 'VN-1',
    kind: 'switch',
    members: [IA, AB, AC, AD, IB].map((id) => ({ cluster: id })),
    control: false,
    mtu: 9000,
  },
];

type More = Partial<TopologyCluster>;

/** IA → AB → AC → AD → IB, with what the stages between are to be. */
function clustersWith(ab: More, ac: More, ad: More = {}): TopologyCluster[] {
  return [
    cluster(IA, 1, { role: 'inode' }),
    cluster(AB, 2, ab),
    cluster(AC, 2, ac),
    cluster(AD, 2, ad),
    cluster(IB, 1, { role: 'inode' }),
  ];
}

function gridOf(clusters: TopologyCluster[], selection: 'centralized' | 'distributed' = 'centralized'): TestGrid {
  return new TestGrid({ clusters, links: ALL, selection });
}

const request = (n: number, port = 5000): Uint8Array =>
  udp({ from: CLIENT, to: SERVER, fromPort: port, toPort: 53, payload: numbered(n) });
const reply = (n: number, port = 5000): Uint8Array =>
  udp({ from: SERVER, to: CLIENT, fromPort: 53, toPort: port, payload: numbered(n) });

function exchange(grid: TestGrid, from: number, to: number, port = 5000): void {
  for (let n = from; n < to; n++) {
    grid.inject(1, request(n, port));
    grid.settle();
    grid.inject(4, reply(n, port));
    grid.settle();
  }
}

/** From which stage to which frames went, originals and copies apart. */
function hops(grid: TestGrid): { originals: string[]; copies: string[]; ids: Set<number> } {
  const found = { originals: [] as string[], copies: [] as string[], ids: new Set<number>() };
  for (const { kind, from, to, bytes } of grid.taps) {
    if (kind !== 'sent') continue;
    const at = bytes.length - bytes[bytes.length - 1];
    const isCopy = (bytes[at + D_FLAGS] & DF_REPLICA) !== 0;
    (isCopy ? found.copies : found.originals).push(`${from >>> 7}>${to >>> 7}`);
    found.ids.add(new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + D_FLOW_ID));
  }
  return found;
}

function expectBalance(grid: TestGrid): void {
  const into = grid.total((node) => node.externalIn + node.received + node.created + node.copied + node.replicated);
  const dropped = grid.total((node) => Object.values(node.dropped).reduce((sum, n) => sum + n, 0));
  const out = grid.total((node) => node.externalOut + node.sent + node.consumed + node.suppressed + node.inFlight);
  expect(out + dropped).toBe(into);
}

describe('FG-80 FG-174: a cluster in mode copy gets copies, and nobody waits for it', () => {
  it.each(['centralized', 'distributed'] as const)('both ways, from the stage beside it (%s)', (selection) => {
    const grid = gridOf(clustersWith({}, { mode: 'copy' }), selection);
    exchange(grid, 0, 1);
    const { originals, copies, ids } = hops(grid);
    expect(originals).toEqual(['1>2', '2>4', '4>5', '5>4', '4>2', '2>1']);
    expect(copies).toEqual(['2>3', '4>3']);
    expect(ids.size).toBe(1);
    expect(grid.left.map(({ bytes }) => Buffer.from(bytes))).toEqual([Buffer.from(request(0)), Buffer.from(reply(0))]);
    expect([grid.total((node) => node.replicated), grid.dropped('replica-end')]).toEqual([2, 2]);
    expectBalance(grid);
  });

  it('sees what the stage before it made of the frames', () => {
    const tally = { function: { name: 'tally', config: {} } };
    const grid = gridOf(clustersWith(tally, { mode: 'copy' }));
    for (let n = 0; n < 3; n++) {
      grid.inject(1, request(n));
      grid.settle();
    }
    const copies = grid.taps.filter(({ kind, to }) => kind === 'sent' && to >>> 7 === AC);
    const inside = copies.map(({ bytes }) => tallyIn(bytes.subarray(0, bytes.length - bytes[bytes.length - 1])));
    expect(inside).toEqual([1, 2, 3]);
  });

  it('whatever its function makes of them, the frames themselves leave unchanged', () => {
    const grid = gridOf(clustersWith({}, { mode: 'copy', function: { name: 'tally', config: {} } }));
    exchange(grid, 0, 5);
    expect(grid.left.map(({ bytes }) => numberIn(bytes))).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    for (const { bytes, network } of grid.left) {
      const sent = network === 4 ? request(numberIn(bytes)) : reply(numberIn(bytes));
      expect(Buffer.from(bytes)).toEqual(Buffer.from(sent));
    }
  });

  it('neighbours in mode copy hand copies on to each other', () => {
    const grid = gridOf(clustersWith({}, { mode: 'copy' }, { mode: 'copy' }));
    exchange(grid, 0, 1);
    const { originals, copies } = hops(grid);
    expect(originals).toEqual(['1>2', '2>5', '5>2', '2>1']);
    expect([...copies].sort()).toEqual(['2>3', '3>4', '4>3', '5>4']);
    expectBalance(grid);
  });

  it('right behind the INODE the INODE copies', () => {
    const grid = gridOf(clustersWith({ mode: 'copy' }, {}));
    exchange(grid, 0, 1);
    const { originals, copies } = hops(grid);
    expect(originals).toEqual(['1>3', '3>4', '4>5', '5>4', '4>3', '3>1']);
    expect(copies).toEqual(['1>2', '3>2']);
  });

  it.each(['redirect', 'discard', 'backup'] as const)(
    'the loss of its node, or of all, takes nothing from the flow (%s)',
    (failure) => {
      const grid = gridOf(clustersWith({}, { mode: 'copy', failure }));
      exchange(grid, 0, 2);
      const first = grid.taps.find(({ kind, to }) => kind === 'sent' && to >>> 7 === AC)!.to;
      const second = nodeRef(AC, 3 - (first & 0x7f));
      grid.kill(first);
      exchange(grid, 2, 4);
      grid.beats(6);
      grid.taps.length = 0;
      exchange(grid, 4, 6);
      expect(hops(grid).copies).toEqual(['2>3', '4>3', '2>3', '4>3']);
      expect(grid.taps.filter(({ to }) => to >>> 7 === AC).every(({ to }) => to === second)).toBe(true);
      // Told by both stages that give copies.
      const move = { from: first, to: second };
      expect(grid.allEvents().filter(({ type }) => type === 'FlowRerouted')).toMatchObject([move, move]);
      grid.kill(second);
      grid.beats(6);
      exchange(grid, 6, 8);
      exchange(grid, 0, 1, 6000);
      expect(grid.left).toHaveLength(18);
    },
  );

  it('ends with the flow', () => {
    const grid = gridOf(clustersWith({}, { mode: 'copy' }));
    const ends = { from: CLIENT, to: SERVER, fromPort: 5000, toPort: 80, payload: numbered(0) };
    const back = { from: SERVER, to: CLIENT, fromPort: 80, toPort: 5000, payload: numbered(0) };
    for (const [network, frame] of [
      [1, tcp({ ...ends, flags: SYN, seq: 1 })],
      [4, tcp({ ...back, flags: SYN | ACK, seq: 1, ack: 2 })],
      [1, tcp({ ...ends, flags: FIN | ACK, seq: 2, ack: 2 })],
      [4, tcp({ ...back, flags: FIN | ACK, seq: 2, ack: 27 })],
      [1, tcp({ ...ends, flags: ACK, seq: 27, ack: 27 })],
    ] as const) {
      grid.inject(network, frame);
      grid.settle();
    }
    expect(grid.total((node) => (node.node >>> 7 === AC ? node.flowsPrimary : 0))).toBe(1);
    grid.beats(2000);
    expect(grid.total((node) => node.flowsPrimary + node.flowsBackup)).toBe(0);
  });

  it('a takeover in the stage that copies goes on copying', () => {
    const grid = gridOf(clustersWith({ failure: 'backup' }, { mode: 'copy' }));
    exchange(grid, 0, 3);
    grid.kill(grid.taps.find(({ kind, from, to }) => kind === 'sent' && from >>> 7 === AB && to >>> 7 === AD)!.from);
    exchange(grid, 3, 5);
    grid.beats(10);
    exchange(grid, 5, 7);
    expect(grid.left.map(({ bytes }) => numberIn(bytes)).sort()).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]);
    expect(hops(grid).copies.slice(-4)).toEqual(['2>3', '4>3', '2>3', '4>3']);
  });
});

describe('FG-80 FG-175: modes are switched for new flows, and hold for a flow’s life', () => {
  it.each([
    ['bypass', ['1>2', '2>4', '4>5']],
    ['copy', ['1>2', '2>4', '4>5']],
    ['through', ['1>2', '2>3', '3>4', '4>5']],
  ] as const)('to %s', (mode, expected) => {
    const before = mode === 'through' ? 'copy' : 'through';
    const grid = gridOf(clustersWith({}, { mode: before }));
    exchange(grid, 0, 1, 5000);
    const old = hops(grid).originals;
    grid.change(clustersWith({}, { mode }));
    grid.taps.length = 0;
    grid.inject(1, request(9, 6000));
    grid.settle();
    expect(hops(grid).originals).toEqual(expected);
    grid.taps.length = 0;
    exchange(grid, 1, 2, 5000);
    expect(hops(grid).originals).toEqual(old);
  });

  it('to drop: new flows end where they would begin, old ones go on', () => {
    const grid = gridOf(clustersWith({}, {}));
    exchange(grid, 0, 1, 5000);
    grid.change(clustersWith({}, { mode: 'drop' }));
    exchange(grid, 1, 2, 5000);
    grid.inject(1, request(5, 6000));
    grid.settle();
    expect(grid.left).toHaveLength(4);
    expect(grid.dropped('cluster-drop')).toBe(1);
  });
});

describe('FG-81 FG-176: when no member of a cluster is left', () => {
  it.each([
    ['bypass', 4, 0],
    ['drop', 0, 1],
  ] as const)('%s: new flows pass it over or end', (whenEmpty, left, dropped) => {
    const grid = gridOf(clustersWith({}, { whenEmpty }));
    for (const node of [1, 2]) grid.kill(nodeRef(AC, node));
    grid.beats(6);
    grid.inject(1, request(0));
    grid.settle();
    expect(grid.left).toHaveLength(left === 0 ? 0 : 1);
    expect(grid.dropped('no-member')).toBe(dropped);
  });

  it.each([
    ['bypass', 'redirect'],
    ['drop', 'redirect'],
  ] as const)('%s: flows under way do the same', (whenEmpty, failure) => {
    const grid = gridOf(clustersWith({}, { whenEmpty, failure }));
    exchange(grid, 0, 2);
    for (const node of [1, 2]) grid.kill(nodeRef(AC, node));
    grid.beats(6);
    exchange(grid, 2, 4);
    expect(grid.left).toHaveLength(whenEmpty === 'bypass' ? 8 : 4);
    expect(grid.dropped('no-member')).toBe(whenEmpty === 'bypass' ? 0 : 4);
  });
});
