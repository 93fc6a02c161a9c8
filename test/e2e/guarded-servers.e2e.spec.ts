import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { nkeys } from 'nats';
import { connectNatsBus } from '../../adapters/bus/nats-bus';
import { type NatsSecurity } from '../../adapters/bus/nats-security';
import { KAFKA_MECHANISMS, openKafkaLog, standForLeader, type KafkaSecurity } from '../../adapters/log/kafka';
import { createTemporalEngine } from '../../workflows/temporal/engine';
import { startTemporalWorker } from '../../workflows/temporal/worker';
import { makeCertificates, type Certificates } from '../services/certificates';
import { kafkaAvailable, startGuardedKafka, type KafkaServer } from '../services/kafka';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { startTemporal, temporalAvailable, type TemporalServer } from '../services/temporal';
import { commitAfter } from '../contract/log-records';
import { MnodeProcess } from '../support/mnode-process';
import { flowgrid } from '../support/up-process';

const USER = 'flowgrid';
const PASSWORD = 'pass-word';
const GRID = join(__dirname, '../../examples/figure-4.yaml');

let certificates: Certificates;
const dir = mkdtempSync(join(tmpdir(), 'flowgrid-guarded-'));
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => {
  certificates.remove();
  rmSync(dir, { recursive: true, force: true });
});

/** A connections file; what follows `kafka`, `nats` and `temporal` in it. */
function connections(name: string, content: object, mode = 0o600): string {
  const file = join(dir, name);
  writeFileSync(file, JSON.stringify(content), { mode });
  return file;
}

describeWithServer('FG-411: NATS that lets not everybody in', natsAvailable, () => {
  let nats: NatsServer;
  const seed = nkeys.createUser();
  beforeAll(async () => {
    nats = await startNats(
      undefined,
      `tls { cert_file: "${certificates.cert}", key_file: "${certificates.key}" }
       authorization { users: [{user: ${USER}, password: "${PASSWORD}"}, {nkey: ${seed.getPublicKey()}}] }`,
    );
  });
  afterAll(() => nats?.stop());

  const reach = (security: NatsSecurity) => connectNatsBus({ servers: nats.servers, security });
  const tls = (): { ca: string } => ({ ca: certificates.ca });

  test('a user with its password, and an NKey, come in and are heard', async () => {
    const nkey = join(dir, 'user.nk');
    writeFileSync(nkey, `${Buffer.from(seed.getSeed()).toString()}\n`, { mode: 0o600 });
    const one = await reach({ tls: tls(), user: USER, password: PASSWORD });
    const other = await reach({ tls: tls(), nkey });
    one.subscribe('flowgrid.question', async (payload) => payload);
    await one.flush();
    const answer = await other.request('flowgrid.question', Buffer.from('who?'), 10_000);
    expect(Buffer.from(answer).toString()).toBe('who?');
    await Promise.all([one.close(), other.close()]);
  });

  test.each([
    ['a wrong password', () => ({ tls: tls(), user: USER, password: 'guessed' }), /Authorization Violation/i],
    ['nobody', () => ({ tls: tls() }), /Authorization Violation/i],
    [
      'an authority that is not trusted',
      () => ({ tls: { ca: certificates.otherCa }, user: USER, password: PASSWORD }),
      /certificate|verify/i,
    ],
  ] as const)('%s is refused, and told so', async (_, security, why) => {
    const refusal = await reach(security()).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'rejected', canRetry: false, message: expect.stringMatching(why) });
    expect((refusal as Error).message).not.toContain(PASSWORD);
  });
});

describeWithServer('FG-411: Kafka that lets not everybody in', kafkaAvailable, () => {
  let kafka: KafkaServer;
  beforeAll(async () => {
    kafka = await startGuardedKafka({ certificates, user: USER, password: PASSWORD });
  });
  afterAll(() => kafka?.stop());

  const security = (mechanism: (typeof KAFKA_MECHANISMS)[number], password = PASSWORD): KafkaSecurity => ({
    tls: { ca: certificates.ca },
    sasl: { mechanism, user: USER, password },
  });

  test.each(KAFKA_MECHANISMS)('a log over %s: written, read, and led', async (mechanism) => {
    const options = { brokers: kafka.brokers, grid: mechanism.toLowerCase(), security: security(mechanism) } as const;
    const log = await openKafkaLog({ ...options, mode: 'writer', flowPartitions: 1 });
    expect((await log.append([commitAfter(log.head())])).accepted).toEqual([1]);
    const reader = await openKafkaLog({ ...options, mode: 'reader' });
    expect(reader.head()).toEqual(log.head());
    const candidacy = await new Promise<Awaited<ReturnType<typeof standForLeader>>>((resolve, reject) => {
      const standing = standForLeader(
        { ...options, name: 'MA-1', leaderTimeoutMs: 2_000 },
        { elected: () => void standing.then(resolve), lost: () => undefined },
      );
      standing.catch(reject);
    });
    await candidacy.close();
    await Promise.all([log.close(), reader.close()]);
  });

  test.each([
    ['a wrong password', () => security('SCRAM-SHA-256', 'guessed'), /credentials|authentication/i],
    ['a wrong password in the clear', () => security('PLAIN', 'guessed'), /credentials|authentication/i],
    [
      'an authority that is not trusted',
      () => ({ ...security('PLAIN'), tls: { ca: certificates.otherCa } }),
      /certificate/i,
    ],
  ] as const)('%s is refused at once, and told so', async (_, wrong, why) => {
    // What the client library has asked goes on in one of the process's few threads until this is over.
    const timeoutMs = 2_000;
    const options = { brokers: kafka.brokers, grid: 'refused', mode: 'writer', security: wrong(), timeoutMs } as const;
    const refusal = await openKafkaLog(options).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'rejected', canRetry: false, message: expect.stringMatching(why) });
    expect((refusal as Error).message).not.toContain(PASSWORD);
  });
});

const bothAvailable = (): ReturnType<typeof kafkaAvailable> => {
  const kafka = kafkaAvailable();
  return kafka.ok ? natsAvailable() : kafka;
};

describeWithServer('FG-411: programs with a connections file', bothAvailable, () => {
  test('an MNODE leads over both servers, is reached by others, and no secret stands on a command line', async () => {
    const [kafka, nats] = await Promise.all([
      startGuardedKafka({ certificates, user: USER, password: PASSWORD }),
      startNats(
        undefined,
        `tls { cert_file: "${certificates.cert}", key_file: "${certificates.key}" }
         authorization { user: ${USER}, password: "${PASSWORD}" }`,
      ),
    ]);
    const known = { tls: { ca: certificates.ca }, user: USER, password: PASSWORD };
    const file = connections('connections.yaml', {
      kafka: { tls: known.tls, sasl: { mechanism: 'SCRAM-SHA-512', user: USER, password: PASSWORD } },
      nats: known,
    });
    const wrong = connections('wrong.yaml', { nats: { ...known, password: 'guessed' } });
    const open = connections('open.yaml', { nats: known }, 0o644);
    const servers = ['--kafka', kafka.brokers, '--nats', nats.servers];
    const mnode = new MnodeProcess('MA-1', [GRID, ...servers, '--connections', file]);
    try {
      await mnode.until(({ role }) => role === 'leading');
      const access = ['--grid', 'figure-4', '--nats', nats.servers];
      expect(await flowgrid('status', ...access, '--connections', file)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('MA-1'),
      });
      expect(await flowgrid('status', ...access, '--connections', wrong)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/NATS at .* do not trust each other: .*Authorization Violation[^]*remedy: /),
      });
      expect(await flowgrid('status', ...access, '--connections', open)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/others than its owner may read nats.password[^]*chmod 600/),
      });
    } finally {
      await mnode.end();
      await Promise.all([kafka.stop(), nats.stop()]);
    }
  });
});

describeWithServer('FG-411: Temporal behind TLS', temporalAvailable, () => {
  let temporal: TemporalServer;
  let front: Server;
  let address: string;
  /** The development server speaks plainly: what it would do itself stands in front of it. */
  beforeAll(async () => {
    temporal = await startTemporal();
    const [, port] = temporal.address.split(':');
    front = createServer(
      { cert: readFileSync(certificates.cert), key: readFileSync(certificates.key), ALPNProtocols: ['h2'] },
      (client) => {
        const server = connect(Number(port), '127.0.0.1');
        client.pipe(server).pipe(client);
        client.on('error', () => server.destroy());
        server.on('error', () => client.destroy());
      },
    );
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    address = `127.0.0.1:${(front.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    front.close();
    await temporal.stop();
  });

  test('engine and worker come through with the authority that signed, and not with another', async () => {
    const place = { address, namespace: temporal.namespace, taskQueue: 'guarded' };
    const security = { tls: { ca: certificates.ca }, apiKey: 'key' };
    const engine = await createTemporalEngine({ ...place, workflows: [], security });
    expect(await engine.describe('nobody')).toBeUndefined();
    const worker = await startTemporalWorker({ ...place, activities: {}, security });
    await worker.stop();
    await engine.close();
    const stranger = { ...security, tls: { ca: certificates.otherCa } };
    await expect(createTemporalEngine({ ...place, workflows: [], security: stranger })).rejects.toMatchObject({
      code: 'timeout',
    });
  });
});
