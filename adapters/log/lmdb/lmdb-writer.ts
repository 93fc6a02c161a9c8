import type { ChainId, Seq } from '../../../domain/base/ids';
import type { AppendResult, ChainHead, FlowBatchRecord, Head, StoredSnapshot } from '../../../domain/seams/event-log';
import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import { sha256 } from '../../codec/hash';
import { pack } from '../../codec/pack';
import { examine, judge, type Examined } from '../acceptance';
import { staleSnapshots } from '../auditable';
import { emptyChain, judgeBatch, trimmedTo } from '../flow-chain';
import {
  checkpointKey,
  decodeChainHead,
  encodeChainHead,
  encodeHead,
  encodeSnapshot,
  HASH_BYTES,
  newestCommit,
  storedHead,
  withHash,
  type Environment,
} from './environment';
import { GroupCommit } from '../group-commit';
import { assertHeadIntact } from './intact';

/** Key of the fencing entry in `meta`: its version is the generation of the newest writer. */
const WRITER = 'writer';

/**
 * The writing half of the log. Everything goes through one {@link GroupCommit}; each transaction is conditional on the
 * fencing entry, so that a writer whose lock was taken over cannot write any more, whatever it believes.
 */
export class LmdbWriter {
  private durable: Head;
  /** Head and chains as they will be once the group that is being assembled is durable. */
  private staged: Head;
  private readonly stagedChains = new Map<ChainId, ChainHead>();
  private orphanCount: number;
  private readonly generation: number;
  private readonly group: GroupCommit;
  /** What lmdb promised for the single writes of the present group; they settle with it. */
  private readonly writes = new Set<Promise<unknown>>();

  /**
   * @param onDurable called when new commits are durable, before their appends resolve.
   * @throws FlowgridError `invalid-record` when the log's end is damaged.
   */
  constructor(
    private readonly env: Environment,
    onDurable: () => void,
  ) {
    this.generation = takeOver(env);
    this.durable = storedHead(env);
    assertHeadIntact(this.durable, newestCommit(env));
    this.staged = this.durable;
    this.orphanCount = newestKey(env.orphans);
    this.group = new GroupCommit(
      (write) => this.commit(write),
      (ok) => {
        if (ok) this.durable = this.staged;
        else this.forgetStaged();
        if (ok) onDurable();
      },
    );
  }

  /** The newest durable commit. */
  get head(): Head {
    return this.durable;
  }

  append(records: readonly Uint8Array[]): Promise<AppendResult> {
    // Examined before it waits for the disk: a record that cannot be judged fails this append alone.
    const examined = records.map(examine);
    const values = commitValues(examined);
    return this.group.add({ stage: () => this.stageCommits(examined, values) });
  }

  appendFlows(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'> {
    const copy = { ...batch, bytes: new Uint8Array(batch.bytes) };
    return this.group.add({ stage: () => this.stageBatch(copy) });
  }

  putSnapshot(snapshot: StoredSnapshot): Promise<void> {
    const value = encodeSnapshot(snapshot);
    return this.group.add({
      stage: () => {
        this.track(this.env.snapshots.put(snapshot.seq, value));
        const seqs = [...this.env.snapshots.getKeys({})].filter((seq) => seq !== snapshot.seq);
        for (const seq of staleSnapshots([...seqs, snapshot.seq])) this.track(this.env.snapshots.remove(seq));
      },
    });
  }

  putCheckpoint(name: string, bytes: Uint8Array): Promise<void> {
    const value = new Uint8Array(bytes);
    return this.group.add({ stage: () => this.track(this.env.meta.put(checkpointKey(name), value)) });
  }

  trimFlows(chain: ChainId, keepFrom: number): Promise<void> {
    return this.group.add({
      stage: () => {
        const head = this.chainHead(chain);
        const oldest = trimmedTo(head, keepFrom);
        for (let number = head.oldest; number < oldest; number++) this.track(this.env.flows.remove([chain, number]));
        if (oldest !== head.oldest) this.putChain({ ...head, oldest });
      },
    });
  }

  /** Resolves when everything that was added is settled. */
  idle(): Promise<void> {
    return this.group.idle();
  }

  private stageCommits(examined: readonly Examined[], values: readonly Buffer[]): AppendResult {
    const accepted: Seq[] = [];
    values.forEach((value, i) => {
      const verdict = judge(this.staged, examined[i]!);
      if (verdict.accepted) {
        this.track(this.env.topology.put(verdict.commit.seq, value));
        this.staged = verdict.head;
        accepted.push(verdict.commit.seq);
      } else {
        this.track(this.env.orphans.put(++this.orphanCount, pack([verdict.reason, value.subarray(HASH_BYTES)])));
      }
    });
    return { accepted, head: this.staged };
  }

  private stageBatch(batch: FlowBatchRecord): 'appended' | 'duplicate' | 'gap' {
    const head = this.chainHead(batch.chain);
    const verdict = judgeBatch(head, batch);
    if (verdict !== 'append') return verdict;
    this.track(this.env.flows.put([batch.chain, batch.number], withHash(batch.prev, batch.bytes)));
    this.putChain({ ...head, number: batch.number, hash: sha256(batch.bytes) });
    return 'appended';
  }

  private chainHead(chain: ChainId): ChainHead {
    const staged = this.stagedChains.get(chain);
    if (staged !== undefined) return staged;
    const stored = this.env.chains.get(chain);
    return stored === undefined ? emptyChain(chain) : decodeChainHead(chain, stored);
  }

  private putChain(head: ChainHead): void {
    this.stagedChains.set(head.chain, head);
    this.track(this.env.chains.put(head.chain, encodeChainHead(head)));
  }

  /** One transaction, durable when this resolves: the group's writes and the head, if this program still is the writer. */
  private async commit(write: () => void): Promise<void> {
    const { meta } = this.env;
    try {
      const held = await meta.ifVersion(WRITER, this.generation, () => {
        write();
        if (this.staged !== this.durable) this.track(meta.put('head', encodeHead(this.staged)));
      });
      if (!held) throw fenced();
      await Promise.all(this.writes);
    } catch (error) {
      if (isFlowgridError(error)) throw error;
      const cause = await causeOf(error);
      throw new FlowgridError('log-failed', 'event log: a write to the disk failed; its outcome is unknown', {
        remedy: 'make sure that the disk is well and has room; the same command ids may be sent again',
        canRetry: true,
        cause,
      });
    } finally {
      this.writes.clear();
    }
  }

  /** Keeps a write's promise, so that its failure is the group's and never an unhandled one. */
  private track(write: Promise<unknown>): void {
    if (this.writes.has(write)) return;
    this.writes.add(write);
    write.then(undefined, () => undefined);
  }

  /** A group failed: what is on the disk is the truth. */
  private forgetStaged(): void {
    this.stagedChains.clear();
    this.env.root.resetReadTxn();
    this.durable = storedHead(this.env);
    this.staged = this.durable;
    this.orphanCount = newestKey(this.env.orphans);
  }
}

/**
 * The values that are stored for records: copies with their hashes before them. They share one buffer, because each
 * buffer of its own costs lmdb a call to find its address.
 */
function commitValues(records: readonly Examined[]): Buffer[] {
  const size = records.reduce((sum, { bytes }) => sum + HASH_BYTES + bytes.length, 0);
  const all = Buffer.allocUnsafe(size);
  let at = 0;
  return records.map(({ bytes, hash }) => {
    const value = all.subarray(at, (at += HASH_BYTES + bytes.length));
    value.write(hash, 0, HASH_BYTES, 'hex');
    value.set(bytes, HASH_BYTES);
    return value;
  });
}

/** Raises the generation in the fencing entry, synchronously and durably: earlier writers are fenced from here on. */
function takeOver(env: Environment): number {
  return env.meta.transactionSync(() => {
    const generation = (env.meta.getEntry(WRITER)?.version ?? 0) + 1;
    env.meta.putSync(WRITER, pack({ pid: process.pid }), generation);
    return generation;
  });
}

/** lmdb hands out the system's error as a promise that rejects, which must not stay uncaught either. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> };
  return commitError === undefined ? error : commitError.catch((systemError: unknown) => systemError);
}

function fenced(): FlowgridError {
  return new FlowgridError('log-locked', 'another program has taken over the writing of this log', {
    remedy: 'stop this program: nothing of what it just tried was written',
  });
}

function newestKey(orphans: Environment['orphans']): number {
  for (const key of orphans.getKeys({ reverse: true, limit: 1 })) return key;
  return 0;
}
