import type { ConsumerGlobalConfig, NewTopic, ProducerGlobalConfig } from 'node-rdkafka';

export interface KafkaLogOptions {
  /** Bootstrap servers, `host:port`, separated by commas. */
  readonly brokers: string;
  /** The grid's name: prefix of its topics and part of its transactional id. */
  readonly grid: string;
  /** A writer fences every earlier writer of the grid; any number may read. */
  readonly mode: 'writer' | 'reader';
  /** Used when topics are made. Default 1: choose 3 where there are three brokers. */
  readonly replicationFactor?: number;
  /** Partitions of `<grid>.flows`, used when it is made. Default 8. */
  readonly flowPartitions?: number;
  /** How long flow batches are kept, in milliseconds, used when the topic is made. Default 30 days. */
  readonly flowRetentionMs?: number;
  /** How long anything that the brokers are asked may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
}

export const TIMEOUT_MS = 30_000;
const FLOW_PARTITIONS = 8;
const FLOW_RETENTION_MS = 30 * 24 * 3600 * 1000;

/** Largest message, a little over the largest commit (adapters/codec/records.ts): 17 MiB. */
const MESSAGE_BYTES_MAX = 17 * 1024 * 1024;

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

/** What the topics are made with: `topology` for ever and totally ordered, `flows` for a time, snapshots compacted. */
export function newTopics(options: KafkaLogOptions): NewTopic[] {
  const names = topicsOf(options.grid);
  const replication_factor = options.replicationFactor ?? 1;
  const common = {
    'max.message.bytes': String(MESSAGE_BYTES_MAX),
    // With an unclean election an acknowledged commit could be lost.
    'unclean.leader.election.enable': 'false',
    'min.insync.replicas': String(Math.max(1, replication_factor - 1)),
  };
  const kept = { ...common, 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' };
  const flows = { ...kept, 'retention.ms': String(options.flowRetentionMs ?? FLOW_RETENTION_MS) };
  const partitions = options.flowPartitions ?? FLOW_PARTITIONS;
  return [
    { topic: names.topology, num_partitions: 1, replication_factor, config: kept },
    { topic: names.flows, num_partitions: partitions, replication_factor, config: flows },
    {
      topic: names.snapshots,
      num_partitions: 1,
      replication_factor,
      config: { ...common, 'cleanup.policy': 'compact' },
    },
  ];
}

export function producerSettings(options: KafkaLogOptions): ProducerGlobalConfig {
  return {
    'metadata.broker.list': options.brokers,
    // One for the grid, whoever leads: initTransactions makes the brokers fence the earlier leader.
    'transactional.id': `flowgrid.${options.grid}`,
    'transaction.timeout.ms': TRANSACTION_TIMEOUT_MS,
    'enable.idempotence': true,
    'linger.ms': 0,
    'message.max.bytes': MESSAGE_BYTES_MAX,
  };
}

export function consumerSettings(options: KafkaLogOptions): ConsumerGlobalConfig {
  return {
    'metadata.broker.list': options.brokers,
    // Partitions are assigned by hand, so that no group is ever joined; the client insists on a name.
    'group.id': `flowgrid.${options.grid}.readers`,
    'enable.auto.commit': false,
    'enable.partition.eof': true,
    'isolation.level': 'read_committed',
    'fetch.wait.max.ms': 20,
    'fetch.message.max.bytes': MESSAGE_BYTES_MAX,
    'receive.message.max.bytes': 4 * MESSAGE_BYTES_MAX,
  };
}
