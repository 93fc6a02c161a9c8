import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCaptureFile } from '../support/capture-file';
import { notRun } from '../support/not-run';
import { figureFourVariant, hasTraces, runUp, traces, TRACES, type UpRun } from '../support/run-up';
import { compareThroughGrid } from '../support/through-grid';

/** Captures without two frames that a kill could come between. */
const NO_TRAFFIC = new Set(['odd-empty.pcap']);
/** Where to kill: at half, or, where no frame of the dead node's flows comes before it is found dead, elsewhere. */
const FRACTIONS = [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1];
/** Frames that no grid carries (see through-grid.e2e.spec.ts). */
const NOT_CARRIED = new Set(['runt', 'oversize']);

const killable = traces.filter((name) => !NO_TRAFFIC.has(name));
/** A capture is sent through the grid several times, on a machine that may be busy. */
jest.setTimeout(600_000);

const suite = hasTraces ? describe : notRun('kills under captures', `there is no ${TRACES}`);

/** Frames on internal links that carry descriptor flag 6: held by a backup, emitted on a takeover. */
function reemitted(run: UpRun): number {
  const frames = readCaptureFile(run.internalOut).frames;
  return frames.filter(({ bytes }) => (bytes[bytes.length - bytes[bytes.length - 1]! + 24]! & 0x40) !== 0).length;
}

function carried(dropped: Readonly<Record<string, number>>): number {
  return Object.entries(dropped).reduce((sum, [why, n]) => (NOT_CARRIED.has(why) ? sum + n : sum), 0);
}

/** Kills the busiest node of AB at the first fraction at which frames still reach it before it is found dead. */
async function killUnderTraffic(grid: string, name: string, args: readonly string[]): Promise<UpRun> {
  let run: UpRun | undefined;
  for (const fraction of FRACTIONS) {
    run?.clean();
    run = await runUp(grid, join(TRACES, name), ['--kill', `AB@${fraction}`, ...args], true);
    if ((run.report.frames.dropped['node-dead'] ?? 0) > 0 && reemitted(run) > 0) return run;
  }
  return run!;
}

suite('a node of a backup cluster dies under traffic', () => {
  let dir: string;
  beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'flowgrid-kill-'))));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  describe.each([
    ['centralized', []],
    ['distributed', ['--selection', 'distributed']],
    ['two workers', ['--workers', '2']],
  ])('FG-141: nothing is lost and nothing comes twice, %s', (_name, args) => {
    it.each(killable)('%s', async (name) => {
      const run = await killUnderTraffic(figureFourVariant(dir, 'pass', 'pass'), name, args);
      try {
        const { missing, extra, reordered } = compareThroughGrid(join(TRACES, name), run.out);
        const { frames, failures, invariants } = run.report;
        expect({ missing: missing.length, extra, reordered }).toEqual({
          missing: carried(frames.dropped),
          extra: [],
          reordered: [],
        });
        expect(Object.values(invariants).filter((verdict) => verdict.startsWith('broken'))).toEqual([]);
        expect(failures).toMatchObject([{ framesLost: 0, framesDuplicated: 0 }]);
        expect(failures[0]!.takenOver).toBeGreaterThanOrEqual(1);
        expect(frames.dropped['node-dead']).toBeGreaterThanOrEqual(1);
        expect(reemitted(run)).toBeGreaterThanOrEqual(1);
      } finally {
        run.clean();
      }
    });
  });

  it.each(killable)('FG-141: a strict stateful filter goes on as if nothing had happened: %s', async (name) => {
    const grid = figureFourVariant(dir, 'strict', '{ name: packet-filter, config: { mode: strict } }');
    const untroubled = await runUp(grid, join(TRACES, name));
    const killed = await runUp(grid, join(TRACES, name), ['--kill', 'AB@0.5']);
    try {
      const content = (run: UpRun): string[] =>
        readCaptureFile(run.out)
          .frames.map(({ bytes }) => bytes.toString('latin1'))
          .sort();
      expect(content(killed).length).toBe(content(untroubled).length);
      expect(content(killed)).toEqual(content(untroubled));
      expect(killed.code).toBe(0);
    } finally {
      untroubled.clean();
      killed.clean();
    }
  });
});
