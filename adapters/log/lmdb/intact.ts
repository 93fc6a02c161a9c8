import type { Seq } from '../../../domain/base/ids';
import type { Head, StoredCommit } from '../../../domain/seams/event-log';
import { FlowgridError } from '../../../domain/base/errors';
import { sha256 } from '../../codec/hash';

/**
 * Passes on a commit that is what was accepted at `seq`: a damaged history is never folded.
 *
 * @throws FlowgridError `invalid-record` naming the seq that is missing or changed.
 */
export function assertIntact(seq: Seq, commit: StoredCommit | undefined): StoredCommit {
  if (commit !== undefined && commit.seq === seq && sha256(commit.bytes) === commit.hash) return commit;
  const fault = commit?.seq === seq ? 'was changed after it was written' : 'is missing';
  throw damaged(`commit ${seq} ${fault}`);
}

/**
 * Makes sure that the stored head and the newest record are of one log, so that a writer never goes on from a damaged
 * one: with its head lost, a log would look empty and be written over.
 *
 * @throws FlowgridError `invalid-record`.
 */
export function assertHeadIntact(head: Head, newest: StoredCommit | undefined): void {
  if (head.seq === 0 && newest === undefined) return;
  if (head.seq === 0) throw damaged('the stored head is lost');
  if (assertIntact(head.seq, newest).hash !== head.hash) throw damaged(`commit ${head.seq} is not the stored head`);
}

function damaged(what: string): FlowgridError {
  return new FlowgridError('invalid-record', `event log: ${what}`, {
    remedy: 'run `flowgrid audit verify` for the extent of the damage, then restore the data directory from a copy',
  });
}
