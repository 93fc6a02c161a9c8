import { join } from 'node:path';
import { readCaptureFile } from './capture-file';
import { judgeReverse, nodeNamed, readHops, type ReverseOrder } from './reverse-order';
import { runUp, TRACES, type UpRun } from './run-up';

/** Where to kill: at half, or, where no frame of the dead node's flows comes before it is found dead, elsewhere. */
const FRACTIONS = [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1];

/** Number of the cluster AB in examples/figure-4.yaml. */
const AB = 5;

/** Captures without two frames that a kill could come between. */
export const NO_TRAFFIC: ReadonlySet<string> = new Set(['odd-empty.pcap']);

/** A run in which a node died. */
export interface KilledRun extends UpRun {
  readonly fraction: number;
  /** Frames that reached the dead node before the others knew. */
  readonly reached: number;
  /** Frames that its backups had held and emitted. */
  readonly reemitted: number;
}

/** Frames on internal links that carry descriptor flag 6: held by a backup, emitted on a takeover. */
function reemitted({ internalOut }: UpRun): number {
  const { frames } = readCaptureFile(internalOut);
  return frames.filter(({ bytes }) => (bytes[bytes.length - bytes[bytes.length - 1]! + 24]! & 0x40) !== 0).length;
}

/** Kills the busiest node of AB at a fraction of a capture. */
export async function killAt(
  fraction: number,
  grid: string,
  capture: string,
  args: readonly string[] = [],
): Promise<KilledRun> {
  const run = await runUp(grid, join(TRACES, capture), ['--kill', `AB@${fraction}`, ...args], true);
  return { ...run, fraction, reached: run.report.frames.dropped['node-dead'] ?? 0, reemitted: reemitted(run) };
}

/**
 * Kills the busiest node of AB at the first fraction at which frames still reach it before it is found dead and its
 * backups emit what they held; the run at half where there is no such fraction.
 */
export async function killUnderTraffic(
  grid: string,
  capture: string,
  args: readonly string[] = [],
): Promise<KilledRun> {
  let atHalf: KilledRun | undefined;
  for (const fraction of FRACTIONS) {
    const run = await killAt(fraction, grid, capture, args);
    if (run.reached > 0 && run.reemitted > 0) {
      atHalf?.clean();
      return run;
    }
    if (atHalf === undefined) atHalf = run;
    else run.clean();
  }
  return atHalf!;
}

/** Whether reverse frames went the way of the forward ones back, in a run with `--internal-out` and any kills in AB. */
export function reverseOrderOf({ internalOut, report }: UpRun): ReverseOrder {
  return judgeReverse(
    readHops(internalOut),
    report.failures.map(({ node }) => nodeNamed(node, AB)),
  );
}

/** What left a grid, as a sorted list of frames: equal for runs that let the same through. */
export function contentOf(run: UpRun): string[] {
  return readCaptureFile(run.out)
    .frames.map(({ bytes }) => bytes.toString('latin1'))
    .sort();
}

/** Invariants that a run broke, in the words of its report. */
export function brokenIn({ report }: UpRun): string[] {
  return Object.values(report.invariants).filter((verdict) => verdict.startsWith('broken'));
}

/** Frames that were dropped, all reasons together. */
export function droppedIn({ report }: UpRun): number {
  return Object.values(report.frames.dropped).reduce((sum, n) => sum + n, 0);
}
