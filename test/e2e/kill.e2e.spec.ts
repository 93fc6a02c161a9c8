import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokenIn, killUnderTraffic, NO_TRAFFIC, reverseOrderOf } from '../support/killed-run';
import { notRun } from '../support/not-run';
import { figureFourVariant, hasTraces, stopRunner, traces, TRACES } from '../support/run-up';
import { compareThroughGrid } from '../support/through-grid';

/** Frames that no grid carries (see through-grid.e2e.spec.ts). */
const NOT_CARRIED = new Set(['runt', 'oversize']);
/**
 * Captures whose busiest node has live flows at half of the frames, but none that sends between the kill and its
 * detection: their node is killed elsewhere.
 */
const KILLED_ELSEWHERE = [
  'encap-teredo.pcap',
  'encap-vxlan.pcap',
  'long-bfd-router.pcap',
  'quic-youtube.pcap',
  'web-netflix.pcap',
];

/** Reverse frames that went by the heir of a dead node, over all captures, at least. */
const BY_HEIRS_MIN = 100;

const killable = traces.filter((name) => !NO_TRAFFIC.has(name));
/** A capture is sent through the grid several times, on a machine that may be busy. */
jest.setTimeout(600_000);

const suite = hasTraces ? describe : notRun('kills under captures', `there is no ${TRACES}`);

function notCarried(dropped: Readonly<Record<string, number>>): number {
  return Object.entries(dropped).reduce((sum, [why, n]) => (NOT_CARRIED.has(why) ? sum + n : sum), 0);
}

suite('a node of a backup cluster dies under traffic', () => {
  let dir: string;
  beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'flowgrid-kill-'))));
  afterAll(() => {
    stopRunner();
    rmSync(dir, { recursive: true, force: true });
  });

  describe.each([
    ['centralized, one thread', []],
    ['distributed, one thread', ['--selection', 'distributed']],
    ['centralized, two workers', ['--workers', '2']],
    ['distributed, four workers', ['--workers', '4', '--selection', 'distributed']],
  ])('FG-141, FG-223: nothing is lost, comes twice or goes another way back, %s', (_name, args) => {
    const elsewhere: string[] = [];
    let byHeirs = 0;

    it.each(killable)('%s', async (name) => {
      const run = await killUnderTraffic(figureFourVariant(dir, 'pass', 'pass'), name, args);
      try {
        if (run.fraction !== 0.5) elsewhere.push(name);
        const { missing, extra, reordered } = compareThroughGrid(join(TRACES, name), run.out);
        const { frames, failures } = run.report;
        expect({ missing: missing.length, extra, reordered }).toEqual({
          missing: notCarried(frames.dropped),
          extra: [],
          reordered: [],
        });
        expect(brokenIn(run)).toEqual([]);
        expect(failures).toMatchObject([{ framesLost: 0, framesDuplicated: 0 }]);
        expect(failures[0]!.takenOver).toBeGreaterThanOrEqual(1);
        expect(run.reached).toBeGreaterThanOrEqual(1);
        expect(run.reemitted).toBeGreaterThanOrEqual(1);
        const back = reverseOrderOf(run);
        expect(back.wrong).toEqual([]);
        byHeirs += back.byHeirs;
      } finally {
        run.clean();
      }
    });

    it('reverse frames went by heirs', () => {
      expect(byHeirs).toBeGreaterThanOrEqual(BY_HEIRS_MIN);
    });

    // With workers it is for the scheduler to say which frames are on their way when the node dies.
    if (args.includes('--workers')) return;
    it('the node dies at half of every capture but those that are listed', () => {
      expect(elsewhere.filter((name) => !KILLED_ELSEWHERE.includes(name))).toEqual([]);
    });
  });
});
