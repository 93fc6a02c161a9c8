import { clusterOf, nodeRef } from '../../../../domain/base/ids';
import { numbered, numberIn, tallyIn, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const CLIENT = '10.0.0.1';
const SERVER = '10.9.0.1';

function grid(failure: 'backup' | 'redirect' | 'discard', groups?: readonly (readonly number[])[]): TestGrid {
  return new TestGrid({
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 3, { failure, function: { name: 'tally', config: {} } }),
      cluster(3, 1, { role: 'inode' }),
    ],
    ...(groups === undefined ? {} : { groups }),
  });
}

function request(n: number): Uint8Array {
  return udp({ from: CLIENT, to: SERVER, fromPort: 5000, toPort: 53, payload: numbered(n) });
}

function reply(n: number): Uint8Array {
  return udp({ from: SERVER, to: CLIENT, fromPort: 53, toPort: 5000, payload: numbered(n) });
}

/** Who emits the flow's frames in cluster 2, by the frames put on its links. */
function emitterOf(grid: TestGrid): number {
  const sent = grid.taps.filter(({ kind, from }) => kind === 'sent' && from >>> 7 === 2);
  return sent[sent.length - 1].from;
}

describe('a flow, its backup and a kill', () => {
  test('carries a flow both ways through the same node, byte for byte but for what the function wrote', () => {
    const g = grid('backup');
    g.inject(1, request(1));
    g.settle();
    g.inject(4, reply(2));
    g.settle();
    expect(g.left.map(({ network, bytes }) => [network, numberIn(bytes), tallyIn(bytes)])).toEqual([
      [4, 1, 1],
      [1, 2, 1],
    ]);
    const route = g.taps.filter(({ kind }) => kind === 'sent').map(({ from }) => from >>> 7);
    expect(route).toEqual([1, 1, 2, 3, 3, 2]);
    expect(Buffer.from(g.left[0].bytes.subarray(0, 46))).toEqual(Buffer.from(request(1).subarray(0, 46)));
  });

  test('loses and doubles nothing when the primary dies before its silence is noticed', () => {
    const g = grid('backup');
    let n = 0;
    const exchange = (): void => {
      g.inject(1, request(++n));
      g.inject(4, reply(n));
      g.settle();
    };
    g.inject(1, request(++n));
    g.settle();
    for (let i = 0; i < 5; i++) exchange();
    g.beat();
    const primary = emitterOf(g);
    g.kill(primary);
    const before = g.left.length;
    for (let i = 0; i < 5; i++) exchange();
    expect(g.left.length).toBe(before);
    g.beats(3);
    for (let i = 0; i < 5; i++) exchange();
    g.beats(8);
    for (let i = 0; i < 5; i++) exchange();
    expectEach(g, n);
    const taken = g.allEvents().filter(({ type }) => type === 'FlowTakenOver');
    expect(taken).toHaveLength(1);
    // Held at the kill: 11 frames that the primary had sent, which the next stage has, and the 10 that it had not.
    expect(taken[0]).toMatchObject({ from: primary, emitted: 21 });
    expect(g.total(({ reemitted }) => reemitted)).toBe(21);
    expect(g.dropped('duplicate')).toBe(11);
  });

  test('survives a second kill in the cluster once the next backup is in step', () => {
    const g = grid('backup');
    let n = 0;
    const exchange = (): void => {
      g.inject(1, request(++n));
      if (n > 1) g.inject(4, reply(n));
      g.settle();
    };
    for (let i = 0; i < 5; i++) exchange();
    g.inject(4, reply(1));
    for (let kill = 0; kill < 2; kill++) {
      g.beat();
      g.kill(emitterOf(g));
      for (let i = 0; i < 4; i++) {
        exchange();
        g.beat();
      }
      for (let i = 0; i < 10; i++) {
        exchange();
        g.beat();
      }
    }
    expectEach(g, n);
    const taken = g.allEvents().filter((event) => event.type === 'FlowTakenOver');
    const told = taken.filter(({ emitted }) => emitted > 0).sort((one, other) => one.at - other.at);
    expect(told).toHaveLength(2);
    // The stages on both sides tell the first one again, as of when it was: its teller might have died before it told.
    const again = taken.filter(({ emitted }) => emitted === 0);
    const { from, to, effectiveAt } = told[0]!;
    const repeat = { from, to, effectiveAt, at: told[1]!.at };
    expect(again).toMatchObject([repeat, repeat]);
  });

  test('does the same when every node has a group of its own', () => {
    const refs = [nodeRef(1, 1), nodeRef(2, 1), nodeRef(2, 2), nodeRef(2, 3), nodeRef(3, 1)];
    const g = grid(
      'backup',
      refs.map((ref) => [ref]),
    );
    let n = 0;
    for (let i = 0; i < 30; i++) {
      g.inject(1, request(++n));
      g.settle();
      g.inject(4, reply(n));
      g.settle();
      if (i === 10) g.kill(emitterOf(g));
      if (i > 12) g.beat();
    }
    g.beats(4);
    expectEach(g, n);
  });

  test('what reaches a dead node is counted there, copies for its shadow included', () => {
    const g = grid('backup');
    g.inject(1, request(1));
    g.settle();
    const primary = emitterOf(g);
    const { to: shadow } = g.taps.find(({ kind, to }) => kind === 'sent' && clusterOf(to) === 2 && to !== primary)!;
    // Slots that have carried hellos carry copies next.
    g.beats(6);
    g.kill(shadow);
    for (let n = 2; n <= 40; n++) {
      g.inject(1, request(n));
      g.settle();
    }
    expect(g.left).toHaveLength(40);
    expect(g.dropped('node-dead')).toBe(39);
  });

  test('with redirect the flow goes on elsewhere without its state, with discard it ends; every loss is counted', () => {
    for (const failure of ['redirect', 'discard'] as const) {
      const g = grid(failure);
      let n = 0;
      for (let i = 0; i < 5; i++) {
        g.inject(1, request(++n));
        g.settle();
      }
      g.beat();
      g.kill(emitterOf(g));
      for (let i = 0; i < 3; i++) {
        g.inject(1, request(++n));
        g.settle();
      }
      g.beats(4);
      for (let i = 0; i < 4; i++) {
        g.inject(1, request(++n));
        g.settle();
      }
      expect(g.left).toHaveLength(5);
      expect(g.dropped('node-dead')).toBeGreaterThanOrEqual(3);
      expect(g.dropped(failure === 'redirect' ? 'not-begun' : 'discarded')).toBe(4);
      const rerouted = g.allEvents().filter(({ type }) => type === 'FlowRerouted');
      const move = { reason: 'failed', ...(failure === 'discard' ? { to: 0 } : {}) };
      expect(rerouted).toMatchObject([move, move]);
    }
  });
});

/** Requests and replies 1 … n left once each, in order, with unbroken tallies. */
function expectEach(g: TestGrid, n: number): void {
  const there = g.left.filter(({ network }) => network === 4);
  const numbers = Array.from({ length: n }, (_, i) => i + 1);
  expect(there.map(({ bytes }) => numberIn(bytes))).toEqual(numbers);
  expect(there.map(({ bytes }) => tallyIn(bytes))).toEqual(numbers);
  const back = g.left.filter(({ network }) => network === 1);
  expect(new Set(back.map(({ bytes }) => numberIn(bytes))).size).toBe(back.length);
  expect(back.map(({ bytes }) => tallyIn(bytes))).toEqual(back.map((_, i) => i + 1));
}
