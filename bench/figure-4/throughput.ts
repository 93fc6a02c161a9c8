import { availableParallelism } from 'node:os';
import type { BenchResult } from '../result';
import type { PublishedTopology } from '../../domain/topology/topology';
import { median, seconds } from '../log/measure';
import { CoreTime } from './core-time';
import { establish, MemoryGrid, nsPerFrame } from './memory-grid';
import type { Traffic } from './recording';
import { sumOf, type StageCosts, type Stages } from './stages';
import { StageThreads } from './stage-threads';
import { WorkerGrid } from './worker-grid';

const BUDGET = 0.4;
/** Length of the frames, by which the stages are timed too. */
export const FRAME_BYTES = 64;

/** How long the measurements are. */
export interface Size {
  readonly rounds: number;
  readonly frames: number;
  /** Batches of 64 frames by which each stage is timed. */
  readonly batches: number;
}

/** One thread: frames per second against what the sum of the stages' costs allows. */
export async function throughputInline(
  published: PublishedTopology,
  traffic: Traffic,
  stages: Stages,
  { rounds, frames, batches }: Size,
): Promise<BenchResult[]> {
  const grid = new MemoryGrid(published, { flows: stages.places });
  establish(grid, traffic);
  const measured: Measured[] = [];
  for (let round = -1; round < rounds; round++) {
    const costs = stages.measure(batches);
    const entered = grid.entered;
    const time = new CoreTime();
    const took = 1e9 * (await seconds(async () => void nsPerFrame(grid, traffic.established, frames)));
    const withheld = time.withheldHere();
    const sent = grid.entered - entered;
    grid.check();
    if (round >= 0) measured.push({ costs, ns: took / sent, coreNs: without(withheld, took) / sent });
  }
  const costs = measured.map((each) => each.costs);
  return [
    {
      name: 'stages of figure 4 alone, 64 B',
      unit: 'ns/frame',
      value: median(costs.map(sumOf)),
      note:
        `push ${of(costs, 'push')}, transit ${of(costs, 'transit')} twice, arrival ${of(costs, 'arrival')} twice ` +
        `(shadow, egress), recognition ${of(costs, 'recognition')}`,
    },
    judged('figure 4 in one thread, 64 B', measured, 1, true),
  ];
}

/**
 * The grid in worker threads, with the networks' ports in them, against the stages in as many threads at once.
 *
 * @param flows Flows of the traffic; `places` of each table.
 */
export async function throughputOfWorkers(
  workers: number,
  published: PublishedTopology,
  traffic: Traffic,
  { flows, places }: { readonly flows: number; readonly places: number },
  { rounds, frames, batches }: Size,
): Promise<BenchResult> {
  const cores = Math.min(workers, availableParallelism());
  const stages = await StageThreads.start(cores, flows, FRAME_BYTES, places);
  const grid = await WorkerGrid.start(workers, published, traffic, places);
  try {
    await grid.establish();
    const measured: Measured[] = [];
    for (let round = -1; round < rounds; round++) {
      const costs = await stages.measure(batches);
      const time = new CoreTime();
      const ns = (1e9 * (await seconds(() => grid.send(frames)))) / frames;
      // More workers than cores wait for one another, which is the grid's own doing.
      const withheld = workers > availableParallelism() ? 0 : time.withheldFrom(workers) / frames;
      grid.check();
      if (round >= 0) measured.push({ costs, ns, coreNs: without(withheld, ns) });
    }
    const plural = workers === 1 ? '1 worker' : `${workers} workers`;
    return judged(`figure 4 in ${plural}, 64 B`, measured, cores, workers < 4);
  } finally {
    await Promise.all([grid.close(), stages.close()]);
  }
}

/** A time but for the part withheld; waiting from before a very short measurement can be told during it, and counts not. */
function without(withheld: number, took: number): number {
  return withheld < took ? took - withheld : took;
}

interface Measured {
  readonly costs: StageCosts;
  /** Nanoseconds a frame on the clock, and without the time in which the grid had no core ({@link CoreTime}). */
  readonly ns: number;
  readonly coreNs: number;
}

function judged(name: string, measured: readonly Measured[], cores: number, isJudged: boolean): BenchResult {
  const value = median(measured.map(({ costs, coreNs }) => sumOf(costs) / (coreNs * cores)));
  const onClock = median(measured.map(({ costs, ns }) => sumOf(costs) / (ns * cores)));
  const budget = isJudged ? { budget: `≥ ${BUDGET}`, ok: value >= BUDGET } : {};
  const perSecond = 1e9 / median(measured.map(({ ns }) => ns));
  return {
    name,
    unit: 'frames/s',
    value: perSecond,
    ratio: { of: 'what its stages allow a core', value, ...budget },
    note: `stages ${median(measured.map(({ costs }) => sumOf(costs))).toFixed(0)} ns a frame; ${Math.round(perSecond / cores).toLocaleString('en-US')} a core; ${onClock.toFixed(2)} × with the time in which it had no core`,
  };
}

function of(costs: readonly StageCosts[], stage: keyof StageCosts): string {
  return median(costs.map((each) => each[stage])).toFixed(0);
}
