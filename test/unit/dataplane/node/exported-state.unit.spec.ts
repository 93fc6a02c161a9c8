import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { numbered, numberIn, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const OUTSIDE = '192.0.2.1';
const REFS = [nodeRef(1, 1), nodeRef(2, 1), nodeRef(2, 2), nodeRef(2, 3), nodeRef(3, 1)];

/** Source NAT behind a backup policy, every node in a group of its own so that frames can be caught between nodes. */
function natGrid(): TestGrid {
  return new TestGrid({
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 3, { failure: 'backup', function: { name: 'nat', config: { addresses: [OUTSIDE] } } }),
      cluster(3, 1, { role: 'inode' }),
    ],
    groups: REFS.map((ref) => [ref]),
  });
}

function request(n: number, port = 5000): Uint8Array {
  return udp({ from: '10.0.0.1', to: '10.9.0.1', fromPort: port, toPort: 53, payload: numbered(n) });
}

function reply(n: number, outsidePort: number): Uint8Array {
  return udp({ from: '10.9.0.1', to: OUTSIDE, fromPort: 53, toPort: outsidePort, payload: numbered(n) });
}

const sourcePort = (frame: Uint8Array): number => (frame[34] << 8) | frame[35];
const destinationPort = (frame: Uint8Array): number => (frame[36] << 8) | frame[37];

function primary(g: TestGrid): NodeRef {
  const sent = g.taps.filter(({ kind, from, to }) => kind === 'sent' && from >>> 7 === 1 && to >>> 7 === 2);
  return sent[0].to;
}

describe('state that flows share, under backup', () => {
  test('a frame leaves only when the other members have its binding, and the heir goes on with the same one', () => {
    const g = natGrid();
    g.inject(1, request(1));
    g.settle();
    const outside = sourcePort(g.left[0].bytes);
    expect(outside).not.toBe(5000);
    g.inject(4, reply(1, outside));
    g.settle();
    expect(destinationPort(g.left[1].bytes)).toBe(5000);

    g.beat();
    g.kill(primary(g));
    g.inject(1, request(2));
    g.inject(4, reply(2, outside));
    g.settle();
    g.beats(4);
    g.inject(4, reply(3, outside));
    g.inject(1, request(3));
    g.settle();
    const there = g.left.filter(({ network }) => network === 4);
    const back = g.left.filter(({ network }) => network === 1);
    expect(there.map(({ bytes }) => [numberIn(bytes), sourcePort(bytes)])).toEqual([
      [1, outside],
      [2, outside],
      [3, outside],
    ]);
    expect(back.map(({ bytes }) => [numberIn(bytes), destinationPort(bytes)])).toEqual([
      [1, 5000],
      [2, 5000],
      [3, 5000],
    ]);
  });

  test('a primary that dies before its binding is acknowledged has shown it to nobody', () => {
    const g = natGrid();
    g.inject(1, request(1));
    g.group(nodeRef(1, 1)).run(g.now);
    const first = primary(g);
    g.group(first).run(g.now);
    expect(g.group(first).statistics(first).inFlight).toBe(1);
    expect(g.taps.filter(({ kind, from }) => kind === 'sent' && from === first)).toHaveLength(0);
    g.kill(first);
    g.settle();
    g.beats(5);
    g.inject(1, request(2));
    g.settle();
    expect(g.left.map(({ bytes }) => numberIn(bytes))).toEqual([1, 2]);
    expect(sourcePort(g.left[1].bytes)).toBe(sourcePort(g.left[0].bytes));
  });
});
