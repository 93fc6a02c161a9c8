import { clusterOf } from '../../../../domain/base/ids';
import { createPrng } from '../../../../domain/base/prng';
import type { FailurePolicy, FunctionSpec, Topology, VirtualLink } from '../../../../domain/topology/topology';
import type { FunctionDefinition } from '../../../../dataplane/functions/function';
import { DetourGrid, detourAfter, HELD } from './detour-grid';
import { ACK, numbered, numberIn, RST, SYN, tcp, udp } from './frames';
import { cluster } from './test-grid';

const ENDS = { from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000, toPort: 53 };
const BACK = { from: ENDS.to, to: ENDS.from, fromPort: ENDS.toPort, toPort: ENDS.fromPort };

/** Lets a flow leave out the cluster behind from its `after`-th forward frame on. */
const trusting = (after: number): FunctionDefinition => detourAfter('trusting', after, { skip: ['C3'] });

/** Flows to the shop go past the third cluster; which ones those are is known when they have named their host. */
const BY_HOST: Topology['policies'] = [
  {
    id: 1,
    name: 'shop',
    flowType: 8,
    typeName: 'shop',
    match: { httpHost: ['shop.*'] },
    paths: ['short'],
    criteria: 'static',
  },
  { id: 2, name: 'all', flowType: 9, typeName: 'o', match: {}, paths: ['long', 'back'], criteria: 'static' },
];

interface Shape {
  readonly policies?: Topology['policies'];
  /** Links join neighbours on the path alone. */
  readonly isChained?: boolean;
  readonly function: FunctionSpec;
  readonly after?: number;
  readonly failure?: FailurePolicy;
  readonly selection?: Topology['selection'];
}

/** Five clusters, all on one link, whose third can be left out; every node is drained for itself. */
class Shortened extends DetourGrid {
  constructor(shape: Shape) {
    const clusters = [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 2, { failure: shape.failure ?? 'backup', function: shape.function }),
      cluster(3, 2, { failure: 'backup', function: { name: 'tally', config: {} } }),
      cluster(4, 2, { failure: 'backup', selector: 'round-robin' }),
      cluster(5, 1, { role: 'inode' }),
    ];
    const link: VirtualLink = {
      id: 1,
      name: 'VN-1',
      kind: 'switch',
      members: clusters.map(({ id }) => ({ cluster: id })),
      control: false,
      mtu: 9000,
    };
    super(clusters, {
      ...(shape.isChained === true ? {} : { links: [link] }),
      paths: [
        { id: 1, name: 'long', from: [1], to: 4, clusters: [1, 2, 3, 4, 5] },
        { id: 2, name: 'short', from: [1], to: 4, clusters: [1, 2, 4, 5] },
        { id: 3, name: 'back', from: [4], to: 1, clusters: [5, 4, 3, 2, 1] },
      ],
      policies: shape.policies ?? BY_HOST.slice(1),
      functions: [trusting(shape.after ?? 1)],
      ...(shape.selection === undefined ? {} : { selection: shape.selection }),
    });
  }
}

describe('a function that shortens the path of a flow', () => {
  const shortens: FunctionSpec = { name: 'trusting', config: {} };

  test.each(['centralized', 'distributed'] as const)(
    'FG-187: from the first frame on, both ways leave out the cluster, and the log says so (%s)',
    (selection) => {
      const g = new Shortened({ function: shortens, selection });
      for (let i = 1; i <= 3; i++) {
        expect(g.visits(1, udp({ ...ENDS, payload: numbered(i) }))).toEqual([1, 2, 4]);
        expect(g.visits(4, udp({ ...BACK, payload: numbered(i) }))).toEqual([5, 4, 2]);
      }
      expect(g.grid.left.map(({ bytes }) => numberIn(bytes))).toEqual([1, 1, 2, 2, 3, 3]);
      expect(g.verdicts()).toMatchObject(HELD);
      const told = g.grid.allEvents().filter(({ type }) => type === 'FlowRerouted');
      expect(told).toMatchObject([{ reason: 'diverted', to: 0 }]);
      expect(g.toldRoute()).toEqual([1, 2, 4, 5]);
    },
  );

  test('FG-187: in the middle of a flow, and no frame overtakes those that go the long way', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const g = new Shortened({
        function: shortens,
        after: 12,
        selection: seed % 2 === 0 ? 'centralized' : 'distributed',
        failure: seed % 3 === 0 ? 'redirect' : 'backup',
      });
      const prng = createPrng(seed);
      expect(g.visits(1, udp({ ...ENDS, payload: numbered(1) }))).toEqual([1, 2, 3, 4]);
      for (let n = 2; n <= 60; n++) {
        g.grid.inject(1, udp({ ...ENDS, payload: numbered(n) }));
        g.grid.inject(4, udp({ ...BACK, payload: numbered(n - 1) }));
        for (let steps = prng.below(8); steps > 0; steps--) {
          g.grid.group(g.refs[prng.below(g.refs.length)]).run(g.grid.now);
        }
      }
      g.grid.settle();
      for (const [network, most] of [
        [4, 60],
        [1, 59],
      ]) {
        const numbers = g.grid.left.filter(({ network: to }) => to === network).map(({ bytes }) => numberIn(bytes));
        expect({ seed, network, numbers }).toEqual({ seed, network, numbers: numbers.map((_, i) => i + 1) });
        expect(numbers).toHaveLength(most);
      }
      expect({ seed, ...g.verdicts() }).toMatchObject({ seed, ...HELD });
      expect(g.visits(1, udp({ ...ENDS, payload: numbered(61) }))).toEqual([1, 2, 4]);
      expect(g.visits(4, udp({ ...BACK, payload: numbered(60) }))).toEqual([5, 4, 2]);
      expect(g.toldRoute()).toEqual([1, 2, 4, 5]);
      expect(g.grid.dropped('duplicate') + g.grid.dropped('fenced')).toBe(0);
    }
  });

  test('FG-187: the backup of the node that shortened the path goes on with the short one', () => {
    const g = new Shortened({ function: shortens, selection: 'distributed' });
    g.visits(1, udp({ ...ENDS, payload: numbered(1) }));
    g.visits(4, udp({ ...BACK, payload: numbered(1) }));
    const first = g.grid.taps.find(({ kind, from }) => kind === 'sent' && clusterOf(from) === 2)!.from;
    const behind = g.grid.taps.find(({ kind, from }) => kind === 'sent' && clusterOf(from) === 4)!.from;
    g.grid.kill(first);
    g.grid.beats(8);
    const from = g.grid.taps.length;
    expect(g.visits(1, udp({ ...ENDS, payload: numbered(2) }))).toEqual([1, 2, 4]);
    expect(g.grid.taps.slice(from).some(({ from: node }) => node === behind)).toBe(true);
    expect(g.visits(4, udp({ ...BACK, payload: numbered(2) }))).toEqual([5, 4, 2]);
    expect(g.grid.left.map(({ bytes }) => numberIn(bytes))).toEqual([1, 1, 2, 2]);
  });

  test('FG-187: a flow stays on its path where no link leads past the cluster', () => {
    const g = new Shortened({ function: shortens, isChained: true });
    expect(g.visits(1, udp({ ...ENDS, payload: numbered(1) }))).toEqual([1, 2, 3, 4]);
    expect(g.verdicts()).toMatchObject(HELD);
    expect(g.grid.allEvents().some(({ type }) => type === 'FlowRerouted')).toBe(false);
  });

  test('FG-187: nodes that are left out forget the flow when it ends', () => {
    const g = new Shortened({ function: shortens, after: 3 });
    const flags = [SYN, ACK, ACK, ACK];
    flags.forEach((flag, i) => g.visits(1, tcp({ ...ENDS, flags: flag, seq: 100 + i, payload: new Uint8Array(0) })));
    const live = (): number => g.grid.total(({ flowsPrimary, flowsBackup }) => flowsPrimary + flowsBackup);
    expect(live()).toBeGreaterThan(4);
    g.visits(1, tcp({ ...ENDS, flags: RST, seq: 104, payload: new Uint8Array(0) }));
    g.grid.beats(3_000);
    expect(live()).toBe(0);
  });

  test('FG-187: the packet filter sends connections that a rule trusts past the clusters that it names', () => {
    const rules = [{ action: 'allow', from: ['10.0.0.0/24'], skip: ['C3'] }, { action: 'allow' }];
    const g = new Shortened({ function: { name: 'packet-filter', config: { rules } } });
    expect(g.visits(1, udp({ ...ENDS, payload: numbered(1) }))).toEqual([1, 2, 4]);
    expect(g.visits(4, udp({ ...BACK, payload: numbered(1) }))).toEqual([5, 4, 2]);
    const stranger = { ...ENDS, from: '10.0.7.1' };
    expect(g.visits(1, udp({ ...stranger, payload: numbered(1) }))).toEqual([1, 2, 3, 4]);
    expect(g.visits(4, udp({ ...BACK, to: stranger.from, payload: numbered(1) }))).toEqual([5, 4, 3, 2]);
    expect(g.verdicts()).toMatchObject(HELD);
  });
});

describe('a policy that needs later bytes', () => {
  test.each(['centralized', 'distributed'] as const)(
    'FG-188: chooses the tail of the path when the host is known, and no frame overtakes another (%s)',
    (selection) => {
      const g = new Shortened({ function: { name: 'pass', config: {} }, selection, policies: BY_HOST });
      const get = new TextEncoder().encode('GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n');
      const empty = new Uint8Array(0);
      const there = (flags: number, seq: number, payload = empty): Uint8Array =>
        tcp({ ...ENDS, flags, seq, ack: 501, payload });
      const back = (flags: number, seq: number, payload = empty): Uint8Array =>
        tcp({ ...BACK, flags, seq, ack: 101, payload });
      expect(g.visits(1, there(SYN, 100))).toEqual([1, 2, 3, 4]);
      expect(g.visits(4, back(SYN | ACK, 500))).toEqual([5, 4, 3, 2]);
      expect(g.visits(1, there(ACK, 101))).toEqual([1, 2, 3, 4]);
      g.visits(1, there(ACK, 101, get));
      expect(g.visits(4, back(ACK, 501))).toEqual([5, 4, 2]);
      expect(g.visits(1, there(ACK, 101 + get.length))).toEqual([1, 2, 4]);
      expect(g.grid.left).toHaveLength(6);
      expect(g.verdicts()).toMatchObject(HELD);
      expect(g.toldRoute()).toEqual([1, 2, 4, 5]);
    },
  );

  test('FG-188: a flow that names another host stays on its path', () => {
    const g = new Shortened({ function: { name: 'pass', config: {} }, policies: BY_HOST });
    const get = new TextEncoder().encode('GET / HTTP/1.1\r\nHost: other.test\r\n\r\n');
    const empty = new Uint8Array(0);
    g.visits(1, tcp({ ...ENDS, flags: SYN, seq: 100, payload: empty }));
    g.visits(4, tcp({ ...BACK, flags: SYN | ACK, seq: 500, ack: 101, payload: empty }));
    g.visits(1, tcp({ ...ENDS, flags: ACK, seq: 101, ack: 501, payload: get }));
    expect(g.visits(1, tcp({ ...ENDS, flags: ACK, seq: 140, ack: 501, payload: empty }))).toEqual([1, 2, 3, 4]);
  });
});
