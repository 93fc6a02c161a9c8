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
import { checkTopics } from './check-topics';
import { connectConsumer, loadLibrary, makeTopics, type Library } from './client';
import { checkpointKey, encodeBatch, encodeSnapshotValue } from './kafka-fold';
import { KafkaReader } from './kafka-reader';
import { KafkaRecall } from './kafka-recall';
import { KafkaWriter, type Outgoing } from './kafka-writer';
import { Claim } from './read-back';
import { consumerSettings, type KafkaLogOptions, type Topics } from './settings';

/**
 * The event log on Kafka. Retention trims the flow chains. In memory are the newest records, and where the others stand:
 * those are read again when somebody asks.
 */
export interface KafkaLog extends EventLog {
  readonly kind: 'kafka';
  raw(): RawLog;
  /**
   * Makes this log the grid's writer: the brokers refuse every earlier one from now on, and everything that it had
   * committed has been read when this resolves.
   *
   * @throws FlowgridError `log-failed` (`canRetry`) when the brokers do not answer.
   */
  promote(): Promise<void>;
  /** Writes no more and goes on reading; resolves when nothing is on its way. */
  stepDown(): Promise<void>;
}

/**
 * Opens a grid's log on Kafka: makes its topics where they are missing, makes sure that they are as they must be, reads
 * to the end and goes on reading. A writer is promoted at once.
 *
 * @throws FlowgridError `log-failed` when the brokers do not answer, `unsupported` without the client library, `usage`
 *   for a topic that cannot hold the log.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const library = await loadLibrary();
  const tails: { advance(): void } = { advance: () => undefined };
  const consumer = await connectConsumer(library, consumerSettings(options), options);
  const reader = new KafkaReader(consumer, options, () => tails.advance());
  const log = new LogOnKafka(library, reader, options);
  tails.advance = () => log.advance();
  try {
    await makeTopics(library, options);
    await checkTopics(consumer, options);
    await reader.start();
    if (options.mode === 'writer') await log.promote();
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

class LogOnKafka implements KafkaLog {
  readonly kind = 'kafka';
  private outgoing: Outgoing[] = [];
  private readonly stagedChains = new Map<ChainId, ChainHead>();
  private closing: Promise<void> | undefined;
  private writer: KafkaWriter | undefined;
  private readonly recall: KafkaRecall;
  private readonly tails = new Tails((from, limit) => this.recall.patientCommitPage(from, limit));
  private readonly group = new GroupCommit(
    (write) => this.commit(write),
    () => this.stagedChains.clear(),
  );

  constructor(
    private readonly library: Library,
    private readonly reader: KafkaReader,
    private readonly options: KafkaLogOptions,
  ) {
    this.recall = new KafkaRecall(library, reader.fold, options);
  }

  async promote(): Promise<void> {
    this.assertOpen();
    this.writer ??= await KafkaWriter.connect(this.library, this.options);
    await this.reader.toEnd();
  }

  async stepDown(): Promise<void> {
    const { writer } = this;
    this.writer = undefined;
    await this.group.idle();
    await writer?.close();
  }

  advance(): void {
    this.tails.advance();
  }

  head(): Head {
    return this.reader.fold.head;
  }

  async append(records: readonly Uint8Array[]): Promise<AppendResult> {
    const copies = records.map((bytes) => Buffer.from(bytes));
    const claim = new Claim(copies);
    try {
      await this.add(() => {
        this.reader.claims.add(claim);
        for (const value of copies) this.send(this.reader.topics.topology, 0, 'commit', value);
      });
    } finally {
      this.reader.claims.delete(claim);
    }
    return { accepted: claim.accepted, head: this.head() };
  }

  async read(from: Seq, limit: number): Promise<StoredCommit[]> {
    await this.toEnd('topology');
    return this.recall.commits(Math.max(1, from), limit);
  }

  tail(from: Seq, listener: (commit: StoredCommit) => void): () => void {
    this.assertOpen();
    return this.tails.add(from, listener);
  }

  async orphans(): Promise<Orphan[]> {
    await this.toEnd('topology');
    return this.recall.orphans();
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
    await this.toEnd('flows');
    return this.recall.batches(chain, from, limit);
  }

  async chains(): Promise<ChainHead[]> {
    await this.toEnd('flows');
    return sortedByChain([...this.reader.fold.chains.values()].map(({ head }) => head));
  }

  async snapshot(atOrBefore: Seq): Promise<StoredSnapshot | undefined> {
    await this.toEnd('snapshots');
    return this.recall.snapshot(atOrBefore);
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
    await this.toEnd('snapshots');
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
    const { recall } = this;
    const { head } = this.reader.fold;
    return {
      forgetsChains: true,
      storedHead: () => head,
      commits: () => recall.allCommits(head.seq),
      chains: () => this.chains(),
      batches: (chain) => recall.allBatches(chain),
    };
  }

  private async add<Result>(stage: () => Result): Promise<Result> {
    this.assertOpen();
    if (this.writer === undefined) throw readOnly();
    return this.group.add({ stage });
  }

  private send(topic: string, partition: number, key: string, value: Uint8Array | null): void {
    this.outgoing.push({ topic, partition, key, value });
  }

  /** One transaction: it counts once it has been read back. */
  private async commit(write: () => void): Promise<void> {
    write();
    const records = this.outgoing.splice(0);
    if (records.length === 0) return;
    const { writer } = this;
    if (writer === undefined) throw readOnly();
    const expected = this.reader.expect(records);
    try {
      await writer.send(records);
      await expected.taken();
    } finally {
      expected.forget();
    }
  }

  private async toEnd(of?: keyof Topics): Promise<void> {
    this.assertOpen();
    await this.reader.toEnd(of);
  }

  private async release(): Promise<void> {
    this.tails.clear();
    await this.group.idle();
    await Promise.all([this.reader.close(), this.recall.close(), this.writer?.close()]);
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw new FlowgridError('closed', 'this log is closed');
  }
}

function readOnly(): FlowgridError {
  return new FlowgridError('unsupported', 'this log is open for reading: another process leads', {
    remedy: 'send the command to the leader',
    canRetry: true,
  });
}
