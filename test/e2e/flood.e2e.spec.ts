import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FIGURE_4, runUp, stopRunner } from '../support/run-up';
import { compareThroughGrid } from '../support/through-grid';
import { flowgrid } from '../support/up-process';

const CAPTURE = join(__dirname, '../../examples/captures/mixed.pcap');

jest.setTimeout(600_000);

afterAll(stopRunner);

describe('figure 4 with room for a few flows', () => {
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-flood-'));
  const grid = join(dir, 'grid.yaml');
  const text = readFileSync(FIGURE_4, 'utf8');
  writeFileSync(grid, text.replace(/^seed:.*$/m, '$&\nflood: { flowsPerNode: 16 }'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it.each([
    ['one thread', []],
    [
      'two workers, distributed selection, a node that joins',
      ['--workers', '2', '--selection', 'distributed', '--scale', 'AB=4@0.5'],
    ],
  ])('FG-160 FG-161, %s: all that entered leaves, in order, and no invariant is broken', async (_what, args) => {
    expect(readFileSync(grid, 'utf8')).not.toBe(text);
    const run = await runUp(grid, CAPTURE, args);
    try {
      const { missing, extra, reordered } = compareThroughGrid(CAPTURE, run.out);
      expect({ missing, extra, reordered }).toEqual({ missing: [], extra: [], reordered: [] });
      const { frames, flows, flood, invariants } = run.report;
      expect(Object.values(invariants).filter((verdict) => verdict !== 'held')).toEqual([]);
      expect(frames.dropped).toEqual({});
      expect(flood.frames).toBeGreaterThan(frames.in / 4);
      expect(flood.began).toBeGreaterThan(0);
      expect(flows.started).toBeGreaterThan(10);
      expect(run.code).toBe(0);
    } finally {
      run.clean();
    }
  });

  it('FG-167: trace knows nothing of a flow that was not remembered, but when the flood was', async () => {
    const data = join(dir, 'data');
    await flowgrid('up', grid, '--capture', CAPTURE, '--speed', 'max', '--once', '--data', data);
    const rows = (await flowgrid('classify', CAPTURE, '--json')).stdout
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as { type: string; proto: number; a: string; aPort: number; b: string; bPort: number },
      );
    const last = rows.findLast(({ proto, a }) => proto === 6 && !a.includes(':'))!;
    const ends = [`${last.a}:${last.aPort}`, `${last.b}:${last.bPort}`];
    const { code, stderr } = await flowgrid('trace', 'tcp', ...ends, '--data', data);
    expect(code).toBe(5);
    expect(stderr).toMatch(/no flow for .*; a flood that node \d+\/\d+@1 told of began at .* \(no room in a table\)/);
  });
});
