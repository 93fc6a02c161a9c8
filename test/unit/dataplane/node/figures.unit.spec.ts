import { clusterOf, nodeOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import type { SelectorKind, TopologyCluster } from '../../../../domain/topology/topology';
import { numbered, udp } from './frames';
import { cluster, TestGrid, type TestGridOptions } from './test-grid';

const ENDS = { from: '10.0.0.1', to: '10.9.0.1', toPort: 53 };

function request(port: number): Uint8Array {
  return udp({ ...ENDS, fromPort: port, payload: numbered(port) });
}

/** A new flow from `port`, and the node of a cluster that it went through. */
function open(g: TestGrid, port: number, id: number): NodeRef {
  const from = g.taps.length;
  g.inject(1, request(port));
  g.settle();
  const sent = g.taps.slice(from).find((tap) => tap.kind === 'sent' && clusterOf(tap.from) === id);
  return sent?.from ?? 0;
}

function threeStages(selector: SelectorKind, more: Partial<TestGridOptions> = {}): TestGrid {
  return new TestGrid({
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 2),
      cluster(3, 2, { selector }),
      cluster(4, 1, { role: 'inode' }),
    ],
    ...more,
  });
}

describe('what nodes tell of their load', () => {
  test('FG-183: a chooser counts the flows that others sent to a member, as the member tells', () => {
    const g = threeStages('least-flows', { selection: 'distributed' });
    const choosers = new Set<NodeRef>();
    for (let port = 1; port <= 24; port++) {
      const from = g.taps.length;
      open(g, port, 3);
      choosers.add(g.taps.slice(from).find((tap) => clusterOf(tap.from) === 2)!.from);
      g.beats(2);
      const flows = [1, 2].map((node) => g.group(nodeRef(3, node)).statistics(nodeRef(3, node)).flowsPrimary);
      // Each chooser for itself would be even by its own count, and two odd counts add up.
      expect(Math.abs(flows[0] - flows[1])).toBeLessThanOrEqual(1);
    }
    expect(choosers.size).toBe(2);
  });

  test('FG-183: figures pass over clusters, so that the INODE knows of those it has no link with', () => {
    const refs = [nodeRef(1, 1), nodeRef(2, 1), nodeRef(2, 2), nodeRef(3, 1), nodeRef(3, 2), nodeRef(4, 1)];
    const g = threeStages('feedback', { groups: refs.map((ref) => [ref]) });
    const slow = nodeRef(3, 2);
    const goesTo = (n: number): number[] =>
      Array.from({ length: n }, () => {
        // The slow node's clock is ahead: frames have been under way for 5 ms when it sees them.
        g.group(slow).run(g.now + 5_000);
        return nodeOf(open(g, ++port, 3));
      });
    let port = 0;
    const before = goesTo(40);
    expect(before.filter((node) => node === 2).length).toBeGreaterThan(5);
    g.beats(4);
    // Of two members both are drawn, so the better one is always found.
    expect(new Set(goesTo(40))).toEqual(new Set([1]));
  });

  test('FG-184: `fastest` takes the path whose earlier flows were fastest, whichever end measured them', () => {
    const clusters = [cluster(1, 1, { role: 'inode' }), cluster(2, 1), cluster(3, 1), cluster(4, 1, { role: 'inode' })];
    const refs = clusters.map(({ id }) => nodeRef(id, 1));
    const link = (id: number, ...members: number[]): object => ({
      id,
      name: `VN-${id}`,
      kind: 'switch',
      members: members.map((each) => ({ cluster: each })),
      control: false,
      mtu: 9000,
    });
    const g = new TestGrid({
      clusters,
      groups: refs.map((ref) => [ref]),
      links: [link(1, 1, 2, 3), link(2, 2, 3, 4)] as never,
      paths: [
        { id: 1, name: 'slow', from: [1], to: 4, clusters: [1, 2, 4] },
        { id: 2, name: 'fast', from: [1], to: 4, clusters: [1, 3, 4] },
      ],
      policies: [
        { id: 1, name: 'all', flowType: 9, typeName: 'o', match: {}, paths: ['slow', 'fast'], criteria: 'fastest' },
      ],
    });
    let port = 0;
    const went = (): number => {
      const from = g.taps.length;
      g.inject(1, request(++port));
      g.group(refs[0]).run(g.now);
      const to = clusterOf(g.taps.slice(from).find(({ kind }) => kind === 'sent')!.to);
      g.now += to === 2 ? 3_000 : 200;
      g.settle();
      return to;
    };
    // Neither is known: the first, then the one that has no figure yet, then the better one for good.
    expect(went()).toBe(2);
    g.beats(3);
    expect(went()).toBe(3);
    g.beats(3);
    expect([went(), went(), went()]).toEqual([3, 3, 3]);
  });
});

describe('congestion', () => {
  function congested(selector: SelectorKind, more: Partial<TopologyCluster> = {}): TestGrid {
    return new TestGrid({
      clusters: [
        cluster(1, 1, { role: 'inode' }),
        cluster(2, 3, {
          selector,
          congestion: { above: 80, below: 40, framesPerSecond: 2000 },
          function: { name: 'opaque', config: {} },
          ...more,
        }),
        cluster(3, 1, { role: 'inode' }),
      ],
      functions: [
        {
          name: 'opaque',
          summary: 'keeps its flows to itself',
          create: () => ({ stateKind: 'opaque', reads: 'nothing', dropReasons: [], process: () => 0 }),
        },
      ],
    });
  }

  /** Frames of one flow for a while: 30 a round, where a node takes 20. */
  function press(g: TestGrid, port: number, rounds: number): void {
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < 30; i++) g.inject(1, request(port));
      g.settle();
      g.beat();
    }
  }

  test.each(['hash', 'round-robin', 'least-flows', 'feedback'] as const)(
    'FG-185: a congested node gets no new flows until it has calmed down (%s)',
    (selector) => {
      const g = congested(selector);
      const busy = open(g, 1, 2);
      press(g, 1, 20);
      expect(g.group(busy).statistics(busy)).toMatchObject({ congested: true, congestions: 1 });
      const chosen = Array.from({ length: 30 }, (_, i) => open(g, 100 + i, 2));
      expect(chosen).not.toContain(busy);
      // The flow that was there stays: its function cannot give its state away.
      expect(open(g, 1, 2)).toBe(busy);
      g.beats(40);
      expect(g.group(busy).statistics(busy)).toMatchObject({ congested: false, congestions: 1 });
      expect(Array.from({ length: 30 }, (_, i) => open(g, 200 + i, 2))).toContain(busy);
      expect(g.dropped('duplicate')).toBe(0);
    },
  );

  test('FG-185: between the limits a node stays as it was', () => {
    const g = congested('hash');
    const busy = open(g, 1, 2);
    press(g, 1, 20);
    let rounds = 0;
    // 12 frames a round are 60 %: below the upper limit, above the lower one.
    for (; rounds < 40; rounds++) {
      for (let i = 0; i < 12; i++) g.inject(1, request(1));
      g.settle();
      g.beat();
    }
    expect(g.group(busy).statistics(busy)).toMatchObject({ congested: true, congestions: 1 });
    expect(g.group(busy).statistics(busy).utilisation).toBeLessThan(800);
  });

  test('FG-185: where all are congested, the selector chooses among all', () => {
    const g = congested('round-robin');
    const ports = [1, 2, 3];
    expect(new Set(ports.map((port) => open(g, port, 2))).size).toBe(3);
    for (let round = 0; round < 20; round++) {
      for (const port of ports) for (let i = 0; i < 30; i++) g.inject(1, request(port));
      g.settle();
      g.beat();
    }
    expect(g.total(({ congestions }) => congestions)).toBe(3);
    expect(new Set([11, 12, 13].map((port) => open(g, port, 2))).size).toBe(3);
  });
});
