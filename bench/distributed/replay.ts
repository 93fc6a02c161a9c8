import type { BenchResult } from '../result';
import { evolve, evolveCommit, initialState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import type { TopologyEvent } from '../../domain/events';
import { decodeFlowBatch } from '../../adapters/codec/flow-batch';
import { decodeCommit } from '../../adapters/codec/records';
import { openKafkaLog, type KafkaLogOptions } from '../../adapters/log/kafka';
import { median, seconds } from '../log/measure';
import { appendFlowEvents, BATCH, foundingEvents, nodeCommits } from '../log/workload';

const GROUP = 1_000;
const CHAIN = '1/1@1';

const BUDGET = 0.5;

/**
 * From a process that knows nothing to the state of a whole history: fetched, judged, decoded and folded. In turns with the same
 * where nothing is kept in memory, so that every record is fetched twice: to be judged, and to be read.
 */
export async function replayFromKafka(brokers: string, smoke: boolean): Promise<BenchResult[]> {
  const commits = smoke ? GROUP : 20_000;
  const flows = smoke ? BATCH : 200_000;
  const options = { brokers, grid: 'bench-replay' } as const;
  await fill(options, commits, flows);
  const kept: number[] = [];
  const again: number[] = [];
  for (let round = 0; round < (smoke ? 1 : 5); round++) {
    kept.push(await seconds(() => replay(options, commits)));
    again.push(await seconds(() => replay({ ...options, recentBytes: 0 }, commits)));
  }
  const name = `Kafka: replay of ${commits} commits and ${flows} flow events`;
  const records = commits + flows;
  const ratio = median(kept) / median(again);
  return [
    {
      name,
      unit: 'records/s',
      value: records / median(kept),
      note: `${median(kept).toFixed(2)} s, from opening the log to the folded state`,
    },
    {
      name: `${name}, none of it in memory`,
      unit: 'records/s',
      value: records / median(again),
      ratio: { of: 'the same from memory', value: ratio, budget: `≥ ${BUDGET}`, ok: ratio >= BUDGET },
      note: `${median(again).toFixed(2)} s: every record is fetched twice`,
    },
  ];
}

async function fill(options: Omit<KafkaLogOptions, 'mode'>, commits: number, flows: number): Promise<void> {
  const log = await openKafkaLog({ ...options, mode: 'writer' });
  for (let done = 0; done < commits; done += GROUP) await log.append(nodeCommits(log.head(), GROUP).records);
  await appendFlowEvents(log, CHAIN, flows);
  await log.close();
}

async function replay(options: Omit<KafkaLogOptions, 'mode'>, commits: number): Promise<void> {
  const log = await openKafkaLog({ ...options, mode: 'reader' });
  let state = foundingEvents().reduce(evolve, initialState());
  for (const { bytes } of await log.read(1, commits)) {
    state = evolveCommit(state, decodeCommit(bytes) as Commit<TopologyEvent>);
  }
  let live = 0;
  for (const { bytes } of await log.readFlows(CHAIN, 1, Number.MAX_SAFE_INTEGER)) {
    for (const event of decodeFlowBatch(bytes).events) live += event.type === 'FlowStarted' ? 1 : -1;
  }
  await log.close();
  if (state.seq !== commits || live !== 0) throw new Error(`replayed ${state.seq} commits, ${live} flows left over`);
}
