import type { Head, Orphan, StoredCommit } from '../../domain/seams/event-log';
import { EMPTY_HEAD } from '../../domain/seams/event-log';
import { isFlowgridError } from '../../domain/base/errors';
import { sha256 } from '../codec/hash';
import { decodePlace, type CommitPlace } from '../codec/records';

/** What the rule said about one record. */
export type Verdict =
  | { readonly accepted: true; readonly commit: StoredCommit; readonly head: Head }
  | { readonly accepted: false; readonly reason: Orphan['reason'] };

/** A record as the rule sees it, made before it is known what the record is to extend. */
export interface Examined {
  readonly bytes: Uint8Array;
  /** Undefined for a record that is no commit. */
  readonly place: CommitPlace | undefined;
  readonly hash: string;
}

/**
 * What of a record does not depend on the head: most of the work of judging it, which may be done while the disk is busy.
 *
 * @throws FlowgridError `unsupported` for a record of a later release: ignoring it would fork the history.
 */
export function examine(bytes: Uint8Array): Examined {
  return { bytes, place: placeOf(bytes), hash: sha256(bytes) };
}

/**
 * The acceptance rule, in its one place: a record extends `head` if and only if it is a commit with
 * `seq = head.seq + 1`, `prev = SHA-256(stored bytes of the head)` and `epoch ≥ head.epoch`. Every adapter decides by
 * it, on reading, so that no broker's compare-and-set has to be believed. `reason` is the first condition that failed,
 * in the order undecodable, seq, prev, epoch.
 */
export function judge(head: Head, { bytes, place, hash }: Examined): Verdict {
  if (place === undefined) return { accepted: false, reason: 'undecodable' };
  const { seq, prev, epoch, at } = place;
  if (seq !== head.seq + 1) return { accepted: false, reason: 'seq' };
  if (prev !== head.hash) return { accepted: false, reason: 'prev' };
  if (epoch < head.epoch) return { accepted: false, reason: 'epoch' };
  return { accepted: true, commit: { seq, hash, bytes }, head: { seq, hash, epoch, at } };
}

/** Raw records folded into accepted commits and orphans. */
export interface Folded {
  readonly head: Head;
  readonly accepted: readonly StoredCommit[];
  readonly orphans: readonly Orphan[];
}

/** Folds raw records, in the order in which they are stored; `position` names a record for display. */
export function fold(
  records: Iterable<{ readonly position: string; readonly bytes: Uint8Array }>,
  from: Head = EMPTY_HEAD,
): Folded {
  const accepted: StoredCommit[] = [];
  const orphans: Orphan[] = [];
  let head = from;
  for (const { position, bytes } of records) {
    const verdict = judge(head, examine(bytes));
    if (verdict.accepted) {
      head = verdict.head;
      accepted.push(verdict.commit);
    } else {
      orphans.push({ position, reason: verdict.reason, bytes });
    }
  }
  return { head, accepted, orphans };
}

function placeOf(bytes: Uint8Array): CommitPlace | undefined {
  try {
    return decodePlace(bytes);
  } catch (error) {
    if (isFlowgridError(error, 'invalid-record')) return undefined;
    throw error;
  }
}
