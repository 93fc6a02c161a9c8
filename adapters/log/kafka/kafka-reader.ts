import type { EofEvent, KafkaConsumer, Message } from 'node-rdkafka';
import { answered, boundsOf, disconnect, failed, partitionsOf, pause } from './client';
import { KafkaFold } from './kafka-fold';
import type { Outgoing } from './kafka-writer';
import { Expected, placeName, type Claim, type Expectation } from './read-back';
import { RECENT_BYTES, TIMEOUT_MS, topicsOf, type KafkaLogOptions, type Topics } from './settings';

/** Records taken at a time, at most. */
const BATCH_RECORDS = 1_000;
/** How long one call waits for a record, milliseconds: the ends of partitions are told when it returns, and closing waits for it. */
const WAIT_MS = 50;

/** Follows all of a grid's topics and folds them. */
export class KafkaReader {
  readonly fold: KafkaFold;
  /** Appends that wait to hear which of their records are accepted. */
  readonly claims = new Set<Claim>();
  readonly topics: Topics;
  /** Topic and partition → the offset before which everything was taken. */
  private readonly reached = new Map<string, number>();
  private readonly waiting = new Set<() => void>();
  private readonly expectations = new Set<Expected>();
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
    this.fold = new KafkaFold(options.recentBytes ?? RECENT_BYTES);
    this.topics = topicsOf(options.grid);
    this.timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    consumer.on('data', (message) => this.take(message));
    consumer.on('partition.eof', ({ topic, partition, offset }: EofEvent) =>
      this.reach(placeName(topic, partition), offset),
    );
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
   * Resolves when everything that was committed before the call, in one topic or all, has been folded.
   *
   * @throws FlowgridError `log-failed` when that takes too long, `unsupported` when a later release wrote the log.
   */
  async toEnd(of?: keyof Topics): Promise<void> {
    const places = this.places().filter(({ topic }) => of === undefined || topic === this.topics[of]);
    const ends = await Promise.all(
      places.map(async (place) => ({
        ...place,
        ...(await boundsOf(this.consumer, place.topic, place.partition, this.timeoutMs)),
      })),
    );
    const behind = (): boolean =>
      ends.some(({ topic, partition, end }) => (this.reached.get(placeName(topic, partition)) ?? 0) < end);
    if (behind()) await this.until(() => !behind());
    for (const { topic, partition, begin } of ends) if (topic === this.topics.flows) this.fold.trim(partition, begin);
    if (this.failure !== undefined) throw this.failure;
  }

  /** Begins to look out for the records of one transaction: ask before they are sent. */
  expect(records: readonly Outgoing[]): Expectation {
    const expected = new Expected(records);
    this.expectations.add(expected);
    return {
      taken: async () => {
        if (!expected.isMet) await this.until(() => expected.isMet || this.failure !== undefined);
        if (this.failure !== undefined) throw this.failure;
      },
      forget: () => void this.expectations.delete(expected),
    };
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.following;
    await disconnect(this.consumer);
  }

  /**
   * Takes records until the reader is closed: waits for one, then takes what has come with it. A call for many would return
   * when that many have come, or at a partition's end, which brokers tell only when nothing has come for a while: an append
   * would wait for that. The client's own endless loop is not used: when it is stopped it
   * leaves behind what it had fetched and not handed over, and disconnecting then waits for those records for ever.
   */
  private async follow(): Promise<void> {
    while (!this.closing) {
      if ((await this.consume(1, WAIT_MS)) > 0) await this.consume(BATCH_RECORDS, 0);
    }
  }

  /** Returns how many records came. */
  private async consume(limit: number, withinMs: number): Promise<number> {
    this.consumer.setDefaultConsumeTimeout(withinMs);
    const got = answered<Message[]>((done) => this.consumer.consume(limit, done));
    return got.then(
      ({ length }) => length,
      () => pause().then(() => 0),
    );
  }

  private places(): { topic: string; partition: number }[] {
    const { topology, snapshots, flows } = this.topics;
    const ofFlows = Array.from({ length: this.flowPartitions }, (_, partition) => ({ topic: flows, partition }));
    return [{ topic: topology, partition: 0 }, { topic: snapshots, partition: 0 }, ...ofFlows];
  }

  private take({ topic, partition, offset, key, value }: Message): void {
    const place = placeName(topic, partition);
    // A record that comes again after a broker was lost has been judged.
    if (offset < (this.reached.get(place) ?? 0)) return;
    try {
      if (topic === this.topics.topology) this.takeCommit(value ?? new Uint8Array(), offset);
      else if (topic === this.topics.snapshots) this.fold.takeSnapshot(String(key), value, offset);
      else if (value !== null) this.fold.takeBatch(value, { partition, offset });
    } catch (error) {
      // A record that cannot be judged (of a later release) stops this reader: going on would fork the history.
      this.failure ??= error;
    }
    if (value !== null) for (const expected of this.expectations) expected.take(place, value);
    this.reach(place, offset + 1);
    if (topic === this.topics.topology) this.onCommit();
  }

  private takeCommit(value: Uint8Array, offset: number): void {
    const commit = this.fold.takeCommit(value, offset);
    if (commit !== undefined) for (const claim of this.claims) claim.take(commit);
  }

  private reach(place: string, offset: number): void {
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
