import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { numbered, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const [WEST, EAST] = [1, 4];
const INODES = [nodeRef(1, 1), nodeRef(1, 2)];

/** Both networks at one cluster of two INODEs; every flow goes through cluster 2 and returns. */
function grid(): TestGrid {
  return new TestGrid({
    clusters: [cluster(1, 2, { role: 'inode' }), cluster(2, 2, { failure: 'backup' }), cluster(3, 2)],
    networks: [
      { id: WEST, name: 'EN-1', cluster: 1, tagged: false },
      { id: EAST, name: 'EN-4', cluster: 1, tagged: false },
    ],
    links: [
      {
        id: 1,
        name: 'VN-1',
        kind: 'switch',
        members: [{ cluster: 1 }, { cluster: 2 }, { cluster: 3 }],
        control: false,
        mtu: 9000,
      },
    ],
    paths: [
      { id: 1, name: 'there', from: [WEST], to: EAST, clusters: [1, 2, 3, 1] },
      { id: 2, name: 'back', from: [EAST], to: WEST, clusters: [1, 3, 2, 1] },
    ],
  });
}

const question = (port: number, n: number): Uint8Array =>
  udp({ from: '10.0.0.1', to: '10.9.0.2', fromPort: port, toPort: 53, payload: numbered(n) });
const answer = (port: number, n: number): Uint8Array =>
  udp({ from: '10.9.0.2', to: '10.0.0.1', fromPort: 53, toPort: port, payload: numbered(n) });

function reached(g: TestGrid, network: number, bytes: Uint8Array, via: NodeRef): number[] {
  const before = g.left.length;
  g.inject(network, bytes, via);
  g.settle();
  const left = g.left.slice(before);
  for (const each of left) expect(each.bytes).toEqual(bytes);
  return left.map((each) => each.network);
}

describe('a path that ends in the cluster that it begins in', () => {
  test('FG-546: questions and answers go through, by whichever INODE they come in, as one flow each', () => {
    const g = grid();
    for (let port = 1; port <= 16; port++) {
      for (let n = 0; n < 3; n++) {
        expect(reached(g, WEST, question(port, n), INODES[(port + n) % 2]!)).toEqual([EAST]);
        expect(reached(g, EAST, answer(port, n), INODES[n % 2]!)).toEqual([WEST]);
      }
    }
    expect(new Set(g.allEvents().flatMap(({ type, flow }) => (type === 'FlowStarted' ? [flow] : []))).size).toBe(16);
    for (const event of g.allEvents()) {
      if (event.type === 'FlowStarted') expect(event.route[0]).toBe(event.route[event.route.length - 1]);
    }
  });

  test.each(INODES)('FG-546: either side may go on when one of the two INODEs (%d) dies', (victim) => {
    const g = grid();
    const other = INODES.find((ref) => ref !== victim)!;
    for (let port = 1; port <= 16; port++) reached(g, WEST, question(port, 0), INODES[port % 2]!);
    g.beat();
    g.kill(victim);
    g.beats(10);
    for (let port = 1; port <= 16; port++) {
      expect(reached(g, EAST, answer(port, 1), other)).toEqual([WEST]);
      expect(reached(g, WEST, question(port, 1), other)).toEqual([EAST]);
    }
  });

  test('FG-546: a frame is counted once in its flow, although it passes its INODE twice', () => {
    const g = grid();
    const bytes = question(1, 0).length;
    for (let n = 0; n < 3; n++) reached(g, WEST, question(1, n), INODES[0]!);
    reached(g, EAST, answer(1, 0), INODES[1]!);
    for (const group of g.groups) group.endFlows(g.now);
    g.settle();
    const [end] = g.allEvents().filter(({ type }) => type === 'FlowEnded');
    expect(end).toMatchObject({ packets: [3, 1], bytes: [3 * bytes, bytes] });
  });
});
