import { boundsOf, connectConsumer, disconnect } from '../../../../../adapters/log/kafka/client';
import { KafkaReader } from '../../../../../adapters/log/kafka/kafka-reader';
import { KafkaWriter, type Outgoing } from '../../../../../adapters/log/kafka/kafka-writer';
import { consumerSettings, topicsOf, type KafkaLogOptions } from '../../../../../adapters/log/kafka/settings';
import { encodeBatch } from '../../../../../adapters/log/kafka/kafka-fold';
import { EMPTY_HEAD } from '../../../../../domain/seams/event-log';
import { batchAfter, commitsAfter } from '../../../../contract/log-records';
import { describeWithServer } from '../../../../services/suite';
import { clientAvailable, startMockCluster, type MockCluster } from './mock-cluster';

describeWithServer('records on brokers inside this process', clientAvailable, () => {
  let cluster: MockCluster;
  let grids = 0;
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    cluster = await startMockCluster(3);
  });

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  afterAll(() => cluster.stop());

  async function newGrid(): Promise<KafkaLogOptions> {
    const grid = `grid-${++grids}`;
    for (const topic of Object.values(topicsOf(grid))) await cluster.makeTopic(topic);
    return { brokers: cluster.brokers, grid, mode: 'writer', timeoutMs: 20_000 };
  }

  async function writerOf(options: KafkaLogOptions): Promise<KafkaWriter> {
    const writer = await KafkaWriter.connect(cluster.library, options);
    closing.push(() => writer.close());
    return writer;
  }

  async function readerOf(options: KafkaLogOptions): Promise<KafkaReader> {
    const consumer = await connectConsumer(cluster.library, consumerSettings(options), options);
    const reader = new KafkaReader(consumer, options, () => undefined);
    closing.push(() => reader.close());
    await reader.start();
    return reader;
  }

  test('FG-265: commits, batches and snapshots are read back whole and in order, by whoever begins at the beginning', async () => {
    const options = await newGrid();
    const topics = topicsOf(options.grid);
    const commits = commitsAfter(EMPTY_HEAD, 500);
    const first = batchAfter({ chain: '1/1@1', number: 0, hash: '' });
    const writer = await writerOf(options);
    const recordsOf = (values: readonly Uint8Array[]): Outgoing[] =>
      values.map((value) => ({ topic: topics.topology, partition: 0, key: 'commit', value }));
    await writer.send(recordsOf(commits.slice(0, 200)));
    await writer.send([
      ...recordsOf(commits.slice(200)),
      { topic: topics.flows, partition: 1, key: first.chain, value: encodeBatch(first) },
    ]);

    const { fold } = await readerOf(options);

    expect(fold.orphans.reasons).toEqual([]);
    const kept = fold.recentCommits.from(1, 1_000);
    expect(kept.map(({ bytes }) => Buffer.from(bytes))).toEqual(commits.map((bytes) => Buffer.from(bytes)));
    expect(fold.chains.get(first.chain)?.head.number).toBe(1);
  });

  test('FG-265: a reader that follows takes what is sent later, once each', async () => {
    const options = await newGrid();
    const { topology } = topicsOf(options.grid);
    const reader = await readerOf(options);
    const writer = await writerOf(options);
    const commits = commitsAfter(EMPTY_HEAD, 50);

    for (const value of commits) {
      const records = [{ topic: topology, partition: 0, key: 'commit', value }];
      const expected = reader.expect(records);
      await writer.send(records);
      await expected.taken();
      expected.forget();
    }

    expect(reader.fold.head.seq).toBe(50);
    expect(reader.fold.orphans.reasons).toEqual([]);
  });

  test('FG-264: more than the client can queue waits for the brokers, who get all of it', async () => {
    const options = await newGrid();
    const { topology } = topicsOf(options.grid);
    const writer = await writerOf(options);
    // Twice the bytes that the client keeps for the brokers.
    const values = Array.from({ length: 16 }, (_, i) => Buffer.alloc(8 * 1024 * 1024, i));

    await writer.send(values.map((value) => ({ topic: topology, partition: 0, key: 'large', value })));

    const consumer = await connectConsumer(cluster.library, consumerSettings(options), options);
    closing.push(() => disconnect(consumer));
    // These brokers keep the newest few megabytes only; the end of the partition counts all.
    expect((await boundsOf(consumer, topology, 0, 20_000)).end).toBe(values.length);
  }, 60_000);
});
