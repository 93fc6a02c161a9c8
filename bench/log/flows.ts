import { NO_HASH } from '../../domain/seams/event-log';
import type { BenchResult } from '../result';
import { encodeFlowBatch } from '../../adapters/codec/flow-batch';
import { sha256 } from '../../adapters/codec/hash';
import { pack } from '../../adapters/codec/pack';
import { openLmdbLog, type LmdbLog } from '../../adapters/log/lmdb';
import type { FlowEvent } from '../../domain/flow/events';
import { inTemporaryDir, seconds, sideBySide } from './measure';
import { flowEvent } from './workload';

/** Events that are made durable together, in both ways of writing them. */
const TOGETHER = 4096;
const BUDGET = 10;

/** Flow events per second, encoded and durable: in columns, against one record per event in the same transactions. */
export async function flowEventsPerSecond(smoke: boolean): Promise<BenchResult[]> {
  const batches = smoke ? 1 : 16;
  const events = Array.from({ length: TOGETHER }, (_, i) => flowEvent(i));
  const { ours, theirs } = await inTemporaryDir(async (dir) => {
    const log = await openLmdbLog({ dir, mode: 'writer' });
    try {
      return await sideBySide(
        smoke ? 1 : 5,
        (round) => seconds(() => appendColumns(log, `1/1@${round + 1}`, events, batches)),
        async (round) => (await seconds(() => appendSingly(log, `1/2@${round + 1}`, events))) * batches,
      );
    } finally {
      await log.close();
    }
  });
  const ratio = theirs / ours;
  return [
    {
      name: `flow events in columns, ${TOGETHER} a batch, encoded and durable`,
      unit: 'events/s',
      value: (batches * TOGETHER) / ours,
      ratio: { of: 'one record per event', value: ratio, budget: `≥ ${BUDGET}`, ok: ratio >= BUDGET },
    },
  ];
}

async function appendColumns(
  log: LmdbLog,
  chain: string,
  events: readonly FlowEvent[],
  batches: number,
): Promise<void> {
  let prev = NO_HASH;
  for (let number = 1; number <= batches; number++) {
    const record = encodeFlowBatch({ chain, number, prev, lost: 0, events });
    await log.appendFlows(record);
    prev = sha256(record.bytes);
  }
}

/** The same events, each a record of its own in its chain, all in one transaction. */
async function appendSingly(log: LmdbLog, chain: string, events: readonly FlowEvent[]): Promise<void> {
  let prev = NO_HASH;
  const appended = events.map((event, i) => {
    const bytes = pack([chain, i + 1, prev, event]);
    const done = log.appendFlows({ chain, number: i + 1, prev, bytes });
    prev = sha256(bytes);
    return done;
  });
  await Promise.all(appended);
}
