import { clusterOf } from '../../../../domain/base/ids';
import { createPrng } from '../../../../domain/base/prng';
import type { FailurePolicy, FunctionSpec, Topology, VirtualLink } from '../../../../domain/topology/topology';
import type { FunctionDefinition } from '../../../../dataplane/functions/function';
import { DetourGrid, detourAfter, HELD } from './detour-grid';
import { ACK, numbered, numberIn, RST, SYN, tallyIn, tcp, udp } from './frames';
import { cluster } from './test-grid';

const ENDS = { from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000, toPort: 53 };
const BACK = { from: ENDS.to, to: ENDS.from, fromPort: ENDS.toPort, toPort: ENDS.fromPort };

/** Has a flow inspected from its `after`-th forward frame on. */
const suspicious = (after: number, via: readonly string[]): FunctionDefinition =>
  detourAfter('suspicious', after, { via });

const LENIENT: FunctionSpec = { name: 'packet-filter', config: { mode: 'open' } };
const STRICT: FunctionSpec = { name: 'tally', config: {} };

interface Shape {
  readonly after?: number;
  readonly via?: readonly string[];
  readonly function?: FunctionSpec;
  readonly failure?: FailurePolicy;
  readonly selection?: Topology['selection'];
  /** Links join neighbours on the path alone. */
  readonly isChained?: boolean;
  readonly helloMs?: number;
}

/** A path over clusters 1, 2, 4 and 5; 3 and 6 stand beside it, all on one link; every node is drained for itself. */
class Diverted extends DetourGrid {
  constructor(shape: Shape = {}) {
    const clusters = [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 2, {
        failure: shape.failure ?? 'backup',
        function: shape.function ?? { name: 'suspicious', config: {} },
      }),
      // One that judges flows whose beginning it has not seen, or one that refuses them.
      cluster(3, 2, { failure: 'backup', function: (shape.after ?? 1) > 1 ? LENIENT : STRICT }),
      cluster(4, 2, { failure: 'backup', selector: 'round-robin' }),
      cluster(5, 1, { role: 'inode' }),
      cluster(6, 2, { failure: 'redirect', selector: 'round-robin' }),
    ];
    const link = (id: number, members: readonly number[]): VirtualLink => ({
      id,
      name: `VN-${id}`,
      kind: 'switch',
      members: members.map((each) => ({ cluster: each })),
      control: false,
      mtu: 9000,
    });
    super(clusters, {
      links:
        shape.isChained === true ? [link(1, [1, 2]), link(2, [2, 4]), link(3, [4, 5])] : [link(1, [1, 2, 3, 4, 5, 6])],
      paths: [
        { id: 1, name: 'there', from: [1], to: 4, clusters: [1, 2, 4, 5] },
        { id: 2, name: 'back', from: [4], to: 1, clusters: [5, 4, 2, 1] },
      ],
      policies: [
        { id: 1, name: 'all', flowType: 9, typeName: 'o', match: {}, paths: ['there', 'back'], criteria: 'static' },
      ],
      timing: { helloMs: shape.helloMs ?? 10 },
      functions: [suspicious(shape.after ?? 1, shape.via ?? ['C3'])],
      ...(shape.selection === undefined ? {} : { selection: shape.selection }),
    });
  }

  numbersAt(network: number): number[] {
    return this.grid.left.filter(({ network: to }) => to === network).map(({ bytes }) => numberIn(bytes));
  }
}

const there = (n: number): Uint8Array => udp({ ...ENDS, payload: numbered(n) });
const back = (n: number): Uint8Array => udp({ ...BACK, payload: numbered(n) });

describe('a function that diverts a flow onto clusters that its path does not have', () => {
  test.each([
    ['centralized', 'backup'],
    ['distributed', 'backup'],
    ['distributed', 'redirect'],
  ] as const)('FG-189: from the first frame on, both ways, and the log says so (%s, %s)', (selection, failure) => {
    const g = new Diverted({ selection, failure });
    for (let i = 1; i <= 3; i++) {
      expect(g.visits(1, there(i))).toEqual([1, 2, 3, 4]);
      expect(g.visits(4, back(i))).toEqual([5, 4, 3, 2]);
    }
    expect(g.numbersAt(4)).toEqual([1, 2, 3]);
    // Its function has seen every frame of both ways.
    expect(g.grid.left.filter(({ network }) => network === 4).map(({ bytes }) => tallyIn(bytes))).toEqual([1, 2, 3]);
    expect(g.verdicts()).toMatchObject(HELD);
    const told = g.grid.allEvents().filter(({ type }) => type === 'FlowRerouted');
    expect(told).toMatchObject([{ reason: 'diverted' }]);
    expect(g.toldRoute()).toEqual([1, 2, 3, 4, 5]);
  });

  test('FG-189: over several clusters in the order that the function names', () => {
    const g = new Diverted({ via: ['C6', 'C3'], selection: 'distributed' });
    expect(g.visits(1, there(1))).toEqual([1, 2, 6, 3, 4]);
    expect(g.visits(4, back(1))).toEqual([5, 4, 3, 6, 2]);
    expect(g.visits(1, there(2))).toEqual([1, 2, 6, 3, 4]);
    expect(g.verdicts()).toMatchObject(HELD);
    expect(g.toldRoute()).toEqual([1, 2, 6, 3, 4, 5]);
  });

  test('FG-189: in the middle of a flow, and no frame overtakes those that go the old way', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const g = new Diverted({
        after: 12,
        selection: seed % 2 === 0 ? 'centralized' : 'distributed',
        failure: seed % 3 === 0 ? 'redirect' : 'backup',
        via: seed % 4 === 0 ? ['C6', 'C3'] : ['C3'],
      });
      const prng = createPrng(seed);
      expect(g.visits(1, there(1))).toEqual([1, 2, 4]);
      for (let n = 2; n <= 60; n++) {
        g.grid.inject(1, there(n));
        g.grid.inject(4, back(n - 1));
        for (let steps = prng.below(8); steps > 0; steps--) {
          g.grid.group(g.refs[prng.below(g.refs.length)]).run(g.grid.now);
        }
      }
      g.grid.settle();
      const inOrder = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
      expect({ seed, numbers: g.numbersAt(4) }).toEqual({ seed, numbers: inOrder(60) });
      expect({ seed, numbers: g.numbersAt(1) }).toEqual({ seed, numbers: inOrder(59) });
      expect({ seed, ...g.verdicts() }).toMatchObject({ seed, ...HELD });
      const via = seed % 4 === 0 ? [6, 3] : [3];
      expect(g.visits(1, there(61))).toEqual([1, 2, ...via, 4]);
      expect(g.visits(4, back(60))).toEqual([5, 4, ...via.toReversed(), 2]);
      expect(g.toldRoute()).toEqual([1, 2, ...via, 4, 5]);
      expect(g.grid.dropped('duplicate') + g.grid.dropped('fenced')).toBe(0);
    }
  });

  test.each([2, 3, 4])('FG-189: a takeover in cluster %i keeps the path, and nothing is lost', (dying) => {
    for (const after of [1, 3]) {
      const g = new Diverted({ selection: 'distributed', after });
      for (let i = 1; i <= 4; i++) {
        g.nodes(1, there(i));
        g.nodes(4, back(i));
      }
      g.grid.beats(8);
      const [victim] = g.nodes(1, there(5)).filter((ref) => clusterOf(ref) === dying);
      g.grid.kill(victim!);
      g.grid.beats(12);
      expect(g.visits(1, there(6))).toEqual([1, 2, 3, 4]);
      expect(g.visits(4, back(5))).toEqual([5, 4, 3, 2]);
      expect(g.numbersAt(4)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(g.numbersAt(1)).toEqual([1, 2, 3, 4, 5]);
    }
  });

  test('FG-189: a flow stays on its path where no link leads to the cluster and on', () => {
    const g = new Diverted({ isChained: true });
    expect(g.visits(1, there(1))).toEqual([1, 2, 4]);
    expect(g.visits(4, back(1))).toEqual([5, 4, 2]);
    expect(g.grid.allEvents().some(({ type }) => type === 'FlowRerouted')).toBe(false);
  });

  test('FG-189: all nodes forget the flow when it ends', () => {
    const g = new Diverted({ after: 3, helloMs: 200 });
    const empty = new Uint8Array(0);
    [SYN, ACK, ACK, ACK].forEach((flags, i) => g.visits(1, tcp({ ...ENDS, flags, seq: 100 + i, payload: empty })));
    const live = (): number => g.grid.total(({ flowsPrimary, flowsBackup }) => flowsPrimary + flowsBackup);
    expect(live()).toBeGreaterThan(4);
    g.visits(1, tcp({ ...ENDS, flags: RST, seq: 104, payload: empty }));
    g.grid.beats(200);
    expect(live()).toBe(0);
  });

  test('FG-189: the packet filter has connections of a rule inspected by the clusters that it names', () => {
    const rules = [{ action: 'allow', from: ['10.0.7.0/24'], via: ['C3'] }, { action: 'allow' }];
    const g = new Diverted({ function: { name: 'packet-filter', config: { rules } } });
    expect(g.visits(1, there(1))).toEqual([1, 2, 4]);
    const stranger = { ...ENDS, from: '10.0.7.1' };
    expect(g.visits(1, udp({ ...stranger, payload: numbered(1) }))).toEqual([1, 2, 3, 4]);
    expect(g.visits(4, udp({ ...BACK, to: stranger.from, payload: numbered(1) }))).toEqual([5, 4, 3, 2]);
    expect(g.verdicts()).toMatchObject(HELD);
  });
});
