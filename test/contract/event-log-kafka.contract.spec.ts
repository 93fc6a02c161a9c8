import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as rdkafka from 'node-rdkafka';
import { sha256 } from '../../adapters/codec/hash';
import { copyLog } from '../../adapters/log/copy';
import { openKafkaLog, standForLeader, type KafkaLog, type KafkaLogOptions } from '../../adapters/log/kafka';
import { openLmdbLog, type LmdbLog } from '../../adapters/log/lmdb';
import { producerSettings, topicsOf } from '../../adapters/log/kafka/settings';
import { verifyLog } from '../../adapters/log/verify';
import { NO_HASH } from '../../domain/seams/event-log';
import { kafkaAvailable, startKafka, startKafkaCluster, type KafkaServer } from '../services/kafka';
import { LOOPBACK } from '../services/site';
import { describeWithServer } from '../services/suite';
import { describeEventLog, until } from './event-log.contract';
import { batchAfter, commitAfter, commitsAfter } from './log-records';

/** A call-back of the client library as a promise. */
function called<Value>(call: (done: (error: unknown, value?: Value) => void) => void): Promise<Value> {
  return new Promise((resolve, reject) =>
    call((error, value) => {
      if (error) reject(error as Error);
      else resolve(value as Value);
    }),
  );
}

describeWithServer('event log on Kafka', kafkaAvailable, () => {
  let kafka: KafkaServer;
  let grids = 0;
  beforeAll(async () => {
    kafka = await startKafka();
  }, 600_000);
  afterAll(() => kafka.stop());

  const open = (
    grid: string,
    mode: 'writer' | 'reader' = 'writer',
    options: Partial<KafkaLogOptions> = {},
  ): Promise<KafkaLog> => openKafkaLog({ brokers: kafka.brokers, grid, mode, flowPartitions: 2, ...options });

  describeEventLog('kafka', async () => {
    const grid = `contract-${++grids}`;
    return { open: () => open(grid), dispose: async () => undefined };
  });

  test('a new writer fences the old one, whose commits are never accepted', async () => {
    const old = await open('fencing');
    await old.append(commitsAfter(old.head(), 2, { epoch: 1 }));
    const leader = await open('fencing');
    expect(leader.head()).toEqual(old.head());
    const late = commitAfter(old.head(), { commandId: 'late' });
    await expect(old.append([late])).rejects.toMatchObject({ code: 'log-locked' });
    expect((await leader.append([commitAfter(leader.head(), { epoch: 2 })])).accepted).toEqual([3]);
    await expect(old.append([late])).rejects.toMatchObject({ code: 'log-locked' });
    expect((await leader.read(1, 9)).length).toBe(3);
    await Promise.all([old.close(), leader.close()]);
  });

  test('a standby follows the leader without writing', async () => {
    const leader = await open('standby');
    const standby = await open('standby', 'reader');
    const seen: number[] = [];
    standby.tail(1, (commit) => seen.push(commit.seq));
    await leader.append([...commitsAfter(leader.head(), 3), Buffer.from('noise')]);
    expect((await standby.read(1, 9)).map((commit) => commit.seq)).toEqual([1, 2, 3]);
    expect(seen).toEqual([1, 2, 3]);
    expect(standby.head()).toEqual(leader.head());
    expect((await standby.orphans()).map((orphan) => orphan.reason)).toEqual(['undecodable']);
    await expect(standby.append([commitAfter(leader.head())])).rejects.toMatchObject({ code: 'unsupported' });
    expect(await verifyLog(standby.raw())).toMatchObject({ findings: [], commits: 3 });
    await Promise.all([standby.close(), leader.close()]);
  });

  test('FG-260: a standby is promoted after it has read everything, and reads on after it has stepped down', async () => {
    const [first, second] = [await open('promotion'), await open('promotion', 'reader')];
    await first.append(commitsAfter(first.head(), 3));
    await second.promote();
    expect(second.head().seq).toBe(3);
    await expect(first.append([commitAfter(first.head())])).rejects.toMatchObject({ code: 'log-locked' });
    await first.stepDown();
    const seen: number[] = [];
    first.tail(1, ({ seq }) => seen.push(seq));
    expect((await second.append([commitAfter(second.head(), { epoch: 1 })])).accepted).toEqual([4]);
    expect((await first.read(1, 9)).length).toBe(4);
    expect(seen).toEqual([1, 2, 3, 4]);
    await second.stepDown();
    await first.promote();
    expect((await first.append([commitAfter(first.head())])).accepted).toEqual([5]);
    await expect(second.append([commitAfter(first.head())])).rejects.toMatchObject({ code: 'unsupported' });
    await Promise.all([first.close(), second.close()]);
  });

  test('FG-261: what a paused leader had under way never counts once another is promoted', async () => {
    const successor = await open('paused', 'reader');
    const paused = new rdkafka.Producer(
      producerSettings({ brokers: kafka.brokers, grid: 'paused', mode: 'writer' }),
      {},
    );
    paused.on('event.error', () => undefined);
    await called<unknown>((done) => paused.connect({ timeout: 30_000 }, done));
    await called<void>((done) => paused.initTransactions(30_000, done));
    await called<void>((done) => paused.beginTransaction(done));
    const late = commitAfter(successor.head(), { commandId: 'late' });
    paused.produce(topicsOf('paused').topology, 0, Buffer.from(late), 'commit');
    await called<void>((done) => paused.flush(30_000, (error) => done(error)));
    await successor.promote();
    expect((await successor.append([commitAfter(successor.head(), { epoch: 2 })])).accepted).toEqual([1]);
    await expect(called<void>((done) => paused.commitTransaction(30_000, done))).rejects.toMatchObject({
      isFatal: true,
    });
    expect((await successor.read(1, 9)).length).toBe(1);
    expect(await successor.orphans()).toEqual([]);
    await called((done) => paused.disconnect(done));
    await successor.close();
  });

  test('FG-12: a record of an older epoch that is written past the fence is an orphan', async () => {
    const leader = await open('stale');
    await leader.append(commitsAfter(leader.head(), 2, { epoch: 5 }));
    const stranger = new rdkafka.Producer({ 'metadata.broker.list': kafka.brokers }, {});
    await called((done) => stranger.connect({ timeout: 30_000 }, done));
    const stale = commitAfter(leader.head(), { epoch: 4 });
    stranger.produce(topicsOf('stale').topology, 0, Buffer.from(stale), 'commit');
    await called<void>((done) => stranger.flush(30_000, (error) => done(error)));
    expect((await leader.orphans()).map(({ reason }) => reason)).toEqual(['epoch']);
    expect((await leader.append([commitAfter(leader.head())])).accepted).toEqual([3]);
    await called((done) => stranger.disconnect(done));
    await leader.close();
  });

  describe('FG-262: topics that cannot hold the log are refused by name', () => {
    const make = async (topic: string, partitions: number, config: object): Promise<void> => {
      const admin = rdkafka.AdminClient.create({ 'metadata.broker.list': kafka.brokers });
      await called<void>((done) =>
        admin.createTopic({ topic, num_partitions: partitions, replication_factor: 1, config }, 30_000, done),
      );
      admin.disconnect();
    };
    const right = { 'max.message.bytes': '20000000', 'retention.ms': '-1', 'unclean.leader.election.enable': 'false' };
    test.each([
      ['retention', 'topology', 1, { ...right, 'retention.ms': '86400000' }, 'retention.ms is 86400000'],
      ['compaction', 'topology', 1, { ...right, 'cleanup.policy': 'compact' }, 'cleanup.policy is compact'],
      ['partitions', 'topology', 3, right, 'partitions is 3'],
      ['message size', 'topology', 1, { ...right, 'max.message.bytes': '1000' }, 'max.message.bytes is 1000'],
      ['cleanup of snapshots', 'snapshots', 1, right, 'cleanup.policy is delete'],
      ['cleanup of flows', 'flows', 2, { ...right, 'cleanup.policy': 'compact' }, 'cleanup.policy is compact'],
    ] as const)('%s', async (_, kind, partitions, config, message) => {
      const grid = `wrong-${++grids}`;
      const topic = topicsOf(grid)[kind];
      await make(topic, partitions, config);
      const error = await open(grid).catch((refusal: unknown) => refusal as Error & { code: string; remedy: string });
      expect(error).toMatchObject({ code: 'usage', message: expect.stringContaining(`${topic}: ${message}`) });
      expect((error as { remedy: string }).remedy).not.toBe('');
    });

    test('topics that others made right are taken', async () => {
      const grid = `made-${++grids}`;
      await make(topicsOf(grid).topology, 1, right);
      const log = await open(grid);
      expect((await log.append([commitAfter(log.head())])).accepted).toEqual([1]);
      await log.close();
    });
  });

  describe('FG-263: leadership', () => {
    test('one of the candidates is elected, and another once it gives up', async () => {
      (await open('election')).close();
      const elected: string[] = [];
      const stand = (name: string) =>
        standForLeader(
          { brokers: kafka.brokers, grid: 'election', name, leaderTimeoutMs: 2_000 },
          { elected: () => elected.push(name), lost: () => undefined },
        );
      const first = await stand('MA-1');
      await until(() => first.isElected);
      const second = await stand('MB-1');
      const third = await stand('MC-1');
      expect([first.isElected, second.isElected, third.isElected]).toEqual([true, false, false]);
      await first.close();
      await until(() => elected.length === 2);
      expect(elected[0]).toBe('MA-1');
      expect([second.isElected, third.isElected].filter(Boolean)).toHaveLength(1);
      await Promise.all([second.close(), third.close()]);
    });
  });

  test('FG-264: an append while the broker is gone says that its outcome is unknown; when it is back, all goes on', async () => {
    const leader = await open('lost-broker', 'writer', { timeoutMs: 4_000 });
    const reader = await open('lost-broker', 'reader', { timeoutMs: 4_000 });
    const seen: number[] = [];
    reader.tail(1, ({ seq }) => seen.push(seq));
    await leader.append(commitsAfter(leader.head(), 2));
    await kafka.kill();
    const doubtful = commitAfter(leader.head());
    await expect(leader.append([doubtful])).rejects.toMatchObject({ code: 'log-failed', canRetry: true });
    await expect(reader.read(1, 9)).rejects.toMatchObject({ code: 'log-failed', canRetry: true });
    await kafka.restart();
    const appended = async (): Promise<boolean> =>
      leader.append([commitAfter(leader.head(), { commandId: 'again' })]).then(
        ({ accepted }) => accepted.length === 1,
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'log-failed', canRetry: true });
          return false;
        },
      );
    await until(appended);
    const head = leader.head();
    await until(() => seen.at(-1) === head.seq);
    expect(seen).toEqual(Array.from({ length: head.seq }, (_, i) => i + 1));
    expect(reader.head()).toEqual(head);
    const batch = batchAfter({ chain: '2/1@1', number: 0, hash: NO_HASH });
    expect(await leader.appendFlows(batch)).toBe('appended');
    await Promise.all([leader.close(), reader.close()]);
  });

  test('FG-270: a log copied to Kafka and back has the same head, chains and bytes', async () => {
    const dirs = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'flowgrid-copy-')));
    const [first, last] = (await Promise.all(dirs.map((dir) => openLmdbLog({ dir, mode: 'writer' })))) as [
      LmdbLog,
      LmdbLog,
    ];
    await first.append(commitsAfter(first.head(), 700));
    const one = batchAfter({ chain: '2/1@1', number: 0, hash: NO_HASH });
    for (const batch of [one, batchAfter({ ...one, hash: sha256(one.bytes) })]) await first.appendFlows(batch);
    const kafkaLog = await open('copied');
    expect((await copyLog(first, kafkaLog)).head).toEqual(first.head());
    expect(await copyLog(kafkaLog, last)).toMatchObject({ commits: 700, batches: 2, skipped: [] });
    expect(last.head()).toEqual(first.head());
    expect(await last.chains()).toEqual(await first.chains());
    expect(await last.read(1, 700)).toEqual(await first.read(1, 700));
    await Promise.all([first.close(), kafkaLog.close(), last.close()]);
    for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
  });

  test('a grid whose brokers do not answer says so', async () => {
    const options = { brokers: '127.0.0.1:9', grid: 'nowhere', mode: 'writer', timeoutMs: 1500 } as const;
    await expect(openKafkaLog(options)).rejects.toMatchObject({ code: 'log-failed', canRetry: true });
  });
});

describeWithServer('event log on three Kafka brokers', kafkaAvailable, () => {
  test('FG-265: nothing acknowledged is lost with any one broker', async () => {
    const cluster = await startKafkaCluster([LOOPBACK, LOOPBACK, LOOPBACK]);
    const log = await openKafkaLog({
      brokers: cluster.brokers,
      grid: 'three',
      mode: 'writer',
      replicationFactor: 3,
      flowPartitions: 2,
    });
    const acknowledged: number[] = [];
    const append = async (): Promise<void> => {
      const result = await log.append([commitAfter(log.head())]).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'log-failed', canRetry: true });
        return { accepted: [] };
      });
      acknowledged.push(...result.accepted);
    };
    for (const server of cluster.servers) {
      const before = acknowledged.length;
      await server.kill();
      while (acknowledged.length < before + 5) await append();
      await server.restart();
    }
    await log.close();
    const reader = await openKafkaLog({ brokers: cluster.brokers, grid: 'three', mode: 'reader', flowPartitions: 2 });
    const found = new Set((await reader.read(1, 1_000)).map(({ seq }) => seq));
    expect(acknowledged.filter((seq) => !found.has(seq))).toEqual([]);
    await reader.close();
    await cluster.stop();
  });
});
