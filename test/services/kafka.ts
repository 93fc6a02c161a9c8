import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { availability } from './availability';
import { cached, onPath, run } from './cache';
import type { Certificates } from './certificates';
import { ask, freePorts } from './ports';
import { type RunningServer, startServer } from './server';
import { LOOPBACK, type Site } from './site';

export const KAFKA_VERSION = '4.1.2';
const SLF4J_VERSION = '1.7.36';

/** A running Apache Kafka; `brokers` is what clients are given as bootstrap servers. */
export interface KafkaServer extends RunningServer {
  readonly brokers: string;
}

/** Whether Apache Kafka can run here: Java and either the cached jars or Maven to fetch them. */
export const kafkaAvailable = availability(() => {
  if (!onPath('java')) throw new Error('Kafka needs Java 17 or newer: no java on the PATH');
  jars();
  return `Apache Kafka ${KAFKA_VERSION} on ${javaVersion()}`;
});

/** Small, because it shares a machine with the tests; compiled once, because it lives only for seconds. */
const JVM = ['-Xms128m', '-Xmx320m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'];

/** Several brokers of one cluster, each of which can be killed and started again. */
export interface KafkaCluster {
  readonly version: string;
  /** Bootstrap servers: all of them. */
  readonly brokers: string;
  readonly servers: readonly RunningServer[];
  stop(): Promise<void>;
}

/**
 * Starts Apache Kafka as a single broker that is also its own KRaft controller, on free ports of a site, with empty
 * storage in a temporary folder. Topics are not created on first use.
 */
export async function startKafka(site: Site = LOOPBACK): Promise<KafkaServer> {
  const { servers, brokers } = await startKafkaCluster([site]);
  return Object.assign(servers[0]!, { brokers });
}

/** Whom a broker lets in, besides: over TLS, and only who gives the password (SASL PLAIN or SCRAM). */
export interface KafkaGuard {
  readonly certificates: Certificates;
  readonly user: string;
  readonly password: string;
}

/** Starts a broker whose `brokers` is an address at which it lets in whom the guard says. */
export async function startGuardedKafka(guard: KafkaGuard): Promise<KafkaServer> {
  const [broker, controller, port] = (await freePorts(3)) as [number, number, number];
  const place = { site: LOOPBACK, id: 1, broker, controller, guarded: { ...guard, port } };
  const server = await startBroker(place, [place], randomClusterId());
  return Object.assign(server, { brokers: `${LOOPBACK.address}:${port}` });
}

/** Ports and folder that a broker's settings are given here. */
export interface BrokerRoom {
  readonly broker: number;
  readonly controller: number;
  readonly dataDir: string;
}

/** Starts a single broker with the settings of somebody else, and with none of this file's. */
export async function startKafkaAsSet(settingsIn: (room: BrokerRoom) => Settings): Promise<KafkaServer> {
  const [broker, controller] = (await freePorts(2)) as [number, number];
  const place = { site: LOOPBACK, id: 1, broker, controller };
  const text = (dataDir: string): string => linesOf(settingsIn({ broker, controller, dataDir }));
  const server = await startBroker(place, [place], randomClusterId(), text);
  return Object.assign(server, { brokers: `${LOOPBACK.address}:${broker}` });
}

type Settings = Readonly<Record<string, string | number | boolean>>;

const linesOf = (settings: Settings): string =>
  Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');

const randomClusterId = (): string => randomBytes(16).toString('base64url');

/** Starts a broker at each site; they are each other's KRaft controllers: of three, any one can be lost. */
export async function startKafkaCluster(sites: readonly Site[]): Promise<KafkaCluster> {
  const ports = await freePorts(2 * sites.length);
  const places = sites.map((site, i) => ({
    site,
    id: i + 1,
    broker: ports[2 * i]!,
    controller: ports[2 * i + 1]!,
  }));
  const clusterId = randomClusterId();
  // Together: a broker answers when the controllers have found a leader.
  const servers = await Promise.all(places.map((place) => startBroker(place, places, clusterId)));
  return {
    version: KAFKA_VERSION,
    brokers: places.map(({ site, broker }) => `${site.address}:${broker}`).join(','),
    servers,
    stop: () => Promise.all(servers.map((server) => server.stop())).then(() => undefined),
  };
}

interface Place {
  readonly site: Site;
  readonly id: number;
  readonly broker: number;
  readonly controller: number;
  readonly guarded?: KafkaGuard & { readonly port: number };
}

function startBroker(
  place: Place,
  places: readonly Place[],
  clusterId: string,
  text = (dataDir: string, dir: string) => properties(place, places, dataDir) + guardProperties(place, dir),
): Promise<RunningServer> {
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-kafka-'));
  const config = join(dir, 'server.properties');
  writeFileSync(config, text(join(dir, 'data'), dir));
  const java = [...JVM, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', classPath()];
  const { user, password } = place.guarded ?? {};
  const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) =>
    user === undefined ? [] : ['--add-scram', `${mechanism}=[name=${user},password=${password}]`],
  );
  // In one argument, because an ID may begin as an option does.
  run('java', [
    ...java,
    'kafka.tools.StorageTool',
    'format',
    `--cluster-id=${clusterId}`,
    '--config',
    config,
    ...scram,
  ]);
  let isUp = false;
  return startServer({
    name: `kafka ${place.id}`,
    version: KAFKA_VERSION,
    command: 'java',
    inside: place.site.inside,
    args: [...java, 'kafka.Kafka', config],
    answers: async () => {
      const known = await knownBrokers({ address: place.site.address, port: place.broker });
      // At first all of them: a topic with a copy on each cannot be made before. Later others may be down.
      isUp ||= known === places.length;
      return isUp && known > 0;
    },
    readyWithinMs: 90_000,
    cleanUp: () => rmSync(dir, { recursive: true, force: true }),
  });
}

/** Every internal topic has one partition and a copy on each broker. */
function properties(
  { id, site: { address }, broker, controller }: Place,
  places: readonly Place[],
  dataDir: string,
): string {
  const inSync = Math.max(1, places.length - 1);
  return linesOf({
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': places
      .map((voter) => `${voter.id}@${voter.site.address}:${voter.controller}`)
      .join(','),
    listeners: `PLAINTEXT://${address}:${broker},CONTROLLER://${address}:${controller}`,
    'advertised.listeners': `PLAINTEXT://${address}:${broker}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': dataDir,
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': places.length,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': places.length,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    // Tests of leadership need not wait as long as an operator would.
    'group.min.session.timeout.ms': 500,
    // A killed broker may come back under its id only after its old session has ended.
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 500,
    'num.network.threads': 2,
    'num.io.threads': 2,
  });
}

/** What stands later counts: the listeners above, and one more. */
function guardProperties({ site: { address }, broker, controller, guarded }: Place, dir: string): string {
  if (guarded === undefined) return '';
  const { certificates, user, password, port } = guarded;
  const chain = join(dir, 'server.pem');
  writeFileSync(chain, readFileSync(certificates.key, 'utf8') + readFileSync(certificates.cert, 'utf8'));
  const modules = 'org.apache.kafka.common.security';
  return linesOf({
    listeners: `PLAINTEXT://${address}:${broker},CONTROLLER://${address}:${controller},SASL_SSL://${address}:${port}`,
    'advertised.listeners': `PLAINTEXT://${address}:${broker},SASL_SSL://${address}:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': chain,
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required user_${user}="${password}";`,
    'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
  });
}

/** Asks for metadata of no topic (request 3, version 1): how many brokers this one knows of; 0 = it serves no clients yet. */
async function knownBrokers(at: Parameters<typeof ask>[0]): Promise<number> {
  const correlation = 0x666c6f77;
  const request = Buffer.alloc(18);
  request.writeInt32BE(14, 0);
  request.writeInt16BE(3, 4);
  request.writeInt16BE(1, 6);
  request.writeInt32BE(correlation, 8);
  request.writeInt16BE(-1, 12);
  const answer = await ask(at, request);
  return answer !== undefined && answer.length >= 12 && answer.readInt32BE(4) === correlation
    ? answer.readInt32BE(8)
    : 0;
}

/** Class path of Kafka's own command line programs, such as the producer's performance test, fetched on first use. */
export function kafkaTools(): string {
  return join(fetched(`kafka-tools-${KAFKA_VERSION}`, 'kafka-tools'), '*');
}

/** The folder with Kafka's jars, fetched by Maven on first use. */
function jars(): string {
  return fetched(`kafka-${KAFKA_VERSION}`, 'kafka_2.13');
}

function fetched(name: string, artifact: string): string {
  return cached(name, (dir) => {
    if (!onPath('mvn')) throw new Error(`${name} is not in .services and there is no mvn on the PATH to fetch it`);
    const pom = join(dir, 'pom.xml');
    writeFileSync(pom, pomOf(artifact));
    run('mvn', [
      '-B',
      '-q',
      '-f',
      pom,
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${dir}`,
    ]);
  });
}

function classPath(): string {
  const dir = jars();
  return readdirSync(dir)
    .filter((name) => name.endsWith('.jar'))
    .map((name) => join(dir, name))
    .join(delimiter);
}

function javaVersion(): string {
  return run('java', ['--version']).split('\n')[0] ?? 'java';
}

const pomOf = (artifact: string): string => `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>flowgrid</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>${artifact}</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>${SLF4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;
