import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { BenchResult } from '../result';
import {
  connectConsumer,
  connectProducer,
  answered,
  boundsOf,
  disconnect,
  loadLibrary,
} from '../../adapters/log/kafka/client';
import { openKafkaLog, type KafkaLog } from '../../adapters/log/kafka';
import { consumerSettings, topicsOf, type KafkaLogOptions } from '../../adapters/log/kafka/settings';
import { RECORD_BYTES, batchAfter } from '../log/commits';
import { median, quantile, seconds } from '../log/measure';
import { absent, kafkaTools } from './servers';

const BUDGET = 0.7;
const TIMEOUT_MS = 30_000;
/** How long Kafka's own program lets a transaction grow, milliseconds: what decides how many records it holds. */
const TRANSACTION_MS = [1, 10];

/** Durable, acknowledged commits on Kafka: alone, and as many to a transaction as Kafka's own performance test has. */
export async function appendOnKafka(brokers: string, smoke: boolean): Promise<BenchResult[]> {
  const log = await openKafkaLog({ brokers, grid: 'bench-append', mode: 'writer' });
  try {
    return [await alone(log, brokers, smoke ? 2 : 300), ...(await besideOwnProgram(log, brokers, smoke))];
  } finally {
    await log.close();
  }
}

/** One commit after the other, in turns with what the client library needs for a transaction of the same bytes. */
async function alone(log: KafkaLog, brokers: string, commits: number): Promise<BenchResult> {
  const bare = await bareTransactions(brokers);
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    for (let round = -(commits >> 1); round < commits; round++) {
      const batch = batchAfter(log.head(), 1);
      const pair = [await seconds(() => log.append(batch)), await seconds(() => bare.send(batch[0]!))] as const;
      if (round < 0) continue;
      ours.push(pair[0]);
      theirs.push(pair[1]);
    }
  } finally {
    await bare.close();
  }
  return {
    name: `Kafka: one durable commit of ${RECORD_BYTES} bytes, p50`,
    unit: 'ms',
    value: median(ours) * 1e3,
    ratio: { of: "the client library's bare transaction", value: median(ours) / median(theirs) },
    note: `p99 ${(quantile(ours, 0.99) * 1e3).toFixed(1)} ms, bare ${(quantile(theirs, 0.99) * 1e3).toFixed(1)} ms`,
  };
}

/** Transactions without judging or reading back, by the same client library. */
async function bareTransactions(brokers: string) {
  const options: KafkaLogOptions = { brokers, grid: 'bench-bare', mode: 'writer' };
  const library = await loadLibrary();
  (await openKafkaLog({ ...options, mode: 'reader' })).close();
  const producer = await connectProducer(library, options);
  const { topology } = topicsOf(options.grid);
  return {
    send: async (bytes: Uint8Array) => {
      await answered<void>((done) => producer.beginTransaction(done));
      producer.produce(topology, 0, Buffer.from(bytes), 'commit');
      await answered<void>((done) => producer.commitTransaction(TIMEOUT_MS, done));
    },
    close: () => disconnect(producer),
  };
}

async function besideOwnProgram(log: KafkaLog, brokers: string, smoke: boolean): Promise<BenchResult[]> {
  const classPath = kafkaTools();
  if (typeof classPath !== 'string') return [absent("Kafka: beside its own producer's performance test", classPath)];
  const results: BenchResult[] = [];
  for (const transactionMs of TRANSACTION_MS) {
    results.push(await inTurns(log, brokers, classPath, transactionMs, smoke));
  }
  return results;
}

/** Rounds of both; ours have as many records to a transaction as the program's had in the round before. */
async function inTurns(
  log: KafkaLog,
  brokers: string,
  classPath: string,
  transactionMs: number,
  smoke: boolean,
): Promise<BenchResult> {
  const records = smoke ? 2_000 : 200_000;
  const ours: number[] = [];
  const theirs: number[] = [];
  let group = 1;
  for (let round = 0; round < (smoke ? 1 : 3); round++) {
    const program = await ownProgram(brokers, classPath, transactionMs, records);
    group = Math.max(1, Math.round(program.recordsPerTransaction));
    theirs.push(program.recordsPerSecond);
    ours.push(await recordsPerSecond(log, group, Math.min(records, 40_000)));
  }
  const ratio = median(ours) / median(theirs);
  return {
    name: `Kafka: durable commits of ${RECORD_BYTES} bytes, some ${group} a transaction`,
    unit: 'commits/s',
    value: median(ours),
    ratio: { of: 'kafka-producer-perf-test', value: ratio, budget: `≥ ${BUDGET}`, ok: ratio >= BUDGET },
    note: `its transactions last ${transactionMs} ms; acks=all, read back`,
  };
}

/** Appends one group after the other; making the records is not counted, as the program makes its own once. */
async function recordsPerSecond(log: KafkaLog, group: number, records: number): Promise<number> {
  let taken = 0;
  let done = 0;
  while (done < records) {
    const batch = batchAfter(log.head(), group);
    taken += await seconds(() => log.append(batch));
    done += group;
  }
  return done / taken;
}

/** `kafka-producer-perf-test`: what it tells, and how many transactions it took, which the topic's offsets tell. */
async function ownProgram(brokers: string, classPath: string, transactionMs: number, records: number) {
  const { topology: topic } = topicsOf('bench-bare');
  const before = await end(brokers, topic);
  const { stdout } = await promisify(execFile)('java', [
    ...['-cp', classPath, 'org.apache.kafka.tools.ProducerPerformance', '--topic', topic],
    ...['--num-records', String(records), '--record-size', String(RECORD_BYTES), '--throughput', '-1'],
    ...['--transactional-id', 'bench-own-program', '--transaction-duration-ms', String(transactionMs)],
    ...['--producer-props', `bootstrap.servers=${brokers}`, 'acks=all'],
  ]);
  const told = /([\d.]+) records\/sec/.exec(stdout.trim().split('\n').at(-1) ?? '');
  if (told === null) throw new Error(`kafka-producer-perf-test told nothing:\n${stdout}`);
  // Each transaction has one record of its own, its end.
  const transactions = (await end(brokers, topic)) - before - records;
  return { recordsPerSecond: Number(told[1]), recordsPerTransaction: records / transactions };
}

async function end(brokers: string, topic: string): Promise<number> {
  const options = { brokers, grid: 'bench-bare', mode: 'reader' } as const;
  const consumer = await connectConsumer(await loadLibrary(), consumerSettings(options), options);
  try {
    return (await boundsOf(consumer, topic, 0, TIMEOUT_MS)).end;
  } finally {
    await disconnect(consumer);
  }
}
