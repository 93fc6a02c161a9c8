import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectNatsBus } from '../../adapters/bus/nats-bus';
import { subjectsOf } from '../../adapters/bus/subjects';
import { stateHash } from '../../adapters/codec/hash';
import { decodeCommit } from '../../adapters/codec/records';
import { openKafkaLog } from '../../adapters/log/kafka';
import type { CommandRequest } from '../../domain/commands';
import type { TopologyEvent } from '../../domain/events';
import { canonicalState, evolveCommit, initialState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import type { MnodeStatus } from '../../runtime/control/mnode-status';
import { submitRemotely } from '../../runtime/control/remote-commands';
import { WallClock } from '../../runtime/programs/wall-clock';
import { kafkaAvailable, startKafka, type KafkaServer } from '../services/kafka';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { MnodeProcess, statuses } from '../support/mnode-process';
import { flowgrid } from '../support/up-process';

const GRID = join(__dirname, '../../examples/figure-4.yaml');
/** The cluster that commands of these tests speak of: AB. */
const CLUSTER = 2;

/** The example under another name: every test has a grid, and so topics and a group, of its own. */
function gridFile(dir: string, grid: string): string {
  const file = join(dir, `${grid}.yaml`);
  writeFileSync(file, readFileSync(GRID, 'utf8').replace(/^grid: .*$/m, `grid: ${grid}`));
  return file;
}

const bothAvailable = (): ReturnType<typeof kafkaAvailable> => {
  const kafka = kafkaAvailable();
  const nats = natsAvailable();
  if (!kafka.ok) return kafka;
  return nats.ok ? { ok: true, version: `${kafka.version}, ${nats.version}` } : nats;
};

test('FG-269: an MNODE alone keeps its log in a directory and answers over its socket', async () => {
  const data = mkdtempSync(join(tmpdir(), 'flowgrid-mnode-'));
  const mnode = new MnodeProcess('MA-1', [GRID, '--data', data]);
  try {
    await mnode.until(({ role }) => role === 'leading');
    const settings = JSON.stringify({ cluster: CLUSTER, node: 1, weight: 3 });
    const submit = (): ReturnType<typeof flowgrid> =>
      flowgrid('submit', 'ConfigureNode', settings, '--data', data, '--json', '--id', 'once', '--by', 'operator:test');
    const first = await submit();
    expect(JSON.parse(first.stdout)).toMatchObject({ id: 'once', status: 'accepted' });
    expect((await submit()).stdout).toBe(first.stdout);
    const refused = await flowgrid('submit', 'DrainNode', '{"cluster":99,"node":1}', '--data', data);
    expect(refused.code).not.toBe(0);
    const malformed = await flowgrid('submit', 'Nonsense', '{}', '--data', data);
    expect(malformed).toMatchObject({ code: 2, stderr: expect.stringContaining('not a command') });
    expect((await statuses('--data', data)).get('MA-1')).toMatchObject({ role: 'leading', epoch: 1, behind: 0 });
    mnode.signal('SIGTERM');
    expect(await mnode.ended).toBe(0);
    expect(await flowgrid('status', '--data', data)).toMatchObject({ code: 5 });
  } finally {
    await mnode.end();
    rmSync(data, { recursive: true, force: true });
  }
});

describeWithServer('several MNODEs', bothAvailable, () => {
  let kafka: KafkaServer;
  let nats: NatsServer;
  let mnodes: MnodeProcess[] = [];
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-mnodes-'));
  const clock = new WallClock();

  beforeAll(async () => {
    [kafka, nats] = await Promise.all([startKafka(), startNats()]);
  }, 600_000);
  afterEach(async () => {
    await Promise.all(mnodes.map((mnode) => mnode.end()));
    mnodes = [];
  });
  afterAll(async () => {
    await Promise.all([kafka.stop(), nats.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  /** Two MNODEs, one of which leads. */
  const start = async (grid: string): Promise<{ leader: MnodeProcess; standby: MnodeProcess }> => {
    const common = ['--kafka', kafka.brokers, '--nats', nats.servers, '--leader-timeout', '1500'];
    const spawn = (name: string): MnodeProcess => {
      const mnode = new MnodeProcess(name, [gridFile(dir, grid), ...common]);
      mnodes.push(mnode);
      return mnode;
    };
    const leader = spawn('MA-1');
    await leader.until(({ what }) => what.includes('commits bring the grid to it'));
    const standby = spawn('MB-1');
    await standby.until(({ role }) => role === 'following');
    return { leader, standby };
  };
  const access = (grid: string): string[] => ['--grid', grid, '--nats', nats.servers];

  const commitsOf = async (grid: string): Promise<Commit[]> => {
    const log = await openKafkaLog({ brokers: kafka.brokers, grid, mode: 'reader' });
    const commits = (await log.read(1, 100_000)).map(({ bytes }) => decodeCommit(bytes));
    await log.close();
    return commits;
  };

  /** Sends commands to whoever leads, by their ids, over a bus of its own. */
  const client = async (grid: string) => {
    const bus = await connectNatsBus({ servers: nats.servers });
    const route = { bus, subjects: subjectsOf(grid), clock, timers: clock };
    const request = (id: string, weight: number): CommandRequest => ({
      id,
      by: 'operator:test',
      deadline: clock.now() + 60_000,
      body: { type: 'ConfigureNode', data: { cluster: CLUSTER, node: 1, weight } },
    });
    const submit = (id: string, weight: number) => submitRemotely(route, request(id, weight));
    return { submit, close: () => bus.close() };
  };

  test('FG-269: the leader is killed; the other leads and answers what was asked meanwhile, once', async () => {
    const { leader, standby } = await start('killed');
    const operator = await client('killed');
    expect(await operator.submit('before', 2)).toMatchObject({ status: 'accepted' });
    const known = await statuses(...access('killed'));
    expect(known.get('MB-1')).toMatchObject({ role: 'following', epoch: 1 });
    const killedAt = Date.now();
    leader.signal('SIGKILL');
    const outcome = await operator.submit('meanwhile', 3);
    const answeredAt = Date.now();
    expect(outcome).toMatchObject({ status: 'accepted' });
    const led = await standby.until(({ role }) => role === 'leading');
    expect(led.epoch).toBe(2);
    process.stdout.write(
      `takeover after kill -9 (session timeout 1500 ms): leading after ${led.at - killedAt} ms, command answered after ${answeredAt - killedAt} ms\n`,
    );
    expect(await operator.submit('meanwhile', 3)).toEqual(outcome);
    const ids = (await commitsOf('killed')).map(({ commandId }) => commandId);
    expect(ids.filter((id) => id === 'before' || id === 'meanwhile')).toEqual(['before', 'meanwhile']);
    expect(new Set(ids).size).toBe(ids.length);
    await operator.close();
  });

  test('FG-261: a leader that was stopped and goes on changes nothing, and follows its successor', async () => {
    const { leader, standby } = await start('stopped');
    const operator = await client('stopped');
    leader.signal('SIGSTOP');
    // Queued at the stopped leader, and carried out by its successor.
    const outcomes = await Promise.all([1, 2, 3].map((n) => operator.submit(`queued-${n}`, 10 + n)));
    expect(outcomes.map(({ status }) => status)).toEqual(['accepted', 'accepted', 'accepted']);
    const led = await standby.until(({ role }) => role === 'leading');
    leader.signal('SIGCONT');
    await leader.until(({ role, at }) => role === 'following' && at > led.at);
    expect(await operator.submit('after', 20)).toMatchObject({ status: 'accepted' });
    const commits = await commitsOf('stopped');
    const elected = commits.findLast(({ events }) => events[0]!.type === 'LeaderElected')!;
    expect(elected.epoch).toBe(standby.told.findLast(({ role }) => role === 'leading')!.epoch);
    const ids = commits.map(({ commandId }) => commandId);
    expect(ids.filter((id) => id.startsWith('queued-')).sort()).toEqual(['queued-1', 'queued-2', 'queued-3']);
    expect(new Set(ids).size).toBe(ids.length);
    const last = commits.at(-1)!;
    for (;;) {
      const now = await statuses(...access('stopped'));
      const [old, heir] = [now.get('MA-1'), now.get('MB-1')];
      if (old?.seq !== last.seq || heir?.seq !== last.seq) continue;
      expect(old).toMatchObject({ role: 'following', hash: heir.hash, epoch: heir.epoch });
      expect(heir.role).toBe('leading');
      break;
    }
    await operator.close();
  });

  test('FG-430: an MNODE that has nothing rebuilds the same state from Kafka alone', async () => {
    await start('rebuilt');
    const operator = await client('rebuilt');
    for (let n = 1; n <= 20; n++) await operator.submit(`weight-${n}`, n);
    const newcomer = new MnodeProcess('MC-1', ['--grid', 'rebuilt', '--kafka', kafka.brokers, '--nats', nats.servers]);
    mnodes.push(newcomer);
    await newcomer.until(({ role }) => role === 'following');

    let told: MnodeStatus[];
    do told = [...(await statuses(...access('rebuilt'))).values()];
    while (told.length < 3 || new Set(told.map(({ seq }) => seq)).size > 1);

    const commits = (await commitsOf('rebuilt')) as Commit<TopologyEvent>[];
    const folded = commits.reduce(evolveCommit, initialState());
    expect(new Set(told.map(({ stateHash: hash }) => hash))).toEqual(new Set([stateHash(canonicalState(folded))]));
    await operator.close();
  });

  test('FG-263: a leader that is asked to end hands over at once', async () => {
    const { leader, standby } = await start('asked');
    const askedAt = Date.now();
    leader.signal('SIGTERM');
    const led = await standby.until(({ role }) => role === 'leading');
    process.stdout.write(`takeover after SIGTERM: leading after ${led.at - askedAt} ms\n`);
    expect(await leader.ended).toBe(0);
    expect((await statuses(...access('asked'))).get('MB-1')).toMatchObject({ role: 'leading', behind: 0 });
  });
});
