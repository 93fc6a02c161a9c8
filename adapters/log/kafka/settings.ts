import type { ConsumerGlobalConfig, NewTopic, ProducerGlobalConfig } from 'node-rdkafka';
import { securitySettings, type KafkaSecurity } from './security';

export interface KafkaLogOptions {
  /** Bootstrap servers, `host:port`, separated by commas. */
  readonly brokers: string;
  /** The grid's name: prefix of its topics and part of its transactional id. */
  readonly grid: string;
  /** A writer fences every earlier writer of the grid; any number may read, and be promoted later. */
  readonly mode: 'writer' | 'reader';
  /** Used when topics are made. Default 1: choose 3 where there are three brokers. */
  readonly replicationFactor?: number;
  /** Partitions of `<grid>.flows`, used when it is made. Default 8. */
  readonly flowPartitions?: number;
  /** How long flow batches are kept, in milliseconds, used when the topic is made. Default 30 days. */
  readonly flowRetentionMs?: number;
  /** How long anything that the brokers are asked may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** Bytes of the newest commits that are kept in memory, and as many of the newest flow batches. Default 32 MiB. */
  readonly recentBytes?: number;
  /** Absent: brokers that let everybody in. */
  readonly security?: KafkaSecurity;
}

export const TIMEOUT_MS = 30_000;
const FLOW_PARTITIONS = 8;

/**
 * More than is committed between two snapshots, and told between two checkpoints, of a large grid: what starts and tails
 * read is in here, so that only who asks for old history waits for the brokers.
 */
export const RECENT_BYTES = 32 * 1024 * 1024;

const FLOW_RETENTION_MS = 30 * 24 * 3600 * 1000;

/** Largest message, a little over the largest commit (adapters/codec/records.ts): 17 MiB. */
const MESSAGE_BYTES_MAX = 17 * 1024 * 1024;

/** Bytes that wait in the client for the brokers, at most; an append that finds no room waits. */
const QUEUE_KIB = 64 * 1024;

/** How long a dead writer's open transaction can hold up readers. */
const TRANSACTION_TIMEOUT_MS = 10_000;

/** The topics of a grid. */
export interface Topics {
  readonly topology: string;
  readonly flows: string;
  readonly snapshots: string;
}

export function topicsOf(grid: string): Topics {
  return { topology: `${grid}.topology`, flows: `${grid}.flows`, snapshots: `${grid}.snapshots` };
}

type TopicConfig = Readonly<Record<string, string>>;

/** Without these a topic cannot hold its part of the log. With an unclean election an acknowledged commit could be lost. */
const COMMON: TopicConfig = {
  'max.message.bytes': String(MESSAGE_BYTES_MAX),
  'unclean.leader.election.enable': 'false',
};
const KEPT: TopicConfig = { ...COMMON, 'cleanup.policy': 'delete', 'retention.bytes': '-1' };

/** What a topic must be, whoever made it. */
export interface TopicNeeds {
  readonly topic: string;
  /** Absent: any number. */
  readonly partitions?: number;
  readonly config: TopicConfig;
}

/** `topology` for ever and totally ordered, `flows` for a time, snapshots compacted. */
export function topicNeeds({ grid, flowPartitions, flowRetentionMs }: KafkaLogOptions): readonly TopicNeeds[] {
  const names = topicsOf(grid);
  const retention: TopicConfig = flowRetentionMs === undefined ? {} : { 'retention.ms': String(flowRetentionMs) };
  return [
    { topic: names.topology, partitions: 1, config: { ...KEPT, 'retention.ms': '-1' } },
    {
      topic: names.flows,
      ...(flowPartitions === undefined ? {} : { partitions: flowPartitions }),
      config: { ...KEPT, ...retention },
    },
    { topic: names.snapshots, partitions: 1, config: { ...COMMON, 'cleanup.policy': 'compact' } },
  ];
}

/** The topics as they are made: what they need, and what may be otherwise. */
export function newTopics(options: KafkaLogOptions): NewTopic[] {
  const replication_factor = options.replicationFactor ?? 1;
  const defaults = {
    'min.insync.replicas': String(Math.max(1, replication_factor - 1)),
    'retention.ms': String(FLOW_RETENTION_MS),
  };
  return topicNeeds(options).map(({ topic, partitions, config }) => ({
    topic,
    num_partitions: partitions ?? FLOW_PARTITIONS,
    replication_factor,
    config: { ...defaults, ...config },
  }));
}

/**
 * A broker that is back is found soon: the client would otherwise pause for up to 10 s between attempts, and wait for a first
 * answer for 30 s, of which the system asks again after 1, 3, 7 and 15.
 */
const RECONNECTION = { 'reconnect.backoff.max.ms': 500, 'socket.connection.setup.timeout.ms': 2_000 };

/** A reader's connection that gives no answer for so long is replaced: what a cut has stalled goes on as late as the cut was long. */
const READER_SILENCE_MS = 5_000;

/** Where the brokers are, and what they want to know. */
export function brokersOf(options: Pick<KafkaLogOptions, 'brokers' | 'security'>): Readonly<Record<string, string>> {
  return { 'metadata.broker.list': options.brokers, ...securitySettings(options.security) };
}

export function producerSettings(options: KafkaLogOptions): ProducerGlobalConfig {
  return {
    ...brokersOf(options),
    ...RECONNECTION,
    // One for the grid, whoever leads: initTransactions makes the brokers fence the earlier leader.
    'transactional.id': `flowgrid.${options.grid}`,
    'transaction.timeout.ms': TRANSACTION_TIMEOUT_MS,
    'enable.idempotence': true,
    'linger.ms': 0,
    'queue.buffering.max.kbytes': QUEUE_KIB,
    'message.max.bytes': MESSAGE_BYTES_MAX,
  };
}

export function consumerSettings(options: KafkaLogOptions): ConsumerGlobalConfig {
  return {
    ...brokersOf(options),
    ...RECONNECTION,
    // Partitions are assigned by hand, so that no group is ever joined; the client insists on a name.
    'group.id': `flowgrid.${options.grid}.readers`,
    'enable.auto.commit': false,
    'enable.partition.eof': true,
    'socket.timeout.ms': READER_SILENCE_MS,
    'isolation.level': 'read_committed',
    'fetch.wait.max.ms': 20,
    'fetch.message.max.bytes': MESSAGE_BYTES_MAX,
    'receive.message.max.bytes': 4 * MESSAGE_BYTES_MAX,
  };
}

/** Bytes that wait, read ahead, for whoever reads older records again; what one fetch brings may come on top. */
const AHEAD_KIB = 8 * 1024;
/** A single old record must not cost the largest fetch: brokers send a record that is larger all the same. */
const AHEAD_FETCH_BYTES = 1024 * 1024;

/** As a reader that follows, with less read ahead. */
export function historySettings(options: KafkaLogOptions): ConsumerGlobalConfig {
  return {
    ...consumerSettings(options),
    'queued.max.messages.kbytes': AHEAD_KIB,
    'fetch.message.max.bytes': AHEAD_FETCH_BYTES,
  };
}

/** How long the leader may be silent before another is chosen, unless told otherwise: the least that brokers grant. */
export const LEADER_TIMEOUT_MS = 6_000;

/** Who leads is who the group's only partition, that of `topology`, is assigned to. */
export function candidateSettings(options: CandidacyOptions): ConsumerGlobalConfig {
  const timeoutMs = options.leaderTimeoutMs ?? LEADER_TIMEOUT_MS;
  return {
    ...brokersOf(options),
    ...RECONNECTION,
    'client.id': options.name,
    'group.id': `flowgrid.${options.grid}.leaders`,
    'partition.assignment.strategy': 'cooperative-sticky',
    'session.timeout.ms': timeoutMs,
    // As long as its silence may last: a stalled connection must not keep it from hearing that another leads.
    'socket.timeout.ms': Math.max(1_000, timeoutMs),
    'heartbeat.interval.ms': Math.max(1, Math.floor(timeoutMs / 6)),
    'enable.auto.commit': false,
    'fetch.message.max.bytes': 1_024,
  };
}

export interface CandidacyOptions extends Pick<KafkaLogOptions, 'brokers' | 'grid' | 'timeoutMs' | 'security'> {
  /** Shown in the brokers' list of the group's members. */
  readonly name: string;
  /**
   * How long the leader may be silent before another is chosen, in milliseconds; default 6,000. Brokers grant no less
   * than their `group.min.session.timeout.ms`.
   */
  readonly leaderTimeoutMs?: number;
}
