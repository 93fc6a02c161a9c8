import { openKafkaLog, type KafkaLog } from '../../adapters/log/kafka';
import { verifyLog } from '../../adapters/log/verify';
import { kafkaAvailable, startKafka, type KafkaServer } from '../services/kafka';
import { describeWithServer } from '../services/suite';
import { describeEventLog } from './event-log.contract';
import { commitAfter, commitsAfter } from './log-records';

describeWithServer('event log on Kafka', kafkaAvailable, () => {
  let kafka: KafkaServer;
  let grids = 0;
  beforeAll(async () => {
    kafka = await startKafka();
  }, 600_000);
  afterAll(() => kafka.stop());

  const open = (grid: string, mode: 'writer' | 'reader' = 'writer'): Promise<KafkaLog> =>
    openKafkaLog({ brokers: kafka.brokers, grid, mode, flowPartitions: 2 });

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
    expect(verifyLog(standby.raw())).toMatchObject({ findings: [], commits: 3 });
    await Promise.all([standby.close(), leader.close()]);
  });

  test('a grid whose brokers do not answer says so', async () => {
    const options = { brokers: '127.0.0.1:9', grid: 'nowhere', mode: 'writer', timeoutMs: 1500 } as const;
    await expect(openKafkaLog(options)).rejects.toMatchObject({ code: 'log-failed', canRetry: true });
  });
});
