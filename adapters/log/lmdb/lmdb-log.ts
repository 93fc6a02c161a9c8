import { mkdirSync, statSync } from 'node:fs';
import type { ChainId, Seq } from '../../../domain/base/ids';
import type {
  AppendResult,
  ChainHead,
  FlowBatchRecord,
  Head,
  Orphan,
  StoredCommit,
  StoredSnapshot,
} from '../../../domain/seams/event-log';
import { FlowgridError } from '../../../domain/base/errors';
import { unpack } from '../../codec/pack';
import type { AuditableLog, RawLog } from '../auditable';
import { Tails } from '../tails';
import {
  checkpointKey,
  decodeChainHead,
  decodeSnapshot,
  decodeStoredBatch,
  decodeStoredCommit,
  openEnvironment,
  storedHead,
  type Environment,
} from './environment';
import { readCommits } from './commit-reader';
import { LmdbWriter } from './lmdb-writer';
import { takeWriterLock, type RequestHandler, type WriterLock } from './writer-lock';

export interface LmdbLogOptions {
  /** The grid's data directory; made when a writer finds none. */
  readonly dir: string;
  /** One program at a time is the writer; any number may read meanwhile. */
  readonly mode: 'writer' | 'reader';
  /** Answers `requestWriter` of other programs, from before the log is open until it is closed. Writers only. */
  readonly onRequest?: RequestHandler;
  /** How often a reader that is tailing looks for new commits, in milliseconds; default 50. */
  readonly refreshMs?: number;
}

/** The event log on LMDB. */
export interface LmdbLog extends AuditableLog {
  readonly kind: 'lmdb';
  readonly mode: 'writer' | 'reader';
}

const REFRESH_MS = 50;

/**
 * Opens the log of a data directory.
 *
 * @throws FlowgridError `log-locked` while another program writes there, `not-found` when a reader finds no log,
 *   `log-failed` when the directory cannot be used.
 */
export async function openLmdbLog(options: LmdbLogOptions): Promise<LmdbLog> {
  if (options.mode === 'reader') return new StoredLog(openEnvironment(options.dir, true), options);
  const { dir } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const lock = await takeWriterLock(dir, options.onRequest);
  let env: Environment | undefined;
  try {
    env = openEnvironment(dir, false);
    return new StoredLog(env, options, lock);
  } catch (error) {
    await env?.root.close();
    await lock.release();
    throw error;
  }
}

class StoredLog implements LmdbLog {
  readonly kind = 'lmdb';
  readonly mode: 'writer' | 'reader';
  private readonly writer: LmdbWriter | undefined;
  private readonly tails = new Tails((from, limit) => this.commits(from, limit));
  private readonly refreshMs: number;
  private refresh: NodeJS.Timeout | undefined;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly env: Environment,
    options: LmdbLogOptions,
    private readonly lock?: WriterLock,
  ) {
    this.mode = options.mode;
    this.refreshMs = options.refreshMs ?? REFRESH_MS;
    if (lock !== undefined) this.writer = new LmdbWriter(env, () => this.tails.advance());
  }

  head(): Head {
    if (this.writer !== undefined) return this.writer.head;
    this.refreshReads();
    return storedHead(this.env);
  }

  async append(records: readonly Uint8Array[]): Promise<AppendResult> {
    return this.writable().append(records);
  }

  async read(from: Seq, limit: number): Promise<StoredCommit[]> {
    this.assertOpen();
    return this.commits(Math.max(1, from), limit);
  }

  tail(from: Seq, listener: (commit: StoredCommit) => void): () => void {
    this.assertOpen();
    const stop = this.tails.add(from, listener);
    if (this.mode === 'reader') this.refresh ??= setInterval(() => this.tails.advance(), this.refreshMs);
    return () => {
      stop();
      if (this.tails.size === 0) this.stopRefreshing();
    };
  }

  async orphans(): Promise<Orphan[]> {
    this.refreshReads();
    const found: Orphan[] = [];
    for (const { key, value } of this.env.orphans.getRange({})) {
      const [reason, bytes] = unpack(value) as [Orphan['reason'], Uint8Array];
      found.push({ position: String(key), reason, bytes });
    }
    return found;
  }

  async appendFlows(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'> {
    return this.writable().appendFlows(batch);
  }

  async readFlows(chain: ChainId, from: number, limit: number): Promise<FlowBatchRecord[]> {
    this.refreshReads();
    return [...this.batches(chain, from, limit)];
  }

  async chains(): Promise<ChainHead[]> {
    this.refreshReads();
    return [...this.chainHeads()];
  }

  async snapshot(atOrBefore: Seq): Promise<StoredSnapshot | undefined> {
    this.refreshReads();
    const newest = this.env.snapshots.getRange({ start: atOrBefore, reverse: true, limit: 1 });
    for (const { key, value } of newest) return decodeSnapshot(key, value);
    return undefined;
  }

  async putSnapshot(snapshot: StoredSnapshot): Promise<void> {
    return this.writable().putSnapshot(snapshot);
  }

  async checkpoint(name: string): Promise<Uint8Array | undefined> {
    this.refreshReads();
    return this.env.meta.get(checkpointKey(name));
  }

  async putCheckpoint(name: string, bytes: Uint8Array): Promise<void> {
    return this.writable().putCheckpoint(name, bytes);
  }

  async trimFlows(chain: ChainId, keepFrom: number): Promise<void> {
    return this.writable().trimFlows(chain, keepFrom);
  }

  async sizeBytes(): Promise<number> {
    this.assertOpen();
    return statSync(this.env.file).size;
  }

  close(): Promise<void> {
    this.closing ??= this.release();
    return this.closing;
  }

  raw(): RawLog {
    this.refreshReads();
    const { topology } = this.env;
    return {
      forgetsChains: false,
      storedHead: () => storedHead(this.env),
      commits: () => topology.getRange({}).map(({ key, value }) => decodeStoredCommit(key, value)),
      chains: () => this.chainHeads(),
      batches: ({ chain }) => this.batches(chain, 0, Number.MAX_SAFE_INTEGER),
    };
  }

  /** Accepted commits, each checked against the hash that it was accepted with. */
  private commits(from: Seq, limit: number): StoredCommit[] {
    const count = Math.min(limit, this.head().seq - from + 1);
    if (count <= 0) return [];
    return readCommits(this.env, from, count);
  }

  private *chainHeads(): Iterable<ChainHead> {
    for (const { key, value } of this.env.chains.getRange({})) yield decodeChainHead(key, value);
  }

  private *batches(chain: ChainId, from: number, limit: number): Iterable<FlowBatchRecord> {
    const end: [string, number] = [chain, Number.MAX_SAFE_INTEGER];
    for (const { key, value } of this.env.flows.getRange({ start: [chain, from], end, limit })) {
      yield decodeStoredBatch(key, value);
    }
  }

  private async release(): Promise<void> {
    this.stopRefreshing();
    this.tails.clear();
    await this.writer?.idle();
    await this.env.root.close();
    await this.lock?.release();
  }

  private stopRefreshing(): void {
    clearInterval(this.refresh);
    this.refresh = undefined;
  }

  /** A reader sees what was durable when it last looked: look again. */
  private refreshReads(): void {
    this.assertOpen();
    this.env.root.resetReadTxn();
  }

  private writable(): LmdbWriter {
    this.assertOpen();
    if (this.writer !== undefined) return this.writer;
    throw new FlowgridError('unsupported', 'this log was opened for reading', {
      remedy: 'send the command to the program that writes (requestWriter)',
    });
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw new FlowgridError('closed', 'this log is closed');
  }
}
