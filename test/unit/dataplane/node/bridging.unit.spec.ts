import { nodeRef } from '../../../../domain/base/ids';
import type { FlowPath, Topology, VirtualLink } from '../../../../domain/topology/topology';
import { createChecker } from '../../../../projections/verdicts';
import { mac, payload } from '../mtu/packets';
import { expectSound } from './sound';
import { cluster, TestGrid } from './test-grid';

/** One bridge domain behind three INODE clusters; network 7 is beside 4 and 5 and in no domain. */
const NETWORKS: Topology['networks'] = [
  { id: 1, name: 'EN-1', cluster: 1, tagged: false, bridge: 1 },
  { id: 4, name: 'EN-4', cluster: 3, tagged: false, bridge: 1 },
  { id: 5, name: 'EN-5', cluster: 3, tagged: false, bridge: 1 },
  { id: 6, name: 'EN-6', cluster: 4, tagged: false, bridge: 1 },
  { id: 7, name: 'EN-7', cluster: 3, tagged: false },
];
const PATHS: FlowPath[] = [
  { id: 1, name: 'to-4', from: [1], to: 4, clusters: [1, 2, 3] },
  { id: 2, name: 'to-6', from: [1], to: 6, clusters: [1, 2, 4] },
  { id: 3, name: 'back', from: [4, 5], to: 1, clusters: [3, 2, 1] },
  { id: 4, name: 'across', from: [4], to: 6, clusters: [3, 2, 4] },
  { id: 5, name: 'out', from: [7], to: 1, clusters: [3, 2, 1] },
];
const INGRESS = [nodeRef(1, 1), nodeRef(1, 2)];

function grid(flood?: Topology['flood'], timing: Partial<Topology['timing']> = {}): TestGrid {
  const link = (id: number, a: number, b: number): VirtualLink => ({
    id,
    name: `VN-${id}`,
    kind: 'switch',
    members: [{ cluster: a }, { cluster: b }],
    control: false,
    mtu: 9000,
  });
  const paths = PATHS.map(({ name }) => name);
  return new TestGrid({
    clusters: [
      cluster(1, 2, { role: 'inode' }),
      cluster(2, 2, { failure: 'backup' }),
      cluster(3, 2, { role: 'inode' }),
      cluster(4, 1, { role: 'inode' }),
    ],
    networks: NETWORKS,
    paths: PATHS,
    links: [link(1, 1, 2), link(2, 2, 3), link(3, 2, 4), link(4, 1, 1), link(5, 3, 3)],
    policies: [{ id: 1, name: 'all', flowType: 9, typeName: 'other', match: {}, paths, criteria: 'static' }],
    timing: { otherIdleMs: 1000, ...timing },
    ...(flood === undefined ? {} : { flood }),
  });
}

/** An ARP request, as far as anybody here reads it. */
function broadcast(from: number, seed = 1): Uint8Array {
  return Uint8Array.of(255, 255, 255, 255, 255, 255, ...mac(from), 8, 6, ...payload(46, seed));
}

function reached(g: TestGrid, network: number, bytes: Uint8Array, via = 0): number[] {
  const before = g.left.length;
  g.inject(network, bytes, via);
  g.settle();
  const left = g.left.slice(before);
  for (const each of left) expect(each.bytes).toEqual(bytes);
  return left.map((each) => each.network).sort();
}

describe('bridge domains', () => {
  test('FG-56: a broadcast goes once to every other network of its domain, whichever INODE it comes in at', () => {
    const g = grid();
    for (const via of [...INGRESS, ...INGRESS]) expect(reached(g, 1, broadcast(1), via)).toEqual([4, 5, 6]);
    expect(g.total(({ bridged }) => bridged)).toBe(8);
    expect(g.total(({ flowsStarted }) => flowsStarted)).toBe(2);
    expectSound(g);
  });

  test('FG-195: networks of the domain that no path reaches are counted, frame by frame', () => {
    const g = grid();
    expect(reached(g, 4, broadcast(2))).toEqual([1, 6]);
    expect(g.dropped('no-path')).toBe(1);
    expectSound(g);
  });

  test('FG-195: a network in no domain keeps to its path, and hears nothing of the domain', () => {
    const g = grid();
    expect(reached(g, 7, broadcast(3))).toEqual([1]);
    expectSound(g);
  });

  test('FG-549: frames to one host go everywhere until it is heard, then by the way that its answer came', () => {
    const g = grid();
    const unicast = (from: number, to: number): Uint8Array => {
      const frame = broadcast(from);
      frame.set(mac(to), 0);
      return frame;
    };
    expect(reached(g, 1, unicast(1, 9))).toEqual([4, 5, 6]);
    expect(reached(g, 1, unicast(1, 9))).toEqual([4, 5, 6]);
    expect(g.total(({ bridged }) => bridged)).toBe(4);
    expect(reached(g, 6, unicast(9, 1))).toEqual([1]);
    const before = g.total(({ flowsStarted }) => flowsStarted);
    for (const via of INGRESS) expect(reached(g, 1, unicast(1, 9), via)).toEqual([6]);
    // What carried a copy there has seen all frames from the first on, and goes on.
    expect(g.total(({ flowsStarted }) => flowsStarted)).toBe(before);
    expectSound(g);
  });

  test('FG-549: a host that is silent for 300 s of grid time is not known any more', () => {
    const g = grid(undefined, { helloMs: 5000 });
    expect(reached(g, 4, broadcast(9))).toEqual([1, 6]);
    const unicast = broadcast(1);
    unicast.set(mac(9), 0);
    g.beats(59);
    expect(reached(g, 1, unicast)).toEqual([4]);
    g.beat();
    expect(reached(g, 1, unicast)).toEqual([4, 5, 6]);
    expectSound(g);
  });

  test('FG-195: all ways end together, and hold no slot', () => {
    const g = grid();
    const free = g.freeSlots();
    reached(g, 1, broadcast(1));
    g.now += 2_000_000;
    g.beats(20);
    expect(g.allEvents().filter(({ type }) => type === 'FlowEnded')).toHaveLength(2);
    expect(g.total(({ flowsPrimary, flowsBackup }) => flowsPrimary + flowsBackup)).toBe(0);
    expect(g.groups[0]!.reportLiveWireIds()).toEqual([]);
    expect(g.freeSlots()).toBe(free);
    expect(reached(g, 1, broadcast(1))).toEqual([4, 5, 6]);
  });

  test('FG-195: after the INODE died that a broadcaster came in at, its frames go everywhere as before', () => {
    const g = grid();
    reached(g, 1, broadcast(1), INGRESS[0]);
    g.beat();
    g.kill(INGRESS[0]!);
    g.beats(8);
    expect(reached(g, 1, broadcast(1), INGRESS[1])).toEqual([4, 5, 6]);
    expect(reached(g, 1, broadcast(1, 2), INGRESS[1])).toEqual([4, 5, 6]);
  });

  test('FG-195: the checker finds a broadcast that comes back, or leaves its domain', () => {
    const planted = (network: number): string => {
      const g = grid();
      reached(g, 1, broadcast(1));
      const checker = createChecker();
      checker.observeStanding([g.topology], []);
      for (const record of g.taps) {
        const isFirst = record.kind === 'left' && record.network === 4;
        checker.observe(isFirst ? { ...record, network } : record);
      }
      return checker.verdicts().isolation;
    };
    expect(planted(4)).toBe('held');
    expect(planted(1)).toContain('to network 1, which another cluster connects');
    expect(planted(7)).toContain('outside of the bridge domain');
  });
});

test('FG-160: in a flood, too, a group frame goes once to every other network of its domain', () => {
  const g = grid({ newFlowsPerSecond: 1, flowsPerNode: 1000 });
  for (let n = 1; n <= 8; n++) expect(reached(g, 1, broadcast(n))).toEqual([4, 5, 6]);
  // No path leads from network 4 to network 5.
  expect(reached(g, 4, broadcast(9))).toEqual([1, 6]);
  expect(g.total(({ flooded }) => flooded)).toBeGreaterThanOrEqual(2 * (8 - 2 + 1));
  expect(g.dropped('table-full')).toBe(0);
  expectSound(g);
});
