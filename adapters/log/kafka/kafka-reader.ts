import type { EofEvent, KafkaConsumer, Message } from 'node-rdkafka';
import { answered, disconnect, endOf, failed, partitionsOf, pause } from './client';
import { KafkaFold } from './kafka-fold';
import { TIMEOUT_MS, topicsOf, type KafkaLogOptions, type Topics } from './settings';

/** Records taken at a time, at most. */
const BATCH_RECORDS = 1_000;

/** Follows all of a grid's topics and folds them. */
export class KafkaReader {
  readonly fold = new KafkaFold();
  readonly topics: Topics;
  /** Topic and partition → the offset before which everything was taken. */
  private readonly reached = new Map<string, number>();
  private readonly waiting = new Set<() => void>();
  private readonly timeoutMs: number;
  private failure: unknown;
  private closing = false;
  private following: Promise<void> | undefined;
  flowPartitions = 0;

  /** @param onCommit called after each batch of accepted commits. */
  constructor(
    private readonly consumer: KafkaConsumer,
    options: KafkaLogOptions,
    private readonly onCommit: () => void,
  ) {
    this.topics = topicsOf(options.grid);
    this.timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    consumer.on('data', (message) => this.take(message));
    consumer.on('partition.eof', ({ topic, partition, offset }: EofEvent) => this.reach(topic, partition, offset));
  }

  /** Begins at the beginning of every partition and resolves at the end. */
  async start(): Promise<void> {
    this.flowPartitions = await partitionsOf(this.consumer, this.topics.flows, this.timeoutMs);
    await partitionsOf(this.consumer, this.topics.topology, this.timeoutMs);
    await partitionsOf(this.consumer, this.topics.snapshots, this.timeoutMs);
    this.consumer.assign(this.places().map((place) => ({ ...place, offset: 0 })));
    this.following = this.follow();
    await this.toEnd();
  }

  /**
   * Resolves when everything that was committed before the call has been folded.
   *
   * @throws FlowgridError `log-failed` when that takes too long, `unsupported` when a later release wrote the log.
   */
  async toEnd(): Promise<void> {
    const ends = await Promise.all(
      this.places().map(async (place) => ({
        ...place,
        end: await endOf(this.consumer, place.topic, place.partition, this.timeoutMs),
      })),
    );
    const behind = (): boolean =>
      ends.some(({ topic, partition, end }) => (this.reached.get(`${topic}/${partition}`) ?? 0) < end);
    if (behind()) await this.until(() => !behind());
    if (this.failure !== undefined) throw this.failure;
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.following;
    await disconnect(this.consumer);
  }

  /**
   * Takes batch after batch until the reader is closed. The client's own endless loop is not used: when it is stopped it
   * leaves behind what it had fetched and not handed over, and disconnecting then waits for those records for ever.
   */
  private async follow(): Promise<void> {
    while (!this.closing) {
      await answered((done) => this.consumer.consume(BATCH_RECORDS, done)).catch(() => pause());
    }
  }

  private places(): { topic: string; partition: number }[] {
    const { topology, snapshots, flows } = this.topics;
    const ofFlows = Array.from({ length: this.flowPartitions }, (_, partition) => ({ topic: flows, partition }));
    return [{ topic: topology, partition: 0 }, { topic: snapshots, partition: 0 }, ...ofFlows];
  }

  private take({ topic, partition, offset, key, value }: Message): void {
    try {
      if (topic === this.topics.topology) this.fold.takeCommit(value ?? new Uint8Array(), offset);
      else if (topic === this.topics.snapshots) this.fold.takeSnapshot(String(key), value);
      else if (value !== null) this.fold.takeBatch(value);
    } catch (error) {
      // A record that cannot be judged (of a later release) stops this reader: going on would fork the history.
      this.failure ??= error;
    }
    this.reach(topic, partition, offset + 1);
    if (topic === this.topics.topology) this.onCommit();
  }

  private reach(topic: string, partition: number, offset: number): void {
    const place = `${topic}/${partition}`;
    this.reached.set(place, Math.max(offset, this.reached.get(place) ?? 0));
    for (const check of [...this.waiting]) check();
  }

  private until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.waiting.delete(check);
        act();
      };
      const check = (): void => {
        if (condition()) settle(resolve);
      };
      const late = failed(`reading to the end in ${this.timeoutMs} ms`, undefined);
      const timer = setTimeout(() => settle(() => reject(late)), this.timeoutMs);
      this.waiting.add(check);
      check();
    });
  }
}
