import type { ChainId, Seq } from '../../domain/base/ids';
import type {
  AppendResult,
  ChainHead,
  FlowBatchRecord,
  Head,
  Orphan,
  StoredCommit,
  StoredSnapshot,
} from '../../domain/seams/event-log';
import { EMPTY_HEAD } from '../../domain/seams/event-log';
import { FlowgridError } from '../../domain/base/errors';
import { sha256 } from '../codec/hash';
import { examine, judge } from './acceptance';
import { staleSnapshots, type AuditableLog, type RawLog } from './auditable';
import { emptyChain, judgeBatch, sortedByChain, trimmedTo } from './flow-chain';
import { applyFault, drawFault, outcomeUnknown, type MemoryFaults } from './memory-faults';
import { Tails } from './tails';

/**
 * What outlives a memory log: open another log over the same store to restart a program, or two at a time to have two
 * leaders that do not know of each other.
 */
export interface MemoryStore {
  /** Every record ever written to `topology`, accepted or not. */
  readonly records: Uint8Array[];
  /** Records of an unknown outcome that have not arrived yet. */
  readonly late: Uint8Array[];
  readonly chains: Map<ChainId, { head: ChainHead; readonly batches: FlowBatchRecord[] }>;
  readonly snapshots: Map<Seq, StoredSnapshot>;
  readonly checkpoints: Map<string, Uint8Array>;
  /** The open logs, told of every change. */
  readonly readers: Set<() => void>;
}

/** An empty store. */
export function createMemoryStore(): MemoryStore {
  return {
    records: [],
    late: [],
    chains: new Map(),
    snapshots: new Map(),
    checkpoints: new Map(),
    readers: new Set(),
  };
}

export interface MemoryLogOptions {
  /** Default: a new store. */
  readonly store?: MemoryStore;
  /** Faults to begin with; default none. */
  readonly faults?: MemoryFaults;
}

/** The event log in memory; `faults` can be switched at any time, `undefined` for none. */
export interface MemoryLog extends AuditableLog {
  readonly kind: 'memory';
  faults: MemoryFaults | undefined;
}

/** Opens a log in memory. It keeps every guarantee of the seam but durability, and with faults on only the weakest. */
export function createMemoryLog(options: MemoryLogOptions = {}): MemoryLog {
  return new InMemoryLog(options.store ?? createMemoryStore(), options.faults);
}

class InMemoryLog implements MemoryLog {
  readonly kind = 'memory';
  private closed = false;
  private folded = 0;
  private current: Head = EMPTY_HEAD;
  private readonly accepted: StoredCommit[] = [];
  private readonly refused: Orphan[] = [];
  private readonly tails = new Tails((from, limit) => this.accepted.slice(from - 1, from - 1 + limit));
  private readonly onChange = (): void => {
    this.catchUp();
    this.tails.advance();
  };

  constructor(
    private readonly store: MemoryStore,
    public faults: MemoryFaults | undefined,
  ) {
    store.readers.add(this.onChange);
    this.catchUp();
  }

  head(): Head {
    return this.current;
  }

  async append(records: readonly Uint8Array[]): Promise<AppendResult> {
    this.assertOpen();
    const copies = records.map((bytes) => new Uint8Array(bytes));
    // Never inside the caller's turn: no listener runs before `append` has returned, as with a real log.
    await Promise.resolve();
    this.store.records.push(...this.store.late.splice(0));
    const fault = this.faults === undefined ? undefined : drawFault(this.faults);
    if (fault === undefined) this.store.records.push(...copies);
    else applyFault(fault, this.store, copies);
    const before = this.accepted.length;
    this.catchUp();
    const mine = new Set<Uint8Array>(copies);
    const accepted = this.accepted.slice(before).filter((commit) => mine.has(commit.bytes));
    const result = { accepted: accepted.map((commit) => commit.seq), head: this.current };
    for (const changed of [...this.store.readers]) changed();
    if (fault !== undefined) throw outcomeUnknown(fault);
    return result;
  }

  async read(from: Seq, limit: number): Promise<StoredCommit[]> {
    this.assertOpen();
    this.catchUp();
    const first = Math.max(1, from) - 1;
    return this.accepted.slice(first, first + limit);
  }

  tail(from: Seq, listener: (commit: StoredCommit) => void): () => void {
    this.assertOpen();
    return this.tails.add(from, listener);
  }

  async orphans(): Promise<Orphan[]> {
    this.assertOpen();
    this.catchUp();
    return this.refused.slice();
  }

  async appendFlows(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'> {
    this.assertOpen();
    await Promise.resolve();
    const chain = this.store.chains.get(batch.chain) ?? { head: emptyChain(batch.chain), batches: [] };
    const verdict = judgeBatch(chain.head, batch);
    if (verdict !== 'append') return verdict;
    const fault = this.faults === undefined ? undefined : drawFault(this.faults);
    if (fault === undefined || fault === 'unanswered') {
      chain.batches.push({ ...batch, bytes: new Uint8Array(batch.bytes) });
      chain.head = { ...chain.head, number: batch.number, hash: sha256(batch.bytes) };
      this.store.chains.set(batch.chain, chain);
    }
    if (fault !== undefined) throw outcomeUnknown(fault);
    return 'appended';
  }

  async readFlows(chain: ChainId, from: number, limit: number): Promise<FlowBatchRecord[]> {
    this.assertOpen();
    const batches = this.store.chains.get(chain)?.batches ?? [];
    return batches.filter((batch) => batch.number >= from).slice(0, limit);
  }

  async chains(): Promise<ChainHead[]> {
    this.assertOpen();
    return this.heads();
  }

  async snapshot(atOrBefore: Seq): Promise<StoredSnapshot | undefined> {
    this.assertOpen();
    const seqs = [...this.store.snapshots.keys()].filter((seq) => seq <= atOrBefore);
    return this.store.snapshots.get(Math.max(0, ...seqs));
  }

  async putSnapshot(snapshot: StoredSnapshot): Promise<void> {
    this.assertOpen();
    this.store.snapshots.set(snapshot.seq, { ...snapshot, bytes: new Uint8Array(snapshot.bytes) });
    for (const seq of staleSnapshots([...this.store.snapshots.keys()])) this.store.snapshots.delete(seq);
  }

  async checkpoint(name: string): Promise<Uint8Array | undefined> {
    this.assertOpen();
    return this.store.checkpoints.get(name);
  }

  async putCheckpoint(name: string, bytes: Uint8Array): Promise<void> {
    this.assertOpen();
    this.store.checkpoints.set(name, new Uint8Array(bytes));
  }

  async trimFlows(chain: ChainId, keepFrom: number): Promise<void> {
    this.assertOpen();
    const stored = this.store.chains.get(chain);
    if (stored === undefined) return;
    const oldest = trimmedTo(stored.head, keepFrom);
    const kept = stored.batches.filter((batch) => batch.number >= oldest);
    stored.batches.splice(0, stored.batches.length, ...kept);
    stored.head = { ...stored.head, oldest };
  }

  async sizeBytes(): Promise<number> {
    this.assertOpen();
    let size = 0;
    for (const bytes of this.store.records) size += bytes.length;
    for (const { batches } of this.store.chains.values()) for (const { bytes } of batches) size += bytes.length;
    for (const { bytes } of this.store.snapshots.values()) size += bytes.length;
    for (const bytes of this.store.checkpoints.values()) size += bytes.length;
    return size;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.tails.clear();
    this.store.readers.delete(this.onChange);
  }

  raw(): RawLog {
    const { chains } = this.store;
    return {
      forgetsChains: false,
      storedHead: () => this.current,
      commits: () => this.accepted,
      chains: () => this.heads(),
      batches: ({ chain }) => chains.get(chain)?.batches ?? [],
    };
  }

  private heads(): ChainHead[] {
    return sortedByChain([...this.store.chains.values()].map((chain) => chain.head));
  }

  /** Folds what was written since, by any log over this store. */
  private catchUp(): void {
    const { records } = this.store;
    for (; this.folded < records.length; this.folded++) {
      const bytes = records[this.folded] as Uint8Array;
      const verdict = judge(this.current, examine(bytes));
      if (verdict.accepted) {
        this.current = verdict.head;
        this.accepted.push(verdict.commit);
      } else {
        this.refused.push({ position: String(this.folded), reason: verdict.reason, bytes });
      }
    }
  }

  private assertOpen(): void {
    if (this.closed) throw new FlowgridError('closed', 'this log is closed');
  }
}
