import { cluster, TestGrid } from './test-grid';
import { icmpUnreachable, numbered, udp } from './frames';

const [WEST, EAST] = [1, 4];

function grid(more: Partial<ConstructorParameters<typeof TestGrid>[0]> = {}): TestGrid {
  return new TestGrid({
    clusters: [
      cluster(1, 2, { role: 'inode' }),
      cluster(2, 2, { failure: 'backup' }),
      cluster(3, 2, { role: 'inode' }),
    ],
    links: [
      [1, 2],
      [2, 3],
      [1, 1],
      [3, 3],
    ].map(([a, b], i) => ({
      id: i + 1,
      name: `VN-${i + 1}`,
      kind: 'switch',
      members: [{ cluster: a! }, { cluster: b! }],
      control: false,
      mtu: 9000,
    })),
    ...more,
  });
}

/** What leaves by which network for a frame that enters. */
function reached(g: TestGrid, network: number, bytes: Uint8Array): number[] {
  const before = g.left.length;
  g.inject(network, bytes);
  g.settle();
  const left = g.left.slice(before);
  for (const each of left) expect(each.bytes).toEqual(bytes);
  return left.map((each) => each.network);
}

/** The flows that began, as both ends tell. */
function flows(g: TestGrid): Set<number> {
  return new Set(g.allEvents().flatMap(({ type, flow }) => (type === 'FlowStarted' ? [flow] : [])));
}

const packet = (from: string, to: string, n = 0): Uint8Array =>
  udp({ from, to, fromPort: 4000, toPort: 4000, payload: numbered(n) });

/** A DHCP client that has no address yet asks everybody. */
function discover(station: number): Uint8Array {
  const frame = udp({ from: '0.0.0.0', to: '255.255.255.255', fromPort: 68, toPort: 67, payload: numbered(station) });
  frame.set([255, 255, 255, 255, 255, 255], 0);
  frame[11] = station;
  return frame;
}

describe.each([
  ['entries', {}],
  ['a flood', { flood: { newFlowsPerSecond: 1, flowsPerNode: 1000 } }],
])('one 5-tuple from both ends, with %s', (_name, more) => {
  test('FG-540: what hosts on both sides send to everybody from the same address reaches the other side', () => {
    const g = grid(more);
    for (let n = 0; n < 4; n++) {
      expect(reached(g, WEST, discover(10 + n))).toEqual([EAST]);
      expect(reached(g, EAST, discover(20 + n))).toEqual([WEST]);
    }
    expect(g.dropped('no-egress')).toBe(0);
  });

  test('FG-540: both directions of a connection may cross a grid the same way, and each the other way too', () => {
    const g = grid(more);
    for (let n = 0; n < 3; n++) {
      // From A to a router in the east, from there back to B in the west; the answer likewise.
      expect(reached(g, WEST, packet('10.0.0.1', '10.9.0.2', n))).toEqual([EAST]);
      expect(reached(g, EAST, packet('10.0.0.1', '10.9.0.2', n))).toEqual([WEST]);
      expect(reached(g, WEST, packet('10.9.0.2', '10.0.0.1', n))).toEqual([EAST]);
      expect(reached(g, EAST, packet('10.9.0.2', '10.0.0.1', n))).toEqual([WEST]);
    }
  });
});

test('FG-540: a question and its answer, from either side, are still one flow', () => {
  const g = grid();
  expect(reached(g, WEST, packet('10.0.0.1', '10.9.0.2'))).toEqual([EAST]);
  expect(reached(g, EAST, packet('10.9.0.2', '10.0.0.1'))).toEqual([WEST]);
  expect(flows(g).size).toBe(1);
});

test('FG-540: an ICMP error goes the way of the answers to what left where it enters', () => {
  const g = grid();
  const question = packet('10.0.0.1', '10.9.0.2');
  reached(g, WEST, question);
  expect(reached(g, EAST, icmpUnreachable('10.9.0.254', question))).toEqual([WEST]);
  expect(flows(g).size).toBe(1);
});
