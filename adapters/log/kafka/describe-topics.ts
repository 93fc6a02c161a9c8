import { converse, type Request } from './conversation';
import type { KafkaSecurity } from './security';
import { int32, text, type Answer } from './wire';

/** A topic's settings as a broker tells them, by name; undefined: it does not know the topic (yet). */
export type TopicSettings = ReadonlyMap<string, string | null> | undefined;

const DESCRIBE_CONFIGS = 32;
/** The newest version whose encoding is not compact; brokers from 4.0 on know 1 to 4. */
const VERSION = 1;
const RESOURCE_TOPIC = 2;
/** `UNKNOWN_TOPIC_OR_PARTITION` of the Kafka protocol. */
const UNKNOWN_TOPIC = 3;

/**
 * Asks one broker for the settings of topics: `DescribeConfigs`, the one request that is needed here and that the client
 * library does not offer.
 *
 * @param broker `host:port`
 * @throws Error when the broker does not answer in time, or refuses to.
 */
export async function describeTopics(
  broker: string,
  topics: readonly string[],
  security: KafkaSecurity,
  timeoutMs: number,
): Promise<ReadonlyMap<string, TopicSettings>> {
  const answer = await converse(broker, security, timeoutMs, (asked) => asked.ask(request(topics)));
  answer.int32(); // throttle time
  const described = new Map<string, TopicSettings>();
  for (let left = answer.int32(); left > 0; left--) {
    const error = answer.int16();
    const message = answer.text();
    answer.int8(); // resource type
    const topic = answer.text() ?? '';
    const settings = settingsOf(answer);
    if (error !== 0 && error !== UNKNOWN_TOPIC) throw new Error(`${topic}: ${message ?? `error ${error}`}`);
    described.set(topic, error === 0 ? settings : undefined);
  }
  return described;
}

function settingsOf(answer: Answer): ReadonlyMap<string, string | null> {
  const settings = new Map<string, string | null>();
  for (let left = answer.int32(); left > 0; left--) {
    const name = answer.text() ?? '';
    settings.set(name, answer.text());
    answer.skip(3); // read-only, source, sensitive
    answer.int32(); // synonyms: none were asked for
  }
  return settings;
}

function request(topics: readonly string[]): Request {
  const names = topics.map((topic) => Buffer.concat([Buffer.of(RESOURCE_TOPIC), text(topic), int32(-1)]));
  // Without synonyms.
  return { api: DESCRIBE_CONFIGS, version: VERSION, body: [int32(topics.length), ...names, Buffer.of(0)] };
}
