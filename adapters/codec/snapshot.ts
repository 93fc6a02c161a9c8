import type { Canonical } from '../../domain/base/canonical';
import type { Head, StoredSnapshot } from '../../domain/seams/event-log';
import { stateHash } from './hash';
import { pack, unpack } from './pack';

/**
 * Snapshots of a fold's state. A snapshot is a cache, never the truth: whoever reads one folds on from it if it fits,
 * and from the beginning if it does not.
 */
const FORMAT = 1;

/** Encodes the state of a fold of version `foldVersion` after the commit `at`. */
export function encodeSnapshot(state: Canonical, at: Pick<Head, 'seq' | 'hash'>, foldVersion: number): StoredSnapshot {
  return { seq: at.seq, commitHash: at.hash, foldVersion, bytes: pack([FORMAT, stateHash(state), state]) };
}

/**
 * The state in a snapshot, or undefined when it must not be used: made by another version of the fold, after another
 * commit than the log has at that seq, or damaged (its state hash differs).
 */
export function decodeSnapshot<State extends Canonical>(
  snapshot: StoredSnapshot,
  expected: { readonly commitHash: string; readonly foldVersion: number },
): State | undefined {
  if (snapshot.foldVersion !== expected.foldVersion || snapshot.commitHash !== expected.commitHash) return undefined;
  try {
    const [format, hash, state] = unpack(snapshot.bytes) as [unknown, unknown, State];
    return format === FORMAT && stateHash(state) === hash ? state : undefined;
  } catch {
    return undefined;
  }
}
