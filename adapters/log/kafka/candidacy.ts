import type { Assignment, KafkaConsumer, LibrdKafkaError } from 'node-rdkafka';
import { answered, connectConsumer, disconnect, loadLibrary, pause } from './client';
import { candidateSettings, topicsOf, type CandidacyOptions } from './settings';

/** Told whom the group has chosen. */
export interface CandidacyListener {
  /** This process is to lead: promote the log, then act. */
  elected(): void;
  /** Another one leads, or will: nothing that this process still tries counts. */
  lost(): void;
}

export interface Candidacy {
  readonly isElected: boolean;
  /** Gives up, so that another is chosen at once. */
  close(): Promise<void>;
}

/** `ERR__ASSIGN_PARTITIONS` of the client library. */
const ASSIGN = -175;

/**
 * Stands for leadership of a grid: of the members of one consumer group the brokers choose the one that the only
 * partition of `topology` is assigned to, and another when that one has been silent for the session's timeout. This only
 * says who should lead; that no two do, the transactional id and the epochs of the log make sure of.
 *
 * @throws FlowgridError `log-failed` when the brokers do not answer, `unsupported` without the client library.
 */
export async function standForLeader(options: CandidacyOptions, listener: CandidacyListener): Promise<Candidacy> {
  const library = await loadLibrary();
  const candidate = new Candidate(listener);
  const settings = {
    ...candidateSettings(options),
    rebalance_cb: (error: LibrdKafkaError, partitions: Assignment[]) => candidate.rebalance(error, partitions),
  };
  const consumer = await connectConsumer(library, settings, options);
  candidate.stand(consumer, topicsOf(options.grid).topology);
  return candidate;
}

/** Polls until a client that has left the group knows it: at least, and, while it still holds the partition, at most. */
const LEAVING_LOOKS = 2;
const LEAVING_LOOKS_MAX = 100;

class Candidate implements Candidacy {
  isElected = false;
  private consumer!: KafkaConsumer;
  private closing = false;
  private isPolling = true;
  private polling: Promise<void> | undefined;

  constructor(private readonly listener: CandidacyListener) {}

  stand(consumer: KafkaConsumer, topic: string): void {
    this.consumer = consumer;
    consumer.subscribe([topic]);
    this.polling = this.poll();
  }

  rebalance(error: LibrdKafkaError, partitions: Assignment[]): void {
    if (error.code !== ASSIGN) {
      this.consumer.incrementalUnassign(partitions);
      if (partitions.length > 0) this.set(false);
      return;
    }
    try {
      this.consumer.incrementalAssign(partitions);
      // Records are read elsewhere.
      if (partitions.length > 0) this.consumer.pause(partitions);
    } catch {
      // It is being disconnected, and waits for an answer to this: nothing is taken.
      this.consumer.unassign();
      return;
    }
    if (partitions.length > 0) this.set(true);
  }

  /**
   * Leaves the group before it disconnects: a partition that the brokers assign to a client that is closing would keep it
   * waiting, and the group too.
   */
  async close(): Promise<void> {
    this.closing = true;
    this.consumer.unsubscribe();
    for (let look = 0; look < LEAVING_LOOKS_MAX && (this.isElected || look < LEAVING_LOOKS); look++) await pause();
    this.isPolling = false;
    await this.polling;
    await disconnect(this.consumer);
  }

  /** Once it is closing, nobody needs to be told. */
  private set(isElected: boolean): void {
    if (this.isElected === isElected) return;
    this.isElected = isElected;
    if (this.closing) return;
    if (isElected) this.listener.elected();
    else this.listener.lost();
  }

  /** The client tells of a new assignment only when it is asked for records. */
  private async poll(): Promise<void> {
    while (this.isPolling) {
      await answered((done) => this.consumer.consume(1, done)).catch(() => undefined);
      await pause();
    }
  }
}
