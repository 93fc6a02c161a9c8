import type { BenchOptions, BenchResult } from '../result';
import { commitsPerSecond } from './commits';
import { flowEventsPerSecond } from './flows';
import { besidePeer } from './peer';
import { replay } from './replay';
import { programStart } from './start';

/** The budgets of the event log (docs/reference/event-log.md). Writes into the system's temporary directory. */
export async function run(options: BenchOptions = { smoke: false }): Promise<BenchResult[]> {
  return [
    ...(await commitsPerSecond(options.smoke)),
    ...(await besidePeer(options.smoke)),
    ...(await flowEventsPerSecond(options.smoke)),
    ...(await replay(options.smoke)),
    ...(await programStart(options.smoke)),
  ];
}
