import type { KafkaConsumer } from 'node-rdkafka';
import { FlowgridError } from '../../../domain/base/errors';
import { failed, partitionsOf, pause } from './client';
import { describeTopics, type TopicSettings } from './describe-topics';
import { TIMEOUT_MS, topicNeeds, type KafkaLogOptions, type TopicNeeds } from './settings';

/**
 * Makes sure that the grid's topics are what the log needs, whoever made them: a retention that is too short, or
 * compaction, would lose commits without a word.
 *
 * @throws FlowgridError `usage` naming topic, setting, value and remedy; `log-failed` when no broker answers.
 */
export async function checkTopics(consumer: KafkaConsumer, options: KafkaLogOptions): Promise<void> {
  const needs = topicNeeds(options);
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const partitions = await Promise.all(needs.map(({ topic }) => partitionsOf(consumer, topic, timeoutMs)));
  needs.forEach((need, index) => checkPartitions(need, partitions[index]!));
  const described = await settingsOf(options, needs, timeoutMs);
  for (const need of needs) checkConfig(need, described.get(need.topic), options.brokers);
}

function checkPartitions({ topic, partitions }: TopicNeeds, count: number): void {
  if (partitions === undefined || count === partitions) return;
  throw wrong(
    topic,
    'partitions',
    String(count),
    String(partitions),
    'a topic keeps its partitions: give the grid another name, or remove the topic if it holds nothing',
  );
}

function checkConfig({ topic, config }: TopicNeeds, settings: TopicSettings, brokers: string): void {
  for (const [name, needed] of Object.entries(config)) {
    const value = settings?.get(name) ?? 'unknown';
    const isEnough = name === 'max.message.bytes' ? Number(value) >= Number(needed) : value === needed;
    if (isEnough) continue;
    const server = brokers.split(',')[0]!;
    throw wrong(
      topic,
      name,
      value,
      needed,
      `kafka-configs.sh --bootstrap-server ${server} --alter --entity-type topics --entity-name ${topic} --add-config ${name}=${needed}`,
    );
  }
}

function wrong(topic: string, setting: string, value: string, needed: string, remedy: string): FlowgridError {
  return new FlowgridError('usage', `Kafka topic ${topic}: ${setting} is ${value}, the log needs ${needed}`, {
    remedy,
  });
}

/** Asks broker after broker until one tells of every topic; those just made are not known everywhere at once. */
async function settingsOf(
  { brokers, security = {} }: KafkaLogOptions,
  needs: readonly TopicNeeds[],
  timeoutMs: number,
): Promise<ReadonlyMap<string, TopicSettings>> {
  const topics = needs.map(({ topic }) => topic);
  const servers = brokers.split(',').map((server) => server.trim());
  let failure: unknown;
  for (let look = 0; look < LOOKS * servers.length; look++) {
    const server = servers[look % servers.length]!;
    const described = await describeTopics(server, topics, security, timeoutMs).catch(
      (error: unknown) => void (failure = error),
    );
    if (described !== undefined && topics.every((topic) => described.get(topic) !== undefined)) return described;
    await pause();
  }
  throw failed(`asking for the settings of ${topics.join(', ')}`, failure);
}

/** How often each broker is asked. */
const LOOKS = 40;
