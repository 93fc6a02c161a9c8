import type { BenchOptions, BenchResult } from '../result';
import { allocation } from './allocation';
import { recordTraffic } from './recording';
import { Stages } from './stages';
import { FRAME_BYTES, throughputInline, throughputOfWorkers } from './throughput';
import { figure4, publishedTopology } from './topology';

/** Of each flow and connection table. */
const PLACES = 1 << 15;

/**
 * Figure 4 whole, in memory: every frame passes four stages, and a shadowed backup in the first cluster. The traffic is
 * seeded and established, so that what is measured is the grid and not its traffic.
 */
export async function run({ smoke }: BenchOptions = { smoke: false }): Promise<BenchResult[]> {
  const published = await publishedTopology(figure4());
  const flows = smoke ? 200 : 10_000;
  const traffic = recordTraffic({ seed: 4, flows, dataFrames: 10, frameBytes: FRAME_BYTES });
  const stages = new Stages(flows, FRAME_BYTES, PLACES);
  const size = { rounds: smoke ? 1 : 7, frames: smoke ? 1000 : 200_000, batches: smoke ? 20 : 1000 };
  const results = [...(await throughputInline(published, traffic, stages, size))];
  for (const workers of [1, 2, 4]) {
    results.push(await throughputOfWorkers(workers, published, traffic, { flows, places: PLACES }, size));
  }
  results.push(...allocation(published, traffic, PLACES, smoke ? 2000 : 1_000_000));
  return results;
}
