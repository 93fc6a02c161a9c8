import { join } from 'node:path';
import { notRun } from '../support/not-run';
import { FIGURE_4, hasTraces, runUp, traces, TRACES } from '../support/run-up';
import { compareThroughGrid } from '../support/through-grid';

/**
 * Frames that a grid may not carry, by capture, because of their length alone: below 14 bytes there is no Ethernet header
 * (`runt`), above 16 KiB no slot (`oversize`).
 */
const NOT_CARRIED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'long-gnutella.pcap': { runt: 1 },
  'odd-malformed-merged.pcap': { oversize: 1 },
};

const variants: readonly [string, readonly string[]][] = [
  ['centralized selection, one thread', ['--selection', 'centralized']],
  ['distributed selection, one thread', ['--selection', 'distributed']],
  ['two workers', ['--workers', '2']],
  ['four workers, distributed selection', ['--workers', '4', '--selection', 'distributed']],
];

/** A capture is sent through the grid several times, on a machine that may be busy. */
jest.setTimeout(600_000);

const suite = hasTraces ? describe : notRun('captures through figure 4', `there is no ${TRACES}`);

suite('FG-143: every capture goes through figure 4 and comes out as it went in', () => {
  describe.each(variants)('%s', (_name, args) => {
    it.each(traces)('%s', async (name) => {
      const capture = join(TRACES, name);
      const run = await runUp(FIGURE_4, capture, args);
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
      } finally {
        run.clean();
      }
    });
  });
});
