import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runUp, stopRunner, type UpRun } from '../support/run-up';
import { compareThroughGrid } from '../support/through-grid';

const root = join(__dirname, '../..');
const GRID = join(root, 'examples/replication.yaml');
const CAPTURE = join(root, 'examples/captures/mixed.pcap');

/** A function that changes what it forwards: the DSCP of every IP frame. */
const MARKER = `exports.definition = {
  name: 'marker',
  summary: 'marks frames',
  create: () => ({
    stateKind: 'stateless',
    reads: 'headers',
    dropReasons: [],
    process(frame) {
      if (frame.ip !== 0) frame.setDscp(46);
      return 0;
    },
  }),
};`;

jest.setTimeout(600_000);

/** Originals are untouched, and no invariant is broken. */
function expectOriginalsUntouched(run: UpRun): void {
  const { missing, extra, reordered } = compareThroughGrid(CAPTURE, run.out);
  expect({ missing, extra, reordered }).toEqual({ missing: [], extra: [], reordered: [] });
  expect(Object.values(run.report.invariants).filter((verdict) => verdict !== 'held')).toEqual([]);
  expect(run.code).toBe(0);
}

afterAll(stopRunner);

describe('FG-171, FG-172: examples/replication.yaml over a capture', () => {
  it.each([
    ['one thread', []],
    ['distributed selection, two workers', ['--selection', 'distributed', '--workers', '2']],
    ['a node of the primary path killed', ['--kill', 'AB@0.4']],
  ])('%s: replicas are equal to their originals, which leave as they came', async (_what, args) => {
    const run = await runUp(GRID, CAPTURE, args);
    try {
      expectOriginalsUntouched(run);
      const { frames, replication } = run.report;
      expect(frames.replica).toBeGreaterThan(1_000);
      expect(replication).toEqual({ compared: frames.replica, differing: 0 });
      expect(frames.consumed + (frames.dropped['replica-end'] ?? 0)).toBe(frames.replica);
    } finally {
      run.clean();
    }
  });

  it('a candidate that changes frames is found out, and changes nothing that leaves', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'flowgrid-replication-'));
    const module = join(dir, 'marker.cjs');
    const grid = join(dir, 'grid.yaml');
    writeFileSync(module, MARKER);
    const candidate = `function: { name: module, config: { path: ${module} } }`;
    writeFileSync(grid, readFileSync(GRID, 'utf8').replace(/(AD: \{.*)function: pass/, `$1${candidate}`));
    const run = await runUp(grid, CAPTURE);
    try {
      expectOriginalsUntouched(run);
      const { frames, replication } = run.report;
      // Reverse frames are compared before they come to the candidate.
      expect(replication?.compared).toBe(frames.replica);
      expect(replication?.differing).toBe(frames.consumed);
    } finally {
      run.clean();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
