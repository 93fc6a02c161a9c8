import { clusterOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { trailerV1 } from '../../../../dataplane/descriptor/codec';
import { nextInOrder } from '../../../../dataplane/node/flow-order';
import { numbered, numberIn, tallyIn, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const FLOWS = 16;
const REQUEST = { from: '10.0.0.1', to: '10.9.0.1', toPort: 53 } as const;
const REPLY = { from: '10.9.0.1', to: '10.0.0.1', fromPort: 53 } as const;

/** IA (1) → three nodes under `backup` (2) → IC (3); `nodes` of the stage. */
function clusters(nodes: number, name = 'tally', inodes = 1) {
  return [
    cluster(1, inodes, { role: 'inode' }),
    cluster(2, nodes, { failure: 'backup', function: { name, config: {} } }),
    cluster(3, inodes, { role: 'inode' }),
  ];
}

/** A request and its reply on each flow. */
class Traffic {
  n = 0;

  constructor(readonly grid: TestGrid) {}

  exchange(): void {
    this.n++;
    for (let flow = 0; flow < FLOWS; flow++) {
      this.grid.inject(1, udp({ ...REQUEST, fromPort: 5000 + flow, payload: numbered(this.n) }));
      this.grid.settle();
      this.grid.inject(4, udp({ ...REPLY, toPort: 5000 + flow, payload: numbered(this.n) }));
      this.grid.settle();
    }
  }

  /** What left is what entered, in order, and the function saw every frame of each flow once. */
  expectWhole(): void {
    const numbers = Array.from({ length: this.n }, (_, i) => i + 1);
    for (let flow = 0; flow < FLOWS; flow++) {
      for (const [network, at] of [
        [4, 34],
        [1, 36],
      ] as const) {
        const left = this.grid.left.filter(
          ({ network: to, bytes }) => to === network && ((bytes[at] << 8) | bytes[at + 1]) === 5000 + flow,
        );
        expect(left.map(({ bytes }) => numberIn(bytes))).toEqual(numbers);
        expect(left.map(({ bytes }) => tallyIn(bytes))).toEqual(numbers);
      }
    }
  }
}

/** Wire IDs on internal links since the last look, and by flow the nodes of the stage that emitted. */
function look(grid: TestGrid): { wires: number[]; emitters: Map<number, Set<NodeRef>> } {
  const wires = new Set<number>();
  const emitters = new Map<number, Set<NodeRef>>();
  for (const { kind, from, bytes } of grid.taps.splice(0)) {
    if (kind !== 'sent') continue;
    const decoded = trailerV1.decode(bytes);
    if (!decoded.ok || decoded.descriptor.flowType === 0) continue;
    const { wireId, flowId, path } = decoded.descriptor;
    wires.add(wireId);
    if (clusterOf(from) !== 2 || path.find(({ cluster: id }) => id === 2)?.processed !== true) continue;
    emitters.set(flowId, (emitters.get(flowId) ?? new Set()).add(from));
  }
  return { wires: [...wires].sort((a, b) => a - b), emitters };
}

const repinnedEvents = (grid: TestGrid) => grid.allEvents().filter(({ type }) => type === 'FlowRepinned');

describe('re-pinning', () => {
  test.each([1, 3])(
    'FG-40: flows of an old topology carry the new ID both ways, on the nodes they had (%i INODEs a side)',
    (inodes) => {
      const grid = new TestGrid({ clusters: clusters(3, 'tally', inodes) });
      const traffic = new Traffic(grid);
      traffic.exchange();
      const before = look(grid);
      expect(before.wires).toEqual([1]);
      grid.change(clusters(5, 'tally', inodes));
      traffic.exchange();
      expect(look(grid).wires).toEqual([1]);
      for (const group of grid.groups) group.repin(1, { version: 2, wireId: 2 });
      grid.beats(3);
      expect(grid.groups[0].reportLiveWireIds()).toEqual([2]);
      look(grid);
      traffic.exchange();
      const after = look(grid);
      expect(after.wires).toEqual([2]);
      expect(after.emitters).toEqual(before.emitters);
      traffic.expectWhole();
      const events = repinnedEvents(grid);
      expect(events).toHaveLength(FLOWS);
      for (const event of events) expect(event).toMatchObject({ topologySeq: 2, fromWireId: 1, toWireId: 2 });
    },
  );

  test.each(['tally', 'pass'])(
    'FG-40 FG-45: a re-pinned flow is taken over in the order of the topology that it began in, again and again (%s)',
    (name) => {
      const hosted = clusters(9, name).flatMap(({ id, members }) => members.map(({ node }) => nodeRef(id, node)));
      const grid = new TestGrid({ clusters: clusters(4, name), groups: [hosted] });
      const control = new TestGrid({ clusters: clusters(4, name) });
      const [moved, stayed] = [new Traffic(grid), new Traffic(control)];
      moved.exchange();
      stayed.exchange();
      // More members, and other ones first in the order of many buckets.
      grid.change(clusters(9, name));
      for (const group of grid.groups) group.repin(1, { version: 2, wireId: 2 });
      grid.beats(3);
      control.beats(3);
      for (const victim of [nodeRef(2, 1), nodeRef(2, 3)]) {
        for (const traffic of [moved, stayed]) {
          traffic.grid.kill(victim);
          traffic.exchange();
          traffic.grid.beats(20);
          traffic.exchange();
        }
      }
      look(grid);
      look(control);
      moved.exchange();
      stayed.exchange();
      const after = look(grid);
      expect(after.wires).toEqual([2]);
      expect(after.emitters).toEqual(look(control).emitters);
      if (name === 'tally') moved.expectWhole();
      expect(grid.left.length).toBe(2 * FLOWS * moved.n);
    },
  );

  test('FG-39: a flow that ends while it is re-pinned gives its ID back', () => {
    const grid = new TestGrid({ clusters: clusters(3), timing: { udpIdleMs: 50 } });
    new Traffic(grid).exchange();
    grid.change(clusters(4));
    for (const group of grid.groups) group.repin(1, { version: 2, wireId: 2 });
    for (const group of grid.groups) group.tick((grid.now += 10_000));
    // The owner has sent word, and nobody has answered yet: the flows end.
    grid.now += 100_000;
    grid.beats(20);
    expect(grid.groups[0].reportLiveWireIds()).toEqual([]);
  });

  test('FG-40: a topology without a cluster of the flow’s route takes no flow over', () => {
    const grid = new TestGrid({ clusters: clusters(3) });
    const traffic = new Traffic(grid);
    traffic.exchange();
    grid.change([cluster(1, 1, { role: 'inode' }), cluster(7, 2), cluster(3, 1, { role: 'inode' })]);
    for (const group of grid.groups) group.repin(1, { version: 2, wireId: 2 });
    grid.beats(3);
    expect(grid.groups[0].reportLiveWireIds()).toEqual([1]);
    expect(repinnedEvents(grid)).toEqual([]);
  });

  test('the explicit order is cyclic, within the cluster, over the living', () => {
    const order = [nodeRef(1, 1), nodeRef(2, 4), nodeRef(2, 2), nodeRef(2, 9), nodeRef(3, 1)];
    const next = (ref: NodeRef, ...dead: NodeRef[]): NodeRef => nextInOrder(order, ref, (each) => dead.includes(each));
    expect(next(nodeRef(2, 4))).toBe(nodeRef(2, 2));
    expect(next(nodeRef(2, 9))).toBe(nodeRef(2, 4));
    expect(next(nodeRef(2, 9), nodeRef(2, 4))).toBe(nodeRef(2, 2));
    expect(next(nodeRef(2, 9), nodeRef(2, 4), nodeRef(2, 2))).toBe(0);
    expect(next(nodeRef(1, 1))).toBe(0);
  });
});
