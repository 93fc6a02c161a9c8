import type { ChainId, Seq } from '../../../domain/base/ids';
import type {
  ChainHead,
  FlowBatchRecord,
  Head,
  Orphan,
  StoredCommit,
  StoredSnapshot,
} from '../../../domain/seams/event-log';
import { EMPTY_HEAD } from '../../../domain/seams/event-log';
import { isFlowgridError } from '../../../domain/base/errors';
import { sha256 } from '../../codec/hash';
import { pack, unpack } from '../../codec/pack';
import { examine, judge } from '../acceptance';
import { emptyChain, judgeBatch } from '../flow-chain';

/**
 * What a grid's topics come to, record by record in the order of their offsets. Offsets are for display: what counts is
 * decided here, by the same rules as everywhere.
 */
export class KafkaFold {
  head: Head = EMPTY_HEAD;
  bytes = 0;
  readonly accepted: StoredCommit[] = [];
  readonly orphans: Orphan[] = [];
  readonly chains = new Map<ChainId, { head: ChainHead; readonly batches: FlowBatchRecord[] }>();
  readonly snapshots = new Map<Seq, StoredSnapshot>();
  readonly checkpoints = new Map<string, Uint8Array>();

  takeCommit(bytes: Uint8Array, offset: number): void {
    this.bytes += bytes.length;
    const verdict = judge(this.head, examine(bytes));
    if (!verdict.accepted) {
      this.orphans.push({ position: String(offset), reason: verdict.reason, bytes });
      return;
    }
    this.head = verdict.head;
    this.accepted.push(verdict.commit);
  }

  /** Repeats and forks that another writer's retry left behind are passed over: the first of a number counts. */
  takeBatch(value: Uint8Array): void {
    this.bytes += value.length;
    const batch = decodeBatch(value);
    if (batch === undefined) return;
    const known = this.chains.get(batch.chain);
    // The oldest that retention left is where the chain begins now.
    const begin = { ...emptyChain(batch.chain), number: batch.number - 1, hash: batch.prev, oldest: batch.number };
    const chain = known ?? { head: begin, batches: [] };
    if (!extendsChain(chain.head, batch)) return;
    chain.head = { ...chain.head, number: batch.number, hash: sha256(batch.bytes) };
    chain.batches.push(batch);
    this.chains.set(batch.chain, chain);
  }

  /** A checkpoint or a snapshot, or with no value the end of a snapshot. */
  takeSnapshot(key: string, value: Uint8Array | null): void {
    const name = checkpointName(key);
    if (name !== undefined) {
      if (value !== null) this.checkpoints.set(name, value);
      return;
    }
    const seq = Number(key);
    if (value === null) {
      this.snapshots.delete(seq);
      return;
    }
    this.bytes += value.length;
    const [commitHash, foldVersion, bytes] = unpack(value) as [string, number, Uint8Array];
    this.snapshots.set(seq, { seq, commitHash, foldVersion, bytes });
  }
}

/** The key of a checkpoint in the topic of snapshots, whose keys are numbers. */
export function checkpointKey(name: string): string {
  return `checkpoint/${name}`;
}

function checkpointName(key: string): string | undefined {
  const prefix = checkpointKey('');
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

export function encodeBatch(batch: FlowBatchRecord): Uint8Array {
  return pack([batch.chain, batch.number, batch.prev, batch.bytes]);
}

export function encodeSnapshotValue(snapshot: StoredSnapshot): Uint8Array {
  return pack([snapshot.commitHash, snapshot.foldVersion, snapshot.bytes]);
}

/** A stranger's record in the topic is no batch. */
function decodeBatch(value: Uint8Array): FlowBatchRecord | undefined {
  try {
    const [chain, number, prev, bytes] = unpack(value) as [string, number, string, Uint8Array];
    return ArrayBuffer.isView(bytes) ? { chain, number, prev, bytes } : undefined;
  } catch {
    return undefined;
  }
}

function extendsChain(head: ChainHead, batch: FlowBatchRecord): boolean {
  try {
    return judgeBatch(head, batch) === 'append';
  } catch (error) {
    if (isFlowgridError(error, 'invalid-record')) return false;
    throw error;
  }
}
