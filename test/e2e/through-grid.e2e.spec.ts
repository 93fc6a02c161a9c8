import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reverseOrderOf } from '../support/killed-run';
import { notRun } from '../support/not-run';
import { FIGURE_4, figureFourVariant, hasTraces, runUp, stopRunner, traces, TRACES } from '../support/run-up';
import { compareThroughGrid } from '../support/through-grid';

/**
 * Frames that a grid may not carry, by capture, because of their length alone: below 14 bytes there is no Ethernet header
 * (`runt`), above 16 KiB no slot (`oversize`).
 */
const NOT_CARRIED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'long-gnutella.pcap': { runt: 1 },
  'odd-malformed-merged.pcap': { oversize: 1 },
};

/** What each variant adds to the command, and whether what crosses its internal links is looked at. */
const variants: readonly [string, readonly string[], boolean][] = [
  ['centralized selection, one thread', ['--selection', 'centralized'], false],
  ['distributed selection, one thread', ['--selection', 'distributed'], true],
  ['two workers', ['--workers', '2'], true],
  ['four workers, distributed selection', ['--workers', '4', '--selection', 'distributed'], false],
];
/** Captures in which both sides of a flow speak, at least. */
const TWO_WAY_MIN = 25;

/** A capture is sent through the grid several times, on a machine that may be busy. */
jest.setTimeout(600_000);

const suite = hasTraces ? describe : notRun('captures through figure 4', `there is no ${TRACES}`);

suite('silent gaps', () => {
  let dir: string;
  beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'flowgrid-gaps-'))));
  afterAll(() => {
    stopRunner();
    rmSync(dir, { recursive: true, force: true });
  });

  it('FG-50: flows that fell idle in one take no frame of others behind it, with hellos every millisecond', async () => {
    // Malformed frames from both sides with the same addresses, a minute apart.
    const capture = join(TRACES, 'odd-fuzzed.pcap');
    const run = await runUp(figureFourVariant(dir, 'fast', 'pass', 1), capture);
    try {
      const { missing, extra, reordered } = compareThroughGrid(capture, run.out);
      expect({ missing, extra, reordered }).toEqual({ missing: [], extra: [], reordered: [] });
    } finally {
      run.clean();
    }
  });
});

suite('FG-143, FG-223: every capture goes through figure 4 and comes out as it went in', () => {
  afterAll(stopRunner);

  describe.each(variants)('%s', (_name, args, isLookedAt) => {
    let twoWay = 0;
    it.each(traces)('%s', async (name) => {
      const capture = join(TRACES, name);
      const run = await runUp(FIGURE_4, capture, args, isLookedAt);
      try {
        const notCarried = NOT_CARRIED[name] ?? {};
        const { missing, extra, reordered, entered } = compareThroughGrid(capture, run.out);
        const lost = Object.values(notCarried).reduce((a, b) => a + b, 0);
        expect({ missing: missing.length, extra, reordered, dropped: run.report.frames.dropped }).toEqual({
          missing: lost,
          extra: [],
          reordered: [],
          dropped: notCarried,
        });
        expect(run.report.frames.in).toBe(entered);
        expect(Object.values(run.report.invariants).filter((verdict) => verdict.startsWith('broken'))).toEqual([]);
        expect(run.code).toBe(0);
        if (!isLookedAt) return;
        const { wrong, reverseFrames } = reverseOrderOf(run);
        expect(wrong).toEqual([]);
        if (reverseFrames > 0) twoWay++;
      } finally {
        run.clean();
      }
    });

    if (!isLookedAt) return;
    it('replies went back through most of them', () => {
      expect(twoWay).toBeGreaterThanOrEqual(TWO_WAY_MIN);
    });
  });
});
