import * as fc from 'fast-check';
import { HELD } from './detour-grid';
import { ModeGrid, type Modes, type ModeShape } from './mode-grid';

const PORTS = [5000, 5001, 5002, 5003];

const mode = fc.constantFrom('through' as const, 'copy' as const, 'bypass' as const);
const modes: fc.Arbitrary<Modes> = fc.tuple(mode, mode, mode);
const shape: fc.Arbitrary<ModeShape> = fc.record({
  failure: fc.constantFrom('redirect' as const, 'backup' as const),
  selection: fc.constantFrom('centralized' as const, 'distributed' as const),
  inodes: fc.integer({ min: 1, max: 3 }),
  seed: fc.integer({ min: 1, max: 1_000_000 }),
});

describe('modes are switched for flows that live', () => {
  test('FG-340: no frame is lost, doubled or overtaken, however nodes are scheduled, and flows go as new ones do', () => {
    let switches = 0;
    fc.assert(
      fc.property(shape, fc.array(modes, { minLength: 2, maxLength: 4 }), (drawn, [first, ...others]) => {
        const run = new ModeGrid(first, drawn);
        for (const port of PORTS) run.exchange(port);
        for (const next of others) {
          run.switchTo(next);
          for (let round = 0; round < 6; round++) run.busyRound(PORTS);
          run.grid.beats(3);
          switches++;
        }
        run.grid.settle();
        run.grid.beats(12);
        const fresh = run.hops(6000);
        for (const port of PORTS) expect(run.hops(port)).toEqual(fresh);
        run.expectWhole();
        expect(run.wires()).toEqual([run.grid.topology.wireId]);
        expect(run.verdicts()).toMatchObject(HELD);
      }),
      { numRuns: 40 },
    );
    expect(switches).toBeGreaterThan(40);
  });
});
