import type { Seq } from '../../../domain/base/ids';
import type { StoredCommit } from '../../../domain/seams/event-log';
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
  throw new FlowgridError('invalid-record', `event log: commit ${seq} ${fault}`, {
    remedy: 'run `flowgrid audit verify` for the extent of the damage, then restore the data directory from a copy',
  });
}
