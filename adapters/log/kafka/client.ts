import type * as Rdkafka from 'node-rdkafka';
import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import { brokersOf, newTopics, producerSettings, TIMEOUT_MS, type KafkaLogOptions } from './settings';

export type Library = typeof Rdkafka;

/** `TOPIC_ALREADY_EXISTS` of the Kafka protocol. */
const TOPIC_EXISTS = 36;
/** `LEADER_NOT_AVAILABLE`, `NOT_LEADER_OR_FOLLOWER` and `OFFSET_NOT_AVAILABLE` of the Kafka protocol. */
const ELECTING: readonly unknown[] = [5, 6, 78];
const RETRY_MS = 50;
const CONSUME_MS = 50;
const DISCONNECT_MS = 10_000;

/**
 * Loads the client library, which not every install has and which works in a process's main thread alone.
 *
 * @throws FlowgridError `unsupported` when it is not installed.
 */
export async function loadLibrary(): Promise<Library> {
  try {
    return await import('node-rdkafka');
  } catch (cause) {
    throw new FlowgridError('unsupported', 'the Kafka event log needs the package node-rdkafka', {
      remedy: 'install with optional dependencies, or use the embedded log',
      cause,
    });
  }
}

/** Makes the grid's topics where they do not exist yet. */
export async function makeTopics(library: Library, options: KafkaLogOptions): Promise<void> {
  const admin = library.AdminClient.create(brokersOf(options));
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  try {
    for (const topic of newTopics(options)) {
      await answered<void>((done) => admin.createTopic(topic, timeoutMs, done)).catch((error: unknown) => {
        if ((error as { code?: unknown }).code !== TOPIC_EXISTS) throw failed(`making topic ${topic.topic}`, error);
      });
    }
  } finally {
    admin.disconnect();
  }
}

/** A connected transactional producer; every earlier one of the grid is fenced. */
export async function connectProducer(library: Library, options: KafkaLogOptions): Promise<Rdkafka.Producer> {
  const producer = new library.Producer(producerSettings(options), { 'request.required.acks': -1 });
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  try {
    await connected(producer, options);
    await answered<void>((done) => producer.initTransactions(timeoutMs, done));
  } catch (error) {
    producer.disconnect();
    throw isFlowgridError(error) ? error : failed(`connecting to ${options.brokers}`, error);
  }
  return producer;
}

/** A connected consumer; without a place of its own it begins at the beginning. */
export async function connectConsumer(
  library: Library,
  settings: Rdkafka.ConsumerGlobalConfig,
  options: Pick<KafkaLogOptions, 'brokers' | 'timeoutMs'>,
): Promise<Rdkafka.KafkaConsumer> {
  const consumer = new library.KafkaConsumer(settings, { 'auto.offset.reset': 'earliest' });
  // Closing waits for the call under way: keep that short.
  consumer.setDefaultConsumeTimeout(CONSUME_MS);
  try {
    await connected(consumer, options);
  } catch (error) {
    consumer.disconnect();
    throw isFlowgridError(error) ? error : failed(`connecting to ${options.brokers}`, error);
  }
  return consumer;
}

/** What the client library logs of a broker that refuses, or is not believed; it tries again for ever all the same. */
const REFUSAL = /(?:SASL authentication error|SSL handshake failed|SASL handshake failed).*?(?= \(after |$)/s;

/**
 * Connects. Refusals are known from the log: until a client is connected it tells its errors to nobody.
 *
 * @throws FlowgridError `rejected` when a broker does not let this client in, or is not whom it claims to be.
 */
function connected(
  client: Rdkafka.Producer | Rdkafka.KafkaConsumer,
  { brokers, timeoutMs = TIMEOUT_MS }: Pick<KafkaLogOptions, 'brokers' | 'timeoutMs'>,
): Promise<unknown> {
  const common = client as Rdkafka.KafkaConsumer;
  // An error that nobody listens to would end the process.
  common.on('event.error', () => undefined);
  return new Promise((resolve, reject) => {
    common.on('event.log', ({ message }: { readonly message?: string }) => {
      const [why] = REFUSAL.exec(message ?? '') ?? [];
      if (why !== undefined) reject(refusal(brokers, why));
    });
    answered((done) => client.connect({ timeout: timeoutMs }, done)).then(resolve, reject);
  });
}

function refusal(brokers: string, why: string): FlowgridError {
  return new FlowgridError('rejected', `Kafka at ${brokers} and this client do not trust each other: ${why}`, {
    remedy: "correct 'kafka' in the connections file: user, password, mechanism, or the files of 'tls'",
  });
}

/** Lets a client say goodbye, which without brokers may take for ever: nobody waits longer than a while for it. */
export function disconnect(client: Rdkafka.Producer | Rdkafka.KafkaConsumer): Promise<void> {
  return new Promise((resolve) => {
    const enough = setTimeout(resolve, DISCONNECT_MS);
    client.disconnect(() => {
      clearTimeout(enough);
      resolve();
    });
  });
}

/** The number of partitions of a topic; waits until the brokers know it. */
export async function partitionsOf(consumer: Rdkafka.KafkaConsumer, topic: string, timeoutMs: number): Promise<number> {
  for (let waited = 0; ; waited += RETRY_MS) {
    const metadata = await answered<Rdkafka.Metadata>((done) =>
      consumer.getMetadata({ topic, timeout: timeoutMs }, done),
    );
    const partitions = metadata.topics.find((known) => known.name === topic)?.partitions ?? [];
    // A partition without a leader cannot be read yet.
    if (partitions.length > 0 && partitions.every((partition) => partition.leader >= 0)) return partitions.length;
    if (waited >= timeoutMs) throw failed(`finding topic ${topic}`, undefined);
    await pause();
  }
}

/** Waits a moment before the brokers are asked again. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, RETRY_MS));
}

/** What a partition holds: the offset of the oldest record that may be there, and the one after the newest. */
export async function boundsOf(
  consumer: Rdkafka.KafkaConsumer,
  topic: string,
  partition: number,
  timeoutMs: number,
): Promise<{ readonly begin: number; readonly end: number }> {
  const ask = (done: Done<Rdkafka.WatermarkOffsets>): void => {
    consumer.queryWatermarkOffsets(topic, partition, timeoutMs, done);
  };
  for (let waited = 0; ; waited += RETRY_MS) {
    try {
      const { lowOffset, highOffset } = await answered(ask);
      return { begin: lowOffset, end: highOffset };
    } catch (error) {
      if (waited >= timeoutMs || !isElecting(error)) throw failed(`reading the end of ${topic}`, error);
      await pause();
    }
  }
}

/** A partition whose broker was lost has another leader soon, which knows the end a moment later. */
function isElecting(error: unknown): boolean {
  return ELECTING.includes((error as { code?: unknown }).code);
}

type Done<Value> = (error: Rdkafka.LibrdKafkaError, value: Value) => void;

/** A call-back of the library as a promise. */
export function answered<Value>(call: (done: Done<Value>) => void): Promise<Value> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error) reject(error as unknown as Error);
      else resolve(value);
    });
  });
}

export function failed(what: string, cause: unknown): FlowgridError {
  const why = (cause as { message?: unknown } | undefined)?.message;
  return new FlowgridError(
    'log-failed',
    `Kafka event log: ${what} failed${why === undefined ? '' : `: ${String(why)}`}`,
    {
      remedy: 'make sure that the brokers can be reached; the same command ids may be sent again',
      canRetry: true,
      cause,
    },
  );
}
