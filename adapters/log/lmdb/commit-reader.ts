import type { Seq } from '../../../domain/base/ids';
import type { StoredCommit } from '../../../domain/seams/event-log';
import { decodeStoredCommit, type Environment } from './environment';
import { assertIntact } from './intact';

/**
 * Reads `count` commits from `from` on, each checked against the hash that it was accepted with. A range of the
 * database, because going on to the next entry costs a third of looking one up.
 *
 * @throws FlowgridError `invalid-record` naming the seq that is missing or changed.
 */
export function readCommits({ topology }: Environment, from: Seq, count: number): StoredCommit[] {
  const commits: StoredCommit[] = [];
  let next = from;
  for (const { key, value } of topology.getRange({ start: from, limit: count })) {
    if (key !== next) break;
    commits.push(assertIntact(next++, decodeStoredCommit(key, value)));
  }
  if (next < from + count) assertIntact(next, undefined);
  return commits;
}
