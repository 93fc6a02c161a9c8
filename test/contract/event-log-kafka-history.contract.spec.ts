import { encodeFlowBatch } from '../../adapters/codec/flow-batch';
import { sha256 } from '../../adapters/codec/hash';
import { copyLog } from '../../adapters/log/copy';
import { openKafkaLog, type KafkaLog, type KafkaLogOptions } from '../../adapters/log/kafka';
import { converse } from '../../adapters/log/kafka/conversation';
import { topicsOf } from '../../adapters/log/kafka/settings';
import { int32, text } from '../../adapters/log/kafka/wire';
import { createMemoryLog } from '../../adapters/log/memory';
import { verifyLog } from '../../adapters/log/verify';
import { NO_HASH, type FlowBatchRecord } from '../../domain/seams/event-log';
import { kafkaAvailable, startKafka, type KafkaServer } from '../services/kafka';
import { describeWithServer } from '../services/suite';
import { describeEventLog, hex, until } from './event-log.contract';
import { commitAfter, commitsAfter, flowEnded } from './log-records';

/** Commits of a history that takes several pages to read. */
const COMMITS = 3_000;
const CHAINS = ['2/1@1', '2/2@1', '3/1@1'];
const BATCHES = 60;

const numbers = (from: number, through: number): number[] =>
  Array.from({ length: through - from + 1 }, (_, i) => from + i);

describeWithServer('history on Kafka that is not in memory', kafkaAvailable, () => {
  let kafka: KafkaServer;
  let grids = 0;
  beforeAll(async () => {
    kafka = await startKafka();
  }, 600_000);
  afterAll(() => kafka.stop());

  /** Nothing is kept but places, unless said otherwise. */
  const open = (grid: string, options: Partial<KafkaLogOptions> = {}): Promise<KafkaLog> =>
    openKafkaLog({ brokers: kafka.brokers, grid, mode: 'writer', flowPartitions: 2, recentBytes: 0, ...options });

  /** Batches that follow each other, of several chains in turns: a chain's do not stand side by side. */
  async function fillChains(log: KafkaLog): Promise<Map<string, FlowBatchRecord[]>> {
    const written = new Map(CHAINS.map((chain) => [chain, [] as FlowBatchRecord[]]));
    for (let round = 0; round < BATCHES; round++) {
      const batches = [...written].map(([chain, before]) => {
        const last = before.at(-1);
        const prev = last === undefined ? NO_HASH : sha256(last.bytes);
        const batch = encodeFlowBatch({ chain, number: round + 1, prev, lost: 0, events: [flowEnded(round)] });
        before.push(batch);
        return batch;
      });
      await Promise.all(batches.map((batch) => log.appendFlows(batch)));
    }
    return written;
  }

  describe('FG-433', () => {
    describeEventLog('kafka, with nothing kept', async () => {
      const grid = `nothing-${++grids}`;
      return { open: () => open(grid), dispose: async () => undefined };
    });

    test.each([
      ['nothing', 0],
      ['some of it', 400_000],
    ])('what is older is read again, byte for byte, with %s in memory', async (_, recentBytes) => {
      const log = await open(`older-${++grids}`, { recentBytes });
      const records = commitsAfter(log.head(), COMMITS);
      for (let at = 0; at < COMMITS; at += 500) {
        await log.append([...records.slice(at, at + 500), Buffer.from(`noise ${at}`)]);
      }
      const hexes = records.map(hex);
      const batches = await fillChains(log);

      const all = await log.read(1, COMMITS + 9);
      expect(all.map(({ bytes }) => hex(bytes))).toEqual(hexes);
      expect(all.map(({ seq, hash }) => [seq, hash])).toEqual(records.map((bytes, i) => [i + 1, sha256(bytes)]));
      // Forwards, backwards and from one place to another: whoever asks, and in whatever order.
      const places = [2_999, 1, 1_500, 1_499, 3_000, 700, 2];
      const found = await Promise.all(places.map((seq) => log.read(seq, 2)));
      expect(found.map((commits) => commits.map(({ bytes }) => hex(bytes)))).toEqual(
        places.map((seq) => hexes.slice(seq - 1, seq + 1)),
      );
      expect((await log.orphans()).map(({ reason, bytes }) => [reason, Buffer.from(bytes).toString()])).toEqual(
        [0, 500, 1_000, 1_500, 2_000, 2_500].map((at) => ['undecodable', `noise ${at}`]),
      );
      for (const [chain, written] of batches) {
        expect((await log.readFlows(chain, 1, 1_000)).map(({ bytes }) => hex(bytes))).toEqual(
          written.map(({ bytes }) => hex(bytes)),
        );
        expect((await log.readFlows(chain, 41, 7)).map(({ number }) => number)).toEqual(numbers(41, 47));
      }
      expect(await verifyLog(log.raw())).toEqual({
        ...{ findings: [], trimmed: [] },
        ...{ commits: COMMITS, chains: CHAINS.length, batches: CHAINS.length * BATCHES },
      });
      const copy = createMemoryLog();
      expect(await copyLog(log, copy)).toMatchObject({ commits: COMMITS, skipped: [] });
      expect([copy.head(), await copy.chains()]).toEqual([log.head(), await log.chains()]);
      await log.close();
    });

    test('tails from far back get everything in order and once, while others hear of what is committed', async () => {
      const log = await open(`tails-${++grids}`, { recentBytes: 50_000 });
      await log.append(commitsAfter(log.head(), COMMITS));
      const [far, farther, live] = [[] as number[], [] as number[], [] as number[]];
      log.tail(1, ({ seq }) => farther.push(seq));
      log.tail(1_000, ({ seq }) => far.push(seq));
      log.tail(COMMITS + 1, ({ seq }) => live.push(seq));
      for (let more = 1; more <= 20; more++) {
        await log.append([commitAfter(log.head())]);
        expect(live).toEqual(numbers(COMMITS + 1, COMMITS + more));
      }
      await until(() => far.at(-1) === log.head().seq && farther.at(-1) === log.head().seq);
      expect(far).toEqual(numbers(1_000, COMMITS + 20));
      expect(farther).toEqual(numbers(1, COMMITS + 20));
      await log.close();
    });

    test('large commits come one after another, and a log can be closed while somebody reads them', async () => {
      const log = await open(`large-${++grids}`);
      const events = [{ type: 'Big', v: 1, data: 'x'.repeat(3_000_000) }];
      const records = commitsAfter(log.head(), 5, { events });
      for (const record of records) await log.append([record]);
      expect((await log.read(1, 9)).map(({ hash }) => hash)).toEqual(records.map(sha256));
      const seen: number[] = [];
      log.tail(1, ({ seq }) => seen.push(seq));
      await until(() => seen.length > 0);
      const reading = log.read(1, 9).catch((error: unknown) => error);
      await log.close();
      expect(await reading).toMatchObject({ code: 'closed' });
    });
  });

  test('FG-434: while brokers are gone older records cannot be read, and tails wait: then all goes on', async () => {
    const log = await open('gone', { timeoutMs: 4_000 });
    await log.append(commitsAfter(log.head(), COMMITS));
    const [before, meanwhile] = [[] as number[], [] as number[]];
    log.tail(1, ({ seq }) => before.push(seq));
    await until(() => before.length > 0);
    await kafka.kill();
    log.tail(2, ({ seq }) => meanwhile.push(seq));
    await expect(log.read(1, COMMITS)).rejects.toMatchObject({ code: 'log-failed', canRetry: true });
    await expect(log.orphans()).rejects.toMatchObject({ code: 'log-failed', canRetry: true });
    await kafka.restart();
    await until(() => before.length >= COMMITS && meanwhile.length >= COMMITS - 1);
    expect(before).toEqual(numbers(1, COMMITS));
    expect(meanwhile).toEqual(numbers(2, COMMITS));
    const again = (): Promise<boolean> =>
      log.read(1, COMMITS).then(
        (commits) => commits.length === COMMITS,
        () => false,
      );
    await until(again);
    await log.close();
  });

  test('FG-435: batches that retention deletes meanwhile are older than the oldest, and read as trimmed', async () => {
    const log = await open('retention', { flowPartitions: 1 });
    const batches = await fillChains(log);
    const anchors = [...batches].map(([chain, written]) => ({
      chain,
      number: BATCHES,
      hash: sha256(written.at(-1)!.bytes),
    }));
    await log.append([commitAfter(log.head(), { events: [{ type: 'FlowsAnchored', v: 1, data: { anchors } }] })]);
    // Each round is a transaction: the batches of all chains, and its end.
    const perRound = CHAINS.length + 1;
    await deleteBefore(kafka.brokers, topicsOf('retention').flows, 40 * perRound + 1);
    const [second, third, first] = (await log.chains()).map(({ oldest }) => oldest);
    expect([first, second, third].sort()).toEqual([41, 41, 42]);
    const logs = [log, await open('retention', { mode: 'reader', flowPartitions: 1, recentBytes: 1_000_000 })];
    for (const each of logs) {
      for (const { chain, oldest } of await each.chains()) {
        expect((await each.readFlows(chain, 1, 1_000)).map(({ number }) => number)).toEqual(numbers(oldest, BATCHES));
      }
      const { findings, trimmed } = await verifyLog(each.raw());
      expect([findings, trimmed.map(({ through }) => through).sort()]).toEqual([[], [40, 40, 41]]);
    }
    await Promise.all(logs.map((each) => each.close()));
  });
});

/** `DeleteRecords` of the Kafka protocol: what retention does, at once. */
async function deleteBefore(brokers: string, topic: string, offset: number): Promise<void> {
  const before = Buffer.alloc(8);
  before.writeBigInt64BE(BigInt(offset));
  const body = [int32(1), text(topic), int32(1), int32(0), before, int32(30_000)];
  const error = await converse(brokers, {}, 30_000, async (broker) => {
    const answer = await broker.ask({ api: 21, version: 1, body });
    answer.skip(4 + 4);
    answer.text();
    answer.skip(4 + 4 + 8);
    return answer.int16();
  });
  expect(error).toBe(0);
}
