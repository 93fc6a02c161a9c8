import type { EofEvent, KafkaConsumer, Message } from 'node-rdkafka';
import { FlowgridError } from '../../../domain/base/errors';
import { answered, connectConsumer, disconnect, failed, pause, type Library } from './client';
import type { Place } from './kafka-fold';
import { historySettings, TIMEOUT_MS, type KafkaLogOptions } from './settings';

/** Records taken from the client at a time, at most. */
const BATCH_RECORDS = 1_000;
/** How long one call waits for a record, milliseconds. */
const WAIT_MS = 50;
/** Bytes of records that one call returns, about: it ends with the record that reaches them. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** Records that are passed over rather than sought past: to seek takes as long as to read so many. */
const SKIP_RECORDS = 10_000;
/** How long the connection outlives the last read, milliseconds: what was read ahead is let go of with it. */
const IDLE_MS = 10_000;

/**
 * Reads records of one topic again by their offsets. It has a consumer of its own, which is connected when something is
 * asked for, and goes on where it is: reading page after page seeks once. What is asked meanwhile waits in line.
 */
export class KafkaHistory {
  private readonly timeoutMs: number;
  private consumer: KafkaConsumer | undefined;
  private line: Promise<unknown> = Promise.resolve();
  private idle: NodeJS.Timeout | undefined;
  private closing = false;
  private partition: number | undefined;
  /** Everything before this offset of the partition was passed. */
  private passed = 0;
  /** The partition was seen to end here. */
  private end = 0;
  /** What has come, in order; that before `at` was passed. */
  private come: readonly Message[] = [];
  private at = 0;

  constructor(
    private readonly library: Library,
    private readonly topic: string,
    private readonly options: KafkaLogOptions,
  ) {
    this.timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /**
   * The values at offsets of a partition, which are in order; undefined where there is none any more. Fewer than asked
   * for, and one at least, when these are many bytes.
   *
   * @throws FlowgridError `log-failed` (`canRetry`) when nothing comes for too long, `closed`.
   */
  read(partition: number, offsets: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const result = this.line.then(() => this.readNow(partition, offsets));
    this.line = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.line;
    await this.release();
  }

  private async readNow(partition: number, offsets: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    clearTimeout(this.idle);
    this.assertOpen();
    try {
      return await this.page(partition, offsets);
    } catch (error) {
      // Where it is is not known any more: the next read seeks.
      this.partition = undefined;
      throw error;
    } finally {
      this.idle = setTimeout(() => (this.line = this.line.then(() => this.release())), IDLE_MS).unref();
    }
  }

  private async page(partition: number, offsets: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const values: (Uint8Array | undefined)[] = [];
    let bytes = 0;
    for (const offset of offsets) {
      if (bytes >= PAGE_BYTES) break;
      if (!this.leadsTo(partition, offset)) await this.seek({ partition, offset });
      // Most have come with others: waiting a turn for each would take longer than the rest.
      while (!this.hasPassed(offset)) await this.more();
      const value = this.take(offset);
      values.push(value);
      bytes += value?.length ?? 0;
    }
    return values;
  }

  /** Whether reading on comes to an offset, and soon. */
  private leadsTo(partition: number, offset: number): boolean {
    if (partition !== this.partition || offset < this.passed) return false;
    return offset - Math.max(this.passed, (this.come.at(-1)?.offset ?? 0) + 1) < SKIP_RECORDS;
  }

  private async seek({ partition, offset }: Place): Promise<void> {
    this.consumer ??= await this.connect();
    this.partition = partition;
    this.passed = offset;
    this.end = 0;
    this.come = [];
    this.at = 0;
    this.consumer.assign([{ topic: this.topic, partition, offset }]);
  }

  /** Passes what stands before an offset; whether that record, or one behind it, or the end has come. */
  private hasPassed(offset: number): boolean {
    while (this.at < this.come.length && this.come[this.at]!.offset < offset) this.at++;
    return this.at < this.come.length || this.end > offset;
  }

  private take(offset: number): Uint8Array | undefined {
    this.passed = offset + 1;
    const message = this.come[this.at];
    if (message?.offset !== offset) return undefined;
    this.at++;
    return message.value ?? undefined;
  }

  /** Waits for records to come, or the end. */
  private async more(): Promise<void> {
    const began = performance.now();
    const { end } = this;
    this.at = 0;
    do {
      this.assertOpen();
      if (performance.now() - began > this.timeoutMs) {
        throw failed(`reading older records of ${this.topic} in ${this.timeoutMs} ms`, undefined);
      }
      this.come = await this.consume(1, WAIT_MS);
      if (this.come.length > 0) this.come = [...this.come, ...(await this.consume(BATCH_RECORDS - 1, 0))];
    } while (this.come.length === 0 && this.end === end);
  }

  /** No records when a broker is lost: the client looks for it. */
  private consume(limit: number, withinMs: number): Promise<Message[]> {
    const consumer = this.consumer!;
    consumer.setDefaultConsumeTimeout(withinMs);
    return answered<Message[]>((done) => consumer.consume(limit, done)).catch(() => pause().then(() => []));
  }

  private async connect(): Promise<KafkaConsumer> {
    const consumer = await connectConsumer(this.library, historySettings(this.options), this.options);
    consumer.on('partition.eof', ({ partition, offset }: EofEvent) => {
      if (partition === this.partition) this.end = offset;
    });
    return consumer;
  }

  private assertOpen(): void {
    if (this.closing) throw new FlowgridError('closed', 'this log is closed');
  }

  private async release(): Promise<void> {
    clearTimeout(this.idle);
    const { consumer } = this;
    this.consumer = undefined;
    this.partition = undefined;
    this.come = [];
    if (consumer === undefined) return;
    consumer.unassign();
    await disconnect(consumer);
  }
}
