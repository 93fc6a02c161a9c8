import * as fc from 'fast-check';
import { chainId, clusterOf, nodeOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { createPrng } from '../../../../domain/base/prng';
import type { FailurePolicy, SelectorKind } from '../../../../domain/topology/topology';
import { nodeKey } from '../../../../dataplane/descriptor/node-table';
import { createChecker, type Verdicts } from '../../../../projections/verdicts';
import { numbered, numberIn, tallyIn, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const SECRET = new Uint8Array(32).fill(7);
const CLIENT = '10.0.0.1';
const SERVER = '10.9.0.1';

interface Shape {
  readonly failure: FailurePolicy;
  readonly selector: SelectorKind;
  readonly selection: 'centralized' | 'distributed';
  readonly function: 'tally' | 'pass' | 'nat';
}

/** A grid whose second stage takes 2000 frames a second and node; every node is drained for itself, in random order. */
class Pressed {
  readonly grid: TestGrid;
  readonly sent = { there: 0, back: 0 };
  private readonly prng;
  private readonly refs: NodeRef[];
  private readonly checker = createChecker({ keysOf: (ref) => [nodeKey(SECRET, clusterOf(ref), nodeOf(ref), 1)] });
  private readonly numbers = new Map<number, { there: number; back: number }>();

  constructor(shape: Shape, seed: number) {
    this.prng = createPrng(seed);
    const config = shape.function === 'nat' ? { addresses: ['192.0.2.1'] } : {};
    const clusters = [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 3, {
        failure: shape.failure,
        selector: shape.selector,
        function: { name: shape.function, config },
        congestion: { above: 70, below: 40, framesPerSecond: 2000 },
      }),
      cluster(3, 2, { failure: 'redirect' }),
      cluster(4, 1, { role: 'inode' }),
    ];
    this.refs = clusters.flatMap(({ id, members }) => members.map(({ node }) => nodeRef(id, node)));
    this.grid = new TestGrid({
      clusters,
      selection: shape.selection,
      groups: this.refs.map((ref) => [ref]),
      slots: 8192,
    });
    this.checker.observeStanding([this.grid.topology], []);
  }

  /** Frames of a flow from a side, and a few steps of nodes drawn at random before the next. */
  frame(port: number, isBack: boolean): void {
    const n = this.numbers.get(port) ?? { there: 0, back: 0 };
    this.numbers.set(port, n);
    if (isBack) {
      this.sent.back++;
      const payload = numbered(++n.back);
      this.grid.inject(4, udp({ from: SERVER, to: CLIENT, fromPort: 53, toPort: port, payload }));
    } else {
      this.sent.there++;
      const payload = numbered(++n.there);
      this.grid.inject(1, udp({ from: CLIENT, to: SERVER, fromPort: port, toPort: 53, payload }));
    }
    for (let steps = this.prng.below(6); steps > 0; steps--) this.step();
  }

  step(): void {
    const ref = this.refs[this.prng.below(this.refs.length)];
    this.grid.group(ref).run(this.grid.now);
  }

  /** A hello interval passes while frames are under way. */
  round(): void {
    const { grid } = this;
    grid.now += grid.topology.timing.helloMs * 1000;
    for (const ref of this.refs) {
      grid.group(ref).tick(grid.now);
      for (let steps = this.prng.below(4); steps > 0; steps--) this.step();
    }
    grid.collect();
  }

  kill(ref: NodeRef): void {
    this.grid.kill(ref);
    this.refs.splice(this.refs.indexOf(ref), 1);
  }

  below(n: number): number {
    return this.prng.below(n);
  }

  verdicts(): Verdicts {
    this.grid.settle();
    for (const record of this.grid.taps) this.checker.observe(record);
    for (const [ref, events] of this.grid.events) {
      for (const event of events) this.checker.observeFlowEvent(chainId(ref, 1), event);
    }
    return this.checker.verdicts({ nodes: this.refs.map((ref) => this.grid.group(ref).statistics(ref)) });
  }

  /** How many frames were sent on a flow towards a network. */
  numberOf(port: number, network: number): number {
    const { there, back } = this.numbers.get(port) as { there: number; back: number };
    return network === 4 ? there : back;
  }

  /** What left, by network and port, as the numbers that were sent. */
  arrived(network: number, port: number): Uint8Array[] {
    const at = network === 4 ? 34 : 36;
    return this.grid.left
      .filter(({ network: to, bytes }) => to === network && ((bytes[at] << 8) | bytes[at + 1]) === port)
      .map(({ bytes }) => bytes);
  }
}

/** Six flows that are too much for the nodes that they began at; `during` is called before each round. */
function press(shape: Shape, seed: number, during?: (run: Pressed, round: number) => void): Pressed {
  const run = new Pressed(shape, seed);
  const ports = Array.from({ length: 6 }, (_, i) => 1000 + i);
  for (const port of ports) {
    run.frame(port, false);
    run.grid.settle();
  }
  for (let round = 0; round < 40; round++) {
    during?.(run, round);
    const isOneWay = shape.function === 'nat';
    for (let n = 50; n > 0; n--) run.frame(ports[run.below(ports.length)], !isOneWay && run.below(3) === 0);
    run.round();
  }
  run.grid.settle();
  return run;
}

const HELD = { affinity: 'held', pinnedTopology: 'held', oneEmitter: 'held', conservation: 'held', isolation: 'held' };

describe('flows of a congested node move', () => {
  test('FG-186: with their state, and no frame is lost, doubled or overtaken, however nodes are scheduled', () => {
    let moved = 0;
    fc.assert(
      fc.property(
        fc.record({
          failure: fc.constantFrom<FailurePolicy>('backup', 'redirect', 'discard'),
          selector: fc.constantFrom<SelectorKind>('hash', 'round-robin', 'least-flows'),
          selection: fc.constantFrom('centralized' as const, 'distributed' as const),
          function: fc.constantFrom('tally' as const, 'pass' as const),
        }),
        fc.integer({ min: 1, max: 1 << 30 }),
        (shape, seed) => {
          const run = press(shape, seed);
          expect(run.verdicts()).toMatchObject(HELD);
          const total = run.grid.total(({ flowsMovedAway }) => flowsMovedAway);
          expect(run.grid.total(({ flowsMovedHere }) => flowsMovedHere)).toBe(total);
          moved += total;
          expect(run.grid.left.length).toBe(run.sent.there + run.sent.back);
          for (let port = 1000; port < 1006; port++) {
            for (const network of [1, 4]) {
              const frames = run.arrived(network, port);
              const inOrder = frames.map((_, i) => i + 1);
              expect(frames.map(numberIn)).toEqual(inOrder);
              // The function's own count goes on where it was: its state came along.
              if (shape.function === 'tally') expect(frames.map(tallyIn)).toEqual(inOrder);
            }
          }
          const events = run.grid.allEvents().filter(({ type }) => type === 'FlowRerouted');
          expect(events).toHaveLength(total);
          expect(events.every((event) => 'reason' in event && event.reason === 'congested')).toBe(true);
          expect(run.grid.allEvents().some(({ type }) => type === 'FlowTakenOver')).toBe(false);
          expect(run.grid.dropped('fenced')).toBe(0);
          // A shadow that is getting into step may be sent a frame twice; nobody else is.
          if (shape.failure !== 'backup') expect(run.grid.dropped('duplicate')).toBe(0);
        },
      ),
      { numRuns: 8 },
    );
    expect(moved).toBeGreaterThan(10);
  });

  test('FG-186: flows behind a NAT keep their outside ports', () => {
    const run = press({ failure: 'backup', selector: 'hash', selection: 'centralized', function: 'nat' }, 5);
    const { left } = run.grid;
    expect(run.grid.total(({ flowsMovedHere }) => flowsMovedHere)).toBeGreaterThan(0);
    expect(run.verdicts()).toMatchObject(HELD);
    expect(left.length).toBe(run.sent.there);
    const outside = new Set(left.map(({ bytes }) => (bytes[34] << 8) | bytes[35]));
    expect(outside.size).toBe(6);
    for (const port of outside) {
      const numbers = left
        .filter(({ bytes }) => ((bytes[34] << 8) | bytes[35]) === port)
        .map(({ bytes }) => numberIn(bytes));
      expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    }
  });

  test('FG-186: a node that dies while it gives flows away, or is given them, loses nothing under backup', () => {
    let movedAtAll = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1 << 30 }), fc.integer({ min: 6, max: 16 }), (seed, at) => {
        const shape = { failure: 'backup', selector: 'hash', selection: 'centralized', function: 'tally' } as const;
        const run = press(shape, seed, (running, round) => {
          if (round !== at) return;
          // Frames and words of moves are on every link now.
          running.kill(nodeRef(2, 1 + running.below(3)));
        });
        run.grid.beats(12);
        movedAtAll += run.grid.total(({ flowsMovedAway }) => flowsMovedAway);
        for (let port = 1000; port < 1006; port++) {
          for (const network of [1, 4]) {
            const frames = run.arrived(network, port);
            const expected = Array.from({ length: run.numberOf(port, network) }, (_, i) => i + 1);
            expect({ network, port, numbers: frames.map(numberIn) }).toEqual({ network, port, numbers: expected });
            expect(frames.map(tallyIn)).toEqual(expected);
          }
        }
      }),
      { numRuns: 8 },
    );
    expect(movedAtAll).toBeGreaterThan(4);
  });
});
