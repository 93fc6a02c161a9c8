import type { Seq } from '../../../domain/base/ids';
import type { StoredCommit } from '../../../domain/seams/event-log';
import { HASH_BYTES, type Environment } from './environment';
import { assertIntact } from './intact';

/** Commits that are read together are copied into blocks of at most this size, unless one is larger. */
const BLOCK_BYTES = 256 * 1024;

/**
 * Reads `count` commits from `from` on, each checked against the hash that it was accepted with. They are looked up one
 * by one through lmdb's reusable buffer and copied into common blocks: a range of the database would make a buffer for
 * each, which costs more than the look-up.
 *
 * @throws FlowgridError `invalid-record` naming the seq that is missing or changed.
 */
export function readCommits({ topology }: Environment, from: Seq, count: number): StoredCommit[] {
  const commits: StoredCommit[] = [];
  let block = Buffer.alloc(0);
  let at = 0;
  for (let seq = from; seq < from + count; seq++) {
    const value = topology.getBinaryFast(seq);
    if (value === undefined || value.length < HASH_BYTES) {
      assertIntact(seq, undefined);
      continue;
    }
    const { length } = value;
    if (at + length > block.length) {
      const room = Math.min(BLOCK_BYTES, length * (from + count - seq));
      block = Buffer.allocUnsafeSlow(Math.max(room, length));
      at = 0;
    }
    copy(value, block, at, length);
    const hash = block.toString('hex', at, at + HASH_BYTES);
    const bytes = new Uint8Array(block.buffer, block.byteOffset + at + HASH_BYTES, length - HASH_BYTES);
    commits.push(assertIntact(seq, { seq, hash, bytes }));
    at += length;
  }
  return commits;
}

/** The reusable buffer is larger than its length says, so that Buffer's own ways of copying refuse it. */
function copy(from: Uint8Array, to: Uint8Array, at: number, length: number): void {
  for (let i = 0; i < length; i++) to[at + i] = from[i]!;
}
