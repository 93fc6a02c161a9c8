import { FlowgridError } from '../base/errors';
import { mix2, mix3 } from '../base/hash';
import { NODE_ID_MAX, type ClusterId, type FlowId, type Incarnation, type NodeId } from '../base/ids';
import { balanceBackups, backupBound } from './backup-balance';

/**
 * Rendezvous selection: every bucket of flows ranks the members of a cluster by a hash of (bucket, member) and takes
 * the first. When a member leaves, only its own buckets move, spread over all others; when one joins, it takes its
 * share and nothing else moves. This replaces the document's `hash mod n` ([0079]), which moves nearly everything.
 *
 * Integer arithmetic only, so that every node derives the same table from the same membership, and none is ever sent.
 */

/** A flow's bucket is 16 bits of its hash. */
export const BUCKET_COUNT = 65_536;
/** How many places of each bucket's order a table holds; further ones are computed on demand. */
export const ORDER_WIDTH = 4;

/** What makes a member: a node that returned after a failure is a new incarnation and so another member. */
export interface RendezvousMember {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
}

/**
 * Bucket of a flow in one cluster, 0–65535. The cluster ID is part of the hash, so that the choice made at one stage
 * does not polarise the next.
 */
export function flowBucket(flow: FlowId, cluster: ClusterId, seed: number): number {
  return mix3(seed, cluster, flow) >>> 16;
}

/** What a membership change did to a table. */
export interface RendezvousChange {
  readonly table: RendezvousTable;
  /** Buckets whose first member changed: new flows of these go elsewhere. */
  readonly moved: number;
  /** Buckets whose backup (the second member) changed. */
  readonly backupsMoved: number;
}

/** Flags by node ID (0–127): 1 = this member can take flows. */
export type LiveNodes = Uint8Array;

/**
 * The order of members for each bucket of one cluster. Immutable: a membership change makes a new table
 * ({@link RendezvousTable.changeTo}), because flows of the older topology go on under the older one.
 *
 * Build it from the members that may take new flows (`active`, not `draining`). The order depends on node IDs alone,
 * so tables of memberships that differ only in incarnations are equal.
 */
export class RendezvousTable {
  /** `first[bucket * 4 + place]` = node ID; 0 where the cluster has fewer members. Read-only for callers. */
  readonly first: Uint8Array;
  /** Member IDs, ascending. */
  readonly nodes: readonly NodeId[];
  /** {@link first} before backups were balanced; the same array when nothing had to be moved. */
  private readonly ranked: Uint8Array;
  private readonly memberKeys: Int32Array;

  private constructor(
    readonly cluster: ClusterId,
    readonly members: readonly RendezvousMember[],
    readonly seed: number,
    ranked: Uint8Array,
  ) {
    this.nodes = members.map((member) => member.node);
    this.memberKeys = keysOf(this.nodes, cluster, seed);
    this.ranked = ranked;
    this.first = balanceBackups(ranked, this.nodes, backupBound(this.nodes.length));
  }

  /**
   * Builds the table from nothing: 65,536 × members scores.
   *
   * @throws FlowgridError `internal` for a node ID outside 1–127 or a repeated one.
   */
  static build(cluster: ClusterId, members: readonly RendezvousMember[], seed: number): RendezvousTable {
    const sorted = sortedMembers(members);
    const nodes = sorted.map((member) => member.node);
    const ranked = new Uint8Array(BUCKET_COUNT * ORDER_WIDTH);
    rankBuckets(ranked, nodes, keysOf(nodes, cluster, seed), cluster, seed, undefined);
    return new RendezvousTable(cluster, sorted, seed, ranked);
  }

  /**
   * The table of another membership of the same cluster, at the cost of what changed: only buckets that ranked a
   * leaving member are ranked again, and a joining member is merged into each bucket. Equal, byte for byte, to a
   * table built from nothing.
   */
  changeTo(members: readonly RendezvousMember[]): RendezvousChange {
    const sorted = sortedMembers(members);
    const nodes = sorted.map((member) => member.node);
    const ranked = this.ranked.slice();
    const staying = this.nodes.filter((node) => nodes.includes(node));
    if (staying.length < this.nodes.length) {
      const leaving = new Uint8Array(NODE_ID_MAX + 1);
      for (const node of this.nodes) if (!nodes.includes(node)) leaving[node] = 1;
      rankBuckets(ranked, staying, keysOf(staying, this.cluster, this.seed), this.cluster, this.seed, leaving);
    }
    for (const node of nodes) if (!this.nodes.includes(node)) this.merge(ranked, node);
    const table = new RendezvousTable(this.cluster, sorted, this.seed, ranked);
    return {
      table,
      moved: countMoved(this.first, table.first, 0),
      backupsMoved: countMoved(this.first, table.first, 1),
    };
  }

  /** All members in the order of `bucket`, written to `out`; returns how many. */
  orderInto(bucket: number, out: Uint8Array): number {
    const base = bucketKey(seedOf(this.cluster, this.seed), bucket);
    const { nodes, memberKeys } = this;
    const count = nodes.length;
    const scores = orderScores;
    for (let i = 0; i < count; i++) {
      const score = mix2(base, memberKeys[i]!);
      let place = i;
      while (place > 0 && scores[place - 1]! < score) {
        scores[place] = scores[place - 1]!;
        out[place] = out[place - 1]!;
        place--;
      }
      scores[place] = score;
      out[place] = nodes[i]!;
    }
    // Balancing only ever exchanges places that the table holds.
    const held = Math.min(count, ORDER_WIDTH);
    for (let place = 0; place < held; place++) out[place] = this.first[bucket * ORDER_WIDTH + place]!;
    return count;
  }

  /** All members in the order of `bucket`. */
  order(bucket: number): NodeId[] {
    const out = new Uint8Array(this.nodes.length);
    this.orderInto(bucket, out);
    return Array.from(out);
  }

  /** The first live member of a bucket's order; 0 if none lives. */
  firstLive(bucket: number, live: LiveNodes): NodeId {
    return this.nextLive(bucket, 0, live);
  }

  /**
   * The next live member after `node` in a bucket's order, cyclically, never `node` itself: the backup of a flow whose
   * primary is `node` ([0085c]). With `node` 0, or one that is no member, the first live member. 0 if there is none.
   */
  nextLive(bucket: number, node: NodeId, live: LiveNodes): NodeId {
    const { first } = this;
    const base = bucket * ORDER_WIDTH;
    const held = Math.min(this.nodes.length, ORDER_WIDTH);
    let start = node === 0 ? 0 : -1;
    for (let place = 0; place < held && start < 0; place++) if (first[base + place] === node) start = place + 1;
    if (start >= 0) {
      for (let place = start; place < held; place++) {
        const candidate = first[base + place]!;
        if (live[candidate] === 1) return candidate;
      }
    }
    return this.nextLiveBeyond(bucket, node, live);
  }

  /** {@link nextLive} over the whole order: needed when the first four do not decide. */
  private nextLiveBeyond(bucket: number, node: NodeId, live: LiveNodes): NodeId {
    const order = orderNodes;
    const count = this.orderInto(bucket, order);
    let start = 0;
    for (let place = 0; place < count; place++) if (order[place] === node) start = place + 1;
    for (let step = 0; step < count; step++) {
      const candidate = order[(start + step) % count]!;
      if (candidate !== node && live[candidate] === 1) return candidate;
    }
    return 0;
  }

  /** Inserts one joining member into the held places of every bucket. */
  private merge(ranked: Uint8Array, node: NodeId): void {
    const { cluster, seed } = this;
    const clusterSeed = seedOf(cluster, seed);
    const joining = memberKey(node, cluster, seed);
    const keyByNode = new Int32Array(NODE_ID_MAX + 1);
    for (let other = 1; other <= NODE_ID_MAX; other++) keyByNode[other] = memberKey(other, cluster, seed);
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const base = bucketKey(clusterSeed, bucket);
      const score = mix2(base, joining);
      const at = bucket * ORDER_WIDTH;
      let place = ORDER_WIDTH;
      while (place > 0) {
        const other = ranked[at + place - 1]!;
        if (other !== 0 && !outranks(score, node, mix2(base, keyByNode[other]!), other)) break;
        place--;
      }
      for (let last = ORDER_WIDTH - 1; last > place; last--) ranked[at + last] = ranked[at + last - 1]!;
      if (place < ORDER_WIDTH) ranked[at + place] = node;
    }
  }
}

/** Scratch space for orders beyond the held places; never survives a call. */
const orderScores = new Float64Array(NODE_ID_MAX + 1);
const orderNodes = new Uint8Array(NODE_ID_MAX + 1);
const rankScores = new Float64Array(ORDER_WIDTH);

/** The part of a score that a bucket contributes; `clusterSeed` is {@link seedOf} its cluster. */
function bucketKey(clusterSeed: number, bucket: number): number {
  return mix2(clusterSeed, bucket);
}

function seedOf(cluster: ClusterId, seed: number): number {
  return mix2(seed, cluster);
}

function memberKey(node: NodeId, cluster: ClusterId, seed: number): number {
  return mix3(cluster, node, seed) | 0;
}

function keysOf(nodes: readonly NodeId[], cluster: ClusterId, seed: number): Int32Array {
  return Int32Array.from(nodes, (node) => memberKey(node, cluster, seed));
}

/** Higher score first; a tie goes to the lower node ID. */
function outranks(score: number, node: NodeId, otherScore: number, other: NodeId): boolean {
  return score > otherScore || (score === otherScore && node < other);
}

function sortedMembers(members: readonly RendezvousMember[]): readonly RendezvousMember[] {
  const sorted = [...members].sort((a, b) => a.node - b.node);
  for (let i = 0; i < sorted.length; i++) {
    const { node } = sorted[i]!;
    if (node < 1 || node > NODE_ID_MAX)
      throw new FlowgridError('internal', `node ID ${node} is outside 1–${NODE_ID_MAX}`);
    if (i > 0 && sorted[i - 1]!.node === node) throw new FlowgridError('internal', `node ID ${node} appears twice`);
  }
  return sorted;
}

/** Ranks `nodes` in every bucket, or only where a held place names one of `onlyRanking`. */
function rankBuckets(
  ranked: Uint8Array,
  nodes: readonly NodeId[],
  keys: Int32Array,
  cluster: ClusterId,
  seed: number,
  onlyRanking: Uint8Array | undefined,
): void {
  const scores = rankScores;
  const clusterSeed = seedOf(cluster, seed);
  const count = nodes.length;
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    const at = bucket * ORDER_WIDTH;
    if (onlyRanking !== undefined && !ranksAny(ranked, at, onlyRanking)) continue;
    const base = bucketKey(clusterSeed, bucket);
    scores.fill(-1);
    ranked.fill(0, at, at + ORDER_WIDTH);
    for (let i = 0; i < count; i++) {
      const score = mix2(base, keys[i]!);
      let place = ORDER_WIDTH;
      while (place > 0 && scores[place - 1]! < score) place--;
      if (place === ORDER_WIDTH) continue;
      for (let last = ORDER_WIDTH - 1; last > place; last--) {
        scores[last] = scores[last - 1]!;
        ranked[at + last] = ranked[at + last - 1]!;
      }
      scores[place] = score;
      ranked[at + place] = nodes[i]!;
    }
  }
}

function ranksAny(ranked: Uint8Array, at: number, nodes: Uint8Array): boolean {
  for (let place = 0; place < ORDER_WIDTH; place++) if (nodes[ranked[at + place]!] === 1) return true;
  return false;
}

function countMoved(before: Uint8Array, after: Uint8Array, place: number): number {
  let moved = 0;
  for (let at = place; at < before.length; at += ORDER_WIDTH) if (before[at] !== after[at]) moved++;
  return moved;
}
