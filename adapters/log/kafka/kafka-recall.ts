import type { ChainId, Seq } from '../../../domain/base/ids';
import type { ChainHead, FlowBatchRecord, Orphan, StoredCommit, StoredSnapshot } from '../../../domain/seams/event-log';
import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import { sha256 } from '../../codec/hash';
import { pause, type Library } from './client';
import { decodeBatch, decodeSnapshotValue, type ChainRun, type KafkaFold } from './kafka-fold';
import { KafkaHistory } from './kafka-history';
import { topicsOf, type KafkaLogOptions } from './settings';

/** Records that are read again at a time, at most. */
const PAGE_RECORDS = 1_024;

/** What a grid's topics hold: the newest from memory, what is older from the brokers again. */
export class KafkaRecall {
  private readonly topology: KafkaHistory;
  private readonly flows: KafkaHistory;
  private readonly snapshots: KafkaHistory;

  constructor(
    library: Library,
    private readonly fold: KafkaFold,
    options: KafkaLogOptions,
  ) {
    const topics = topicsOf(options.grid);
    this.topology = new KafkaHistory(library, topics.topology, options);
    this.flows = new KafkaHistory(library, topics.flows, options);
    this.snapshots = new KafkaHistory(library, topics.snapshots, options);
  }

  /**
   * Accepted commits from `from` on, at most `limit`, up to the head of when it is asked.
   *
   * @throws FlowgridError `log-failed` (`canRetry`) while brokers do not answer, `invalid-record` when they have lost one.
   */
  async commits(from: Seq, limit: number): Promise<StoredCommit[]> {
    const found: StoredCommit[] = [];
    const last = Math.min(this.fold.head.seq, from + limit - 1);
    for (let next = Math.max(1, from); next <= last; next = from + found.length) {
      for (const commit of await this.commitPage(next, last - next + 1)) found.push(commit);
    }
    return found;
  }

  /** As `commits`, but fewer when these are many or large; at once when the first of them is in memory. */
  commitPage(from: Seq, limit: number): StoredCommit[] | Promise<StoredCommit[]> {
    const { recentCommits } = this.fold;
    return from >= recentCommits.first ? recentCommits.from(from, limit) : this.olderCommits(from, limit);
  }

  /** As `commitPage`, but it waits while brokers are gone. */
  patientCommitPage(from: Seq, limit: number): StoredCommit[] | Promise<StoredCommit[]> {
    const page = this.commitPage(from, limit);
    return Array.isArray(page) ? page : this.persist(page, () => this.olderCommits(from, limit));
  }

  /** Batches of a chain from `from` on, at most `limit`, in order; those that retention has let go of are not there. */
  async batches(chain: ChainId, from: number, limit: number): Promise<FlowBatchRecord[]> {
    const found: FlowBatchRecord[] = [];
    const folded = this.fold.chains.get(chain);
    if (folded === undefined) return found;
    const { number: last } = folded.head;
    for (let next = from; found.length < limit;) {
      // Retention may let go of more while this waits.
      next = Math.max(next, folded.head.oldest);
      if (next > last) break;
      const { first } = folded.recent;
      if (next >= first) {
        for (const batch of folded.recent.from(next, Math.min(limit - found.length, last - next + 1)))
          found.push(batch);
        break;
      }
      const run = folded.runs.findLast((candidate) => candidate.first <= next);
      if (run === undefined) break;
      const page = await this.olderBatches(run, next, Math.min(limit - found.length, first - next));
      for (const batch of page) if (batch !== undefined) found.push(batch);
      next += page.length;
    }
    return found;
  }

  async orphans(): Promise<Orphan[]> {
    const { offsets, reasons } = this.fold.orphans;
    const found: Orphan[] = [];
    for (const { length } = offsets; found.length < length;) {
      const places = offsets.slice(found.length, Math.min(PAGE_RECORDS, length - found.length));
      const values = await this.topology.read(0, places);
      values.forEach((bytes = new Uint8Array(), i) =>
        found.push({ position: String(places[i]), reason: reasons[found.length]!, bytes }),
      );
    }
    return found;
  }

  /** The newest snapshot at or before a seq, unless the brokers have let go of it meanwhile. */
  async snapshot(atOrBefore: Seq): Promise<StoredSnapshot | undefined> {
    const { snapshots, newestSnapshot } = this.fold;
    const seq = Math.max(0, ...[...snapshots.keys()].filter((known) => known <= atOrBefore));
    if (newestSnapshot?.seq === seq) return newestSnapshot;
    const offset = snapshots.get(seq);
    if (offset === undefined) return undefined;
    const [value] = await this.snapshots.read(0, [offset]);
    return value === undefined ? undefined : decodeSnapshotValue(seq, value);
  }

  /** Everything that was accepted up to a head, page by page. */
  async *allCommits(head: Seq): AsyncGenerator<StoredCommit> {
    for (let next = 1; next <= head;) {
      const page = await this.commitPage(next, Math.min(PAGE_RECORDS, head - next + 1));
      yield* page;
      next += page.length;
    }
  }

  /** Every batch that a chain held when it had a head, page by page. */
  async *allBatches({ chain, number: last, oldest }: ChainHead): AsyncGenerator<FlowBatchRecord> {
    for (let next = oldest; next <= last;) {
      const page = await this.batches(chain, next, Math.min(PAGE_RECORDS, last - next + 1));
      if (page.length === 0) return;
      yield* page;
      next = page.at(-1)!.number + 1;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.topology.close(), this.flows.close(), this.snapshots.close()]);
  }

  private async olderCommits(from: Seq, limit: number): Promise<StoredCommit[]> {
    const count = Math.min(limit, PAGE_RECORDS, this.fold.recentCommits.first - from);
    const values = await this.topology.read(0, this.fold.commitOffsets.slice(from - 1, count));
    return values.map((bytes, i) => {
      if (bytes === undefined) throw lost(from + i);
      return { seq: from + i, hash: sha256(bytes), bytes };
    });
  }

  private async olderBatches(run: ChainRun, from: number, limit: number): Promise<(FlowBatchRecord | undefined)[]> {
    const index = from - run.first;
    const count = Math.min(limit, PAGE_RECORDS, run.offsets.length - index);
    const values = await this.flows.read(run.partition, run.offsets.slice(index, count));
    return values.map((value) => (value === undefined ? undefined : decodeBatch(value)));
  }

  private async persist<Page>(first: Promise<Page>, again: () => Promise<Page>): Promise<Page> {
    for (let attempt = first; ; attempt = again()) {
      try {
        return await attempt;
      } catch (error) {
        if (!isFlowgridError(error) || !error.canRetry) throw error;
        await pause();
      }
    }
  }
}

function lost(seq: Seq): FlowgridError {
  return new FlowgridError(
    'invalid-record',
    `Kafka event log: commit ${seq}, which was accepted, is not there any more`,
    {
      remedy: 'find out who deletes records of the topology topic; restore it from a copy (flowgrid log migrate)',
    },
  );
}
