import * as fc from 'fast-check';
import { clusterOf, type NodeRef } from '../../../../domain/base/ids';
import { D_SEQUENCE } from '../../../../dataplane/frames/layout';
import { numbered, numberIn, tallyIn, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const STAGE = 2;
const request = (n: number): Uint8Array =>
  udp({ from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000, toPort: 53, payload: numbered(n) });
const reply = (n: number): Uint8Array =>
  udp({ from: '10.9.0.1', to: '10.0.0.1', fromPort: 53, toPort: 5000, payload: numbered(n) });

/** A stage whose function numbers the frames of a flow: a shadow that missed one betrays itself when it takes over. */
function grid(functionName = 'tally', failure: 'backup' | 'redirect' = 'backup'): TestGrid {
  return new TestGrid({
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(STAGE, 3, { failure, function: { name: functionName, config: {} } }),
      cluster(3, 1, { role: 'inode' }),
    ],
  });
}

class Run {
  readonly grid: TestGrid;
  n = 0;

  constructor(functionName?: string, failure?: 'backup' | 'redirect') {
    this.grid = grid(functionName, failure);
  }

  exchange(times: number): void {
    for (let i = 0; i < times; i++) {
      this.n++;
      this.grid.inject(1, request(this.n));
      this.grid.settle();
      this.grid.inject(4, reply(this.n));
      this.grid.settle();
    }
  }

  get primary(): NodeRef {
    return this.grid.taps.findLast(({ kind, from }) => kind === 'sent' && clusterOf(from) === STAGE)!.from;
  }

  get backup(): NodeRef {
    return this.grid.taps.findLast(
      ({ kind, from, to }) =>
        kind === 'sent' && clusterOf(from) !== STAGE && clusterOf(to) === STAGE && to !== this.primary,
    )!.to;
  }

  /** The copies of these sequences are damaged on their way to the backup, in both directions. */
  damageCopies(...sequences: number[]): void {
    const { backup } = this;
    this.grid.damages = (to, bytes) => {
      if (to !== backup) return false;
      const at = bytes.length - bytes[bytes.length - 1];
      return sequences.includes(new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + D_SEQUENCE));
    };
  }

  get resynchronised(): number {
    return this.grid.total((node) => node.resynchronised);
  }

  /** Kills the primary and lets the backup take over, with traffic before its silence is noticed. */
  takeOver(): void {
    const { primary } = this;
    this.grid.kill(primary);
    this.exchange(3);
    this.grid.beats(8);
    this.exchange(3);
  }

  /** Every frame out, in each direction, with the running numbers of an undisturbed function. */
  expectExact(): void {
    for (const network of [1, 4]) {
      const out = this.grid.left.filter((left) => left.network === network).map(({ bytes }) => bytes);
      const all = Array.from({ length: this.n }, (_, i) => i + 1);
      expect(out.map(numberIn)).toEqual(all);
      expect(out.map(tallyIn)).toEqual(all);
    }
  }
}

describe('FG-177: a backup that missed frames is found by digest and gets into step again', () => {
  it.each([
    ['in the middle', [5]],
    ['several', [4, 5, 7]],
    ['the last ones, and then silence', [9, 10]],
  ])('a copy lost on the link, %s: the takeover afterwards is exact', (_what, lost) => {
    const run = new Run();
    run.exchange(3);
    run.grid.beat();
    run.damageCopies(...lost);
    run.exchange(7);
    expect(run.grid.dropped('bad-checksum')).toBe(2 * lost.length);
    run.grid.damages = () => false;
    run.grid.beats(5);
    expect(run.resynchronised).toBe(1);
    run.grid.beats(8);
    run.takeOver();
    run.expectExact();
    expect(run.grid.allEvents().filter(({ type }) => type === 'FlowTakenOver')).toHaveLength(1);
  });

  it('negative control: without time for a digest the takeover shows what was missed', () => {
    const run = new Run();
    run.exchange(3);
    run.damageCopies(5);
    run.exchange(4);
    run.grid.damages = () => false;
    run.takeOver();
    expect(run.resynchronised).toBe(0);
    expect(() => run.expectExact()).toThrow();
  });

  it('traffic goes on while it gets into step, and nothing leaves twice or not at all', () => {
    const run = new Run();
    run.exchange(3);
    run.damageCopies(5);
    for (let i = 0; i < 14; i++) {
      run.exchange(2);
      run.grid.beat();
    }
    expect(run.resynchronised).toBe(1);
    run.takeOver();
    run.expectExact();
  });

  it('a copy lost again is found again', () => {
    const run = new Run();
    run.exchange(3);
    run.damageCopies(5);
    run.exchange(3);
    run.grid.damages = () => false;
    run.grid.beats(14);
    run.exchange(3);
    run.damageCopies(11);
    run.exchange(3);
    run.grid.damages = () => false;
    run.grid.beats(14);
    expect(run.resynchronised).toBe(2);
    run.takeOver();
    run.expectExact();
  });

  it('what held frames the backup has, made on a wrong state, it lets go: they are counted, and no slot is lost', () => {
    const run = new Run();
    const free = run.grid.freeSlots();
    run.exchange(3);
    run.damageCopies(5);
    for (let i = 0; i < 8; i++) {
      run.exchange(3);
      run.grid.beat();
    }
    run.grid.beats(12);
    expect(run.grid.freeSlots()).toBe(free);
    const into = run.grid.total((node) => node.externalIn + node.received + node.created + node.copied);
    const dropped = run.grid.total((node) => Object.values(node.dropped).reduce((sum, n) => sum + n, 0));
    const out = run.grid.total(
      (node) => node.externalOut + node.sent + node.consumed + node.suppressed + node.inFlight,
    );
    expect(out + dropped).toBe(into);
  });

  it.each([
    ['without loss', 'tally', 'backup'],
    ['a function without state', 'pass', 'backup'],
    ['a stage without backups', 'tally', 'redirect'],
  ] as const)('asks for nothing: %s', (_what, name, failure) => {
    const run = new Run(name, failure);
    for (let i = 0; i < 20; i++) {
      run.exchange(1 + (i % 3));
      run.grid.beat();
    }
    run.grid.beats(6);
    expect(run.resynchronised).toBe(0);
  });

  it('whichever copies are lost, a takeover once all is quiet is exact', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 2, max: 90 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 12 }),
        (lost, burst) => {
          const run = new Run();
          run.exchange(1);
          run.damageCopies(...lost);
          while (run.n < 90) {
            run.exchange(burst);
            run.grid.beat();
          }
          run.grid.damages = () => false;
          run.grid.beats(24);
          expect(run.resynchronised).toBeGreaterThan(0);
          run.takeOver();
          run.expectExact();
        },
      ),
      { numRuns: 15 },
    );
  });
});
