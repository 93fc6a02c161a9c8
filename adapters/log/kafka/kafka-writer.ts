import type { Producer } from 'node-rdkafka';
import { FlowgridError } from '../../../domain/base/errors';
import { asBuffer } from '../../codec/hash';
import { answered, connectProducer, disconnect, failed, pause, type Library } from './client';
import { TIMEOUT_MS, type KafkaLogOptions } from './settings';

/** A record on its way to the brokers; without a value it ends what its key held. */
export interface Outgoing {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** `ERR__QUEUE_FULL`, `ERR__FENCED`, `ERR_INVALID_PRODUCER_EPOCH`, `ERR_PRODUCER_FENCED` of the client library. */
const QUEUE_FULL = -184;
const FENCED: readonly unknown[] = [-144, 47, 90];

interface ClientError {
  readonly code?: number;
  readonly isFatal?: boolean;
  readonly isTxnRequiresAbort?: boolean;
}

/**
 * The grid's writer: transactions under the one transactional id of the grid. Connecting makes the brokers refuse every
 * earlier writer for good, an append of its that is under way included.
 */
export class KafkaWriter {
  /** Set when a transaction was left in doubt: a new producer settles it, at the brokers, before it writes. */
  private isInDoubt = false;
  private isFenced = false;

  private constructor(
    private producer: Producer,
    private readonly library: Library,
    private readonly options: KafkaLogOptions,
  ) {}

  static async connect(library: Library, options: KafkaLogOptions): Promise<KafkaWriter> {
    return new KafkaWriter(await connectProducer(library, options), library, options);
  }

  /**
   * Sends records in one transaction.
   *
   * @throws FlowgridError `log-locked` when another writer has taken over; `log-failed` (outcome unknown, `canRetry`).
   */
  async send(records: readonly Outgoing[]): Promise<void> {
    if (this.isFenced) throw fencedOff();
    if (this.isInDoubt) await this.renew();
    const { producer, timeoutMs } = this;
    try {
      await answered<void>((done) => producer.beginTransaction(done));
      for (const record of records) {
        if (!this.produce(record)) await this.produceWhenThereIsRoom(record);
      }
      await answered<void>((done) => producer.commitTransaction(timeoutMs, done));
    } catch (error) {
      throw await this.givenUp(error);
    }
  }

  close(): Promise<void> {
    return disconnect(this.producer);
  }

  private get timeoutMs(): number {
    return this.options.timeoutMs ?? TIMEOUT_MS;
  }

  /** Hands a record to the client, which copies it; false if its queue is full. */
  private produce({ topic, partition, key, value }: Outgoing): boolean {
    try {
      this.producer.produce(topic, partition, value === null ? null : asBuffer(value), key);
      return true;
    } catch (error) {
      if ((error as ClientError).code === QUEUE_FULL) return false;
      throw error;
    }
  }

  /** Waits for the brokers to take what is queued, and tries again. */
  private async produceWhenThereIsRoom(record: Outgoing): Promise<void> {
    const began = performance.now();
    do {
      if (performance.now() - began > this.timeoutMs) throw failed('handing records to the brokers', undefined);
      await pause();
      this.producer.poll();
    } while (!this.produce(record));
  }

  private async renew(): Promise<void> {
    await disconnect(this.producer);
    this.producer = await connectProducer(this.library, this.options);
    this.isInDoubt = false;
  }

  /** Leaves the writer able to begin again where that is possible; says what the caller can do. */
  private async givenUp(error: unknown): Promise<FlowgridError> {
    const { code, isFatal, isTxnRequiresAbort } = error as ClientError;
    if (isFatal === true && FENCED.includes(code)) {
      this.isFenced = true;
      return fencedOff(error);
    }
    const isAborted = isTxnRequiresAbort === true && (await this.abort());
    this.isInDoubt = !isAborted;
    return failed(isAborted ? 'a transaction' : 'an append, its outcome is unknown,', error);
  }

  private abort(): Promise<boolean> {
    const { producer, timeoutMs } = this;
    return answered<void>((done) => producer.abortTransaction(timeoutMs, done)).then(
      () => true,
      () => false,
    );
  }
}

function fencedOff(cause?: unknown): FlowgridError {
  return new FlowgridError('log-locked', 'Kafka event log: another writer of this grid has taken over', {
    remedy: 'step down: nothing of what was just tried will be accepted',
    cause,
  });
}
