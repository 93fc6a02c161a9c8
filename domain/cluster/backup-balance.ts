import { NODE_ID_MAX, type NodeId } from '../base/ids';

/** Places per bucket in a table of orders; the same as the width of a rendezvous table. */
const WIDTH = 4;
const BUCKETS = 65_536;
/** No member backs up more than this many percent of the mean number of buckets. */
const BACKUP_BOUND_PERCENT = 125;

/** The greatest number of buckets that one of `members` may back up: 1.25 × the mean. */
export function backupBound(members: number): number {
  return members === 0 ? 0 : Math.floor((BUCKETS * BACKUP_BOUND_PERCENT) / (100 * members));
}

/** How many buckets each node backs up (stands second in), by node ID. */
export function backupCounts(order: Uint8Array): Uint32Array {
  const counts = new Uint32Array(NODE_ID_MAX + 1);
  for (let at = 1; at < order.length; at += WIDTH) counts[order[at]!]!++;
  return counts;
}

/**
 * Keeps every member's backup duty within `bound` buckets, by exchanging the second and the third (or fourth) member
 * of a bucket, in order of buckets. Hashing alone nearly always stays within the bound, and then `ranked` itself is
 * returned; where it does not, the result is a function of `ranked` alone, so that every node finds the same.
 *
 * First places are never touched: balancing backups must not move flows.
 */
export function balanceBackups(ranked: Uint8Array, nodes: readonly NodeId[], bound: number): Uint8Array {
  // With two members each one's backup is the other: there is nobody to exchange with.
  if (nodes.length < 3) return ranked;
  const counts = backupCounts(ranked);
  if (nodes.every((node) => counts[node]! <= bound)) return ranked;
  const balanced = ranked.slice();
  for (let at = 0; at < balanced.length; at += WIDTH) {
    const second = balanced[at + 1]!;
    if (counts[second]! <= bound) continue;
    const place = relief(balanced, at, counts, bound);
    if (place === 0) continue;
    const replacement = balanced[at + place]!;
    balanced[at + 1] = replacement;
    balanced[at + place] = second;
    counts[second]!--;
    counts[replacement]!++;
  }
  return balanced;
}

/** The first later place whose member has room for one more bucket; 0 if none has. */
function relief(order: Uint8Array, at: number, counts: Uint32Array, bound: number): number {
  for (let place = 2; place < WIDTH; place++) {
    const node = order[at + place]!;
    if (node !== 0 && counts[node]! < bound) return place;
  }
  return 0;
}
