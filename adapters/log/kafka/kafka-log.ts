import type { Producer } from 'node-rdkafka';
import type { ChainId, Seq } from '../../../domain/base/ids';
import type {
  AppendResult,
  ChainHead,
  EventLog,
  FlowBatchRecord,
  Head,
  Orphan,
  StoredCommit,
  StoredSnapshot,
} from '../../../domain/seams/event-log';
import { hashString } from '../../../domain/base/hash';
import { FlowgridError } from '../../../domain/base/errors';
import { sha256 } from '../../codec/hash';
import { staleSnapshots, type RawLog } from '../auditable';
import { emptyChain, judgeBatch, sortedByChain } from '../flow-chain';
import { GroupCommit } from '../group-commit';
import { Tails } from '../tails';
import { answered, connectConsumer, connectProducer, disconnect, failed, loadLibrary, makeTopics } from './client';
import { checkpointKey, encodeBatch, encodeSnapshotValue } from './kafka-fold';
import { KafkaReader } from './kafka-reader';
import { TIMEOUT_MS, type KafkaLogOptions } from './settings';

/** The event log on Kafka. Retention trims the flow chains; accepted commits are held in memory. */
export interface KafkaLog extends EventLog {
  readonly kind: 'kafka';
  raw(): RawLog;
}

interface Outgoing {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly value: Uint8Array | null;
}

/**
 * Opens a grid's log on Kafka: makes its topics where they are missing, as a writer fences every earlier writer, and
 * reads to the end.
 *
 * @throws FlowgridError `log-failed` when the brokers do not answer, `unsupported` without the client library.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const library = await loadLibrary();
  await makeTopics(library, options);
  const producer = options.mode === 'writer' ? await connectProducer(library, options) : undefined;
  const tails: { advance(): void } = { advance: () => undefined };
  const reader = new KafkaReader(await connectConsumer(library, options), options, () => tails.advance());
  try {
    await reader.start();
  } catch (error) {
    await Promise.all([reader.close(), producer && disconnect(producer)]);
    throw error;
  }
  const log = new LogOnKafka(reader, producer, options.timeoutMs ?? TIMEOUT_MS);
  tails.advance = () => log.advance();
  return log;
}

/** Looks at the log's end before an append counts as not read back; each asks the broker. */
const READ_BACK_LOOKS = 1_000;

class LogOnKafka implements KafkaLog {
  readonly kind = 'kafka';
  private outgoing: Outgoing[] = [];
  private readonly stagedChains = new Map<ChainId, ChainHead>();
  private closing: Promise<void> | undefined;
  /** The brokers, or the library, refuse this producer for good: another writer leads. */
  private fenced = false;
  private readonly tails = new Tails((from, limit) => this.reader.fold.accepted.slice(from - 1, from - 1 + limit));
  private readonly group = new GroupCommit(
    (write) => this.commit(write),
    () => this.stagedChains.clear(),
  );

  constructor(
    private readonly reader: KafkaReader,
    private readonly producer: Producer | undefined,
    private readonly timeoutMs: number,
  ) {}

  advance(): void {
    this.tails.advance();
  }

  head(): Head {
    return this.reader.fold.head;
  }

  async append(records: readonly Uint8Array[]): Promise<AppendResult> {
    const copies = records.map((bytes) => new Uint8Array(bytes));
    const before = await this.add(() => {
      for (const value of copies) this.send(this.reader.topics.topology, 0, 'commit', value);
      return this.head().seq;
    });
    const mine = new Set(copies.map(sha256));
    await this.readBack(mine);
    const since = this.reader.fold.accepted.slice(before);
    return { accepted: since.filter(({ hash }) => mine.has(hash)).map(({ seq }) => seq), head: this.head() };
  }

  /**
   * A committed transaction becomes visible a moment after the broker has acknowledged it: looks again until every one
   * of these records has been judged.
   */
  private async readBack(hashes: ReadonlySet<string>): Promise<void> {
    const { fold } = this.reader;
    const isJudged = (hash: string): boolean =>
      fold.accepted.findLast((commit) => commit.hash === hash) !== undefined ||
      fold.orphans.some(({ bytes }) => sha256(bytes) === hash);
    for (let look = 0; look < READ_BACK_LOOKS && ![...hashes].every(isJudged); look++) await this.reader.toEnd();
  }

  async read(from: Seq, limit: number): Promise<StoredCommit[]> {
    await this.toEnd();
    const first = Math.max(1, from) - 1;
    return this.reader.fold.accepted.slice(first, first + limit);
  }

  tail(from: Seq, listener: (commit: StoredCommit) => void): () => void {
    this.assertOpen();
    return this.tails.add(from, listener);
  }

  async orphans(): Promise<Orphan[]> {
    await this.toEnd();
    return [...this.reader.fold.orphans];
  }

  async appendFlows(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'> {
    const value = encodeBatch(batch);
    const hash = sha256(batch.bytes);
    return this.add(() => {
      const { chain, number } = batch;
      const known = this.stagedChains.get(chain) ?? this.reader.fold.chains.get(chain)?.head ?? emptyChain(chain);
      const verdict = judgeBatch(known, batch);
      if (verdict !== 'append') return verdict;
      this.stagedChains.set(chain, { ...known, number, hash });
      this.send(this.reader.topics.flows, hashString(chain) % this.reader.flowPartitions, chain, value);
      return 'appended';
    });
  }

  async readFlows(chain: ChainId, from: number, limit: number): Promise<FlowBatchRecord[]> {
    await this.toEnd();
    const batches = this.reader.fold.chains.get(chain)?.batches ?? [];
    return batches.filter((batch) => batch.number >= from).slice(0, limit);
  }

  async chains(): Promise<ChainHead[]> {
    await this.toEnd();
    return [...this.raw().chains()];
  }

  async snapshot(atOrBefore: Seq): Promise<StoredSnapshot | undefined> {
    await this.toEnd();
    const { snapshots } = this.reader.fold;
    return snapshots.get(Math.max(0, ...[...snapshots.keys()].filter((seq) => seq <= atOrBefore)));
  }

  async putSnapshot(snapshot: StoredSnapshot): Promise<void> {
    const value = encodeSnapshotValue(snapshot);
    await this.add(() => {
      const { snapshots: topic } = this.reader.topics;
      this.send(topic, 0, String(snapshot.seq), value);
      const seqs = new Set([...this.reader.fold.snapshots.keys(), snapshot.seq]);
      for (const seq of staleSnapshots([...seqs])) this.send(topic, 0, String(seq), null);
    });
  }

  async checkpoint(name: string): Promise<Uint8Array | undefined> {
    await this.toEnd();
    return this.reader.fold.checkpoints.get(name);
  }

  async putCheckpoint(name: string, bytes: Uint8Array): Promise<void> {
    const value = new Uint8Array(bytes);
    await this.add(() => this.send(this.reader.topics.snapshots, 0, checkpointKey(name), value));
  }

  async sizeBytes(): Promise<number> {
    await this.toEnd();
    return this.reader.fold.bytes;
  }

  close(): Promise<void> {
    this.closing ??= this.release();
    return this.closing;
  }

  raw(): RawLog {
    const { fold } = this.reader;
    return {
      forgetsChains: true,
      storedHead: () => fold.head,
      commits: () => fold.accepted,
      chains: () => sortedByChain([...fold.chains.values()].map((chain) => chain.head)),
      batches: (chain) => fold.chains.get(chain)?.batches ?? [],
    };
  }

  private async add<Result>(stage: () => Result): Promise<Result> {
    this.assertOpen();
    if (this.producer === undefined) throw new FlowgridError('unsupported', 'this log was opened for reading');
    return this.group.add({ stage });
  }

  private send(topic: string, partition: number, key: string, value: Uint8Array | null): void {
    this.outgoing.push({ topic, partition, key, value });
  }

  /** One transaction: it counts once it has been read back. */
  private async commit(write: () => void): Promise<void> {
    write();
    const messages = this.outgoing.splice(0);
    if (messages.length === 0) return;
    if (this.fenced) throw fencedOff();
    const producer = this.producer as Producer;
    try {
      await answered<void>((done) => producer.beginTransaction(done));
      for (const { topic, partition, key, value } of messages) {
        producer.produce(topic, partition, value && Buffer.from(value), key);
      }
      await answered<void>((done) => producer.commitTransaction(this.timeoutMs, done));
    } catch (error) {
      throw await this.givenUp(error);
    }
    await this.reader.toEnd();
  }

  /** Leaves the producer able to begin again where that is possible; says what the caller can do. */
  private async givenUp(error: unknown): Promise<FlowgridError> {
    const { isFatal, isTxnRequiresAbort } = error as { isFatal?: boolean; isTxnRequiresAbort?: boolean };
    if (isFatal === true) {
      this.fenced = true;
      return fencedOff(error);
    }
    const abort = answered<void>((done) => (this.producer as Producer).abortTransaction(this.timeoutMs, done));
    const aborted = await abort.then(
      () => true,
      (cause: { isFatal?: boolean }) => cause.isFatal !== true,
    );
    this.fenced = !aborted;
    return failed(isTxnRequiresAbort === true ? 'a transaction' : 'an append, its outcome is unknown,', error);
  }

  private async toEnd(): Promise<void> {
    this.assertOpen();
    await this.reader.toEnd();
  }

  private async release(): Promise<void> {
    this.tails.clear();
    await this.group.idle();
    await Promise.all([this.reader.close(), this.producer && disconnect(this.producer)]);
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw new FlowgridError('closed', 'this log is closed');
  }
}

function fencedOff(cause?: unknown): FlowgridError {
  return new FlowgridError('log-locked', 'Kafka event log: another writer of this grid has taken over', {
    remedy: 'step down: nothing of what was just tried will be accepted',
    cause,
  });
}
