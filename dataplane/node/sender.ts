import { clusterOf, nodeOf, type NodeRef } from '../../domain/base/ids';
import type { VirtualLink } from '../../domain/topology/topology';
import { readdress } from '../descriptor/node-table';
import {
  D_COUNT,
  D_FLAGS,
  D_LIST,
  DF_REPLICA,
  F_ID,
  F_STATE,
  FS_REPLICA,
  S_DESCRIPTOR,
  S_FLOW,
  S_LEN,
  S_LINK,
  S_REASON,
  S_REVERSE,
  S_SHADOW,
  S_TO,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { emitterFor } from '../select/route';
import { BATCH } from './context';
import { COPIED, REPLICATED } from './counters';
import type { Node } from './node';

const NO_MEMBER = reason('no-member');
const NO_EGRESS = reason('no-egress');
const DISCARDED = reason('discarded');
const REPLICA_END = reason('replica-end');
const RING_FULL = reason('ring-full');
const NOT_A_MEMBER = reason('not-a-member');
const LINK_MTU = reason('link-mtu');
const ETHERNET_HEADER = 14;

/**
 * The way out of a node onto internal links: next hop checked, descriptor signed, one copy for the backup and one for a
 * cluster in mode `copy` beside this stage, handed to the rings. The last step of ingress and transit alike.
 */
export class Sender {
  private readonly copyList: number;
  private readonly copiedOff: number;

  constructor(private readonly node: Node) {
    this.copyList = node.ctx.allocateList(1);
    this.copiedOff = node.ctx.allocateList(BATCH);
  }

  /**
   * Sends the frames of a list (`S_TO`, `S_SHADOW` and the descriptor template set by `stamp` or `advance`). Frames
   * without a next hop, or with a reason to be dropped, are dropped here. Every slot is taken over.
   */
  send(list: number, n: number): void {
    const { kernels } = this.node.ctx;
    const m = kernels.haveHops(list, n) === 1 ? n : this.keepWithHops(list, n);
    if (m === 0) return;
    const copies = this.node.side.copying === 0 ? 0 : this.copyOff(list, m);
    this.sealAndHand(list, m);
    if (copies > 0) this.sealAndHand(this.copiedOff, copies);
  }

  private sealAndHand(list: number, n: number): void {
    const { ctx } = this.node;
    const { u32 } = ctx.arena;
    ctx.kernels.seal(this.node.ref, list, n);
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      this.handOver(slot, ctx.slot(slot));
    }
  }

  /** Drops frames without a next hop; the others move together in the list. Returns how many are left. */
  private keepWithHops(list: number, n: number): number {
    const { ctx } = this.node;
    const { u32 } = ctx.arena;
    let m = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      if (this.hasHop(slot, ctx.slot(slot))) u32[(list >>> 2) + m++] = slot;
    }
    return m;
  }

  /** Copies for clusters in mode `copy`, into a list of their own; returns how many. */
  private copyOff(list: number, n: number): number {
    const { ctx, counters, side } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    let copies = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      const aux = this.node.aux(u32[(address + S_FLOW) >>> 2]);
      const to = u8[address + S_REVERSE] === 0 ? side.copyFwd[aux] : side.copyRev[aux];
      if (to === 0) continue;
      counters.values[REPLICATED]++;
      const copy = this.node.copyOf(slot);
      if (copy < 0) continue;
      const target = ctx.slot(copy);
      u8[target + S_DESCRIPTOR + D_FLAGS] |= DF_REPLICA;
      u16[(target + S_TO) >>> 1] = to;
      u16[(target + S_SHADOW) >>> 1] = 0;
      this.name(target, to);
      u32[(this.copiedOff >>> 2) + copies++] = copy;
    }
    return copies;
  }

  /** Passes a frame that was not processed here on to another member of this cluster, which is to process it. */
  relay(slot: number, to: NodeRef): void {
    const { ctx } = this.node;
    const { u16 } = ctx.arena;
    const address = ctx.slot(slot);
    u16[(address + S_REASON) >>> 1] = 0;
    u16[(address + S_TO) >>> 1] = to;
    u16[(address + S_SHADOW) >>> 1] = 0;
    this.name(address, to);
    ctx.kernels.seal(this.node.ref, ctx.one(this.copyList, slot), 1);
    this.hand(slot, address);
  }

  /** Sends a copy of an unsealed frame to `to` as it is, for a backup that is being fed; false when it could not. */
  sendCopy(slot: number, to: NodeRef): boolean {
    const { ctx } = this.node;
    const copy = ctx.slots.allocate();
    if (copy < 0) {
      this.node.count('no-slot');
      return false;
    }
    ctx.kernels.copySlot(slot, copy);
    const address = ctx.slot(copy);
    const { u8, u16 } = ctx.arena;
    u16[(address + S_TO) >>> 1] = to;
    u16[(address + S_SHADOW) >>> 1] = 0;
    // The receiver must see that this node emits: its own element is named, and not yet marked as processed.
    const end = address + S_DESCRIPTOR + D_LIST + 2 * u8[address + S_DESCRIPTOR + D_COUNT];
    for (let at = address + S_DESCRIPTOR + D_LIST; at < end; at += 2) {
      if (u8[at] === this.node.cluster) u8[at + 1] = nodeOf(this.node.ref);
    }
    ctx.kernels.seal(this.node.ref, ctx.one(this.copyList, copy), 1);
    this.node.counters.values[COPIED]++;
    this.hand(copy, address);
    return true;
  }

  private hasHop(slot: number, address: number): boolean {
    const { u16 } = this.node.ctx.arena;
    const why = u16[(address + S_REASON) >>> 1];
    if (why !== 0) {
      this.node.drop(slot, why);
      return false;
    }
    if ((this.node.ctx.arena.u8[address + S_DESCRIPTOR + D_FLAGS] & DF_REPLICA) !== 0 && this.endsHere(address)) {
      this.node.drop(slot, REPLICA_END);
      return false;
    }
    if (u16[(address + S_TO) >>> 1] !== 0) return true;
    const refusal = this.passOverEmpty(address);
    if (refusal !== 0) this.node.drop(slot, refusal);
    return refusal === 0;
  }

  /** Whether a copy ends at this stage, which gets copies only: the next one gets the frames themselves. */
  private endsHere(address: number): boolean {
    const { u16, u32 } = this.node.ctx.arena;
    const flow = u32[(address + S_FLOW) >>> 2];
    // Copies that were under way when the cluster came back into the way.
    if (!this.node.getsCopies(flow)) return (u32[(flow + F_STATE) >>> 2] & FS_REPLICA) === 0;
    const to = u16[(address + S_TO) >>> 1];
    return to === 0 || this.node.viewOf(flow).cluster(clusterOf(to)).mode !== 'copy';
  }

  /**
   * No node of the next cluster takes the frame: under `discard` it ends here, else the cluster's `whenEmpty` decides
   * whether the frame goes on to the cluster behind it. 0 when it goes on, with `S_TO` set and named in the list.
   */
  private passOverEmpty(address: number): number {
    const { node } = this;
    const { u8, u16, u32 } = node.ctx.arena;
    const flow = u32[(address + S_FLOW) >>> 2];
    const view = node.viewOf(flow);
    const step = u8[address + S_REVERSE] === 0 ? 1 : -1;
    let position = node.placeFor(flow, step);
    for (;;) {
      position += step;
      const id = node.clusterAt(flow, position);
      // A secondary flow ends at the function that opened it, which has sent the frame on.
      if (id === 0) return NO_EGRESS;
      const cluster = view.cluster(id);
      if (cluster.mode === 'copy' && cluster.role !== 'inode') continue;
      // At its ends a flow has the INODEs that it began with.
      const chosen = cluster.role === 'inode' ? node.nodeAt(flow, position) : 0;
      const next = emitterFor(view, id, chosen, u32[(flow + F_ID) >>> 2], node.obituary);
      if (next === 0 || cluster.failure === 'discard') {
        if (cluster.failure === 'discard' && next !== 0) return DISCARDED;
        if (cluster.whenEmpty === 'drop' || cluster.role === 'inode') return NO_MEMBER;
        continue;
      }
      u16[(address + S_TO) >>> 1] = next;
      u16[(address + S_SHADOW) >>> 1] = node.heirs.shadowOf(flow, next);
      this.name(address, next);
      return 0;
    }
  }

  private name(address: number, next: NodeRef): void {
    const { u8 } = this.node.ctx.arena;
    const end = address + S_DESCRIPTOR + D_LIST + 2 * u8[address + S_DESCRIPTOR + D_COUNT];
    for (let at = address + S_DESCRIPTOR + D_LIST; at < end; at += 2) {
      if (u8[at] !== clusterOf(next)) continue;
      u8[at + 1] = nodeOf(next);
      return;
    }
  }

  private handOver(slot: number, address: number): void {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    const why = u16[(address + S_REASON) >>> 1];
    if (why !== 0) {
      node.drop(slot, why);
      return;
    }
    const shadow = u16[(address + S_SHADOW) >>> 1];
    let copy = -1;
    if (shadow !== 0) {
      copy = node.ctx.slots.allocate();
      if (copy < 0) node.count('no-slot');
      else node.ctx.kernels.copySealed(slot, copy);
    }
    this.hand(slot, address);
    if (copy < 0) return;
    const copyAddress = node.ctx.slot(copy);
    readdress(node.ctx.arena, copyAddress, shadow);
    node.counters.values[COPIED]++;
    this.hand(copy, copyAddress);
  }

  private hand(slot: number, address: number): void {
    const { ctx, ref, counters } = this.node;
    const to = ctx.arena.u16[(address + S_TO) >>> 1];
    if (ctx.topologies.narrowest !== Infinity && !this.fits(address, to)) {
      this.node.drop(slot, LINK_MTU);
      return;
    }
    if (ctx.isWatched) ctx.arena.u16[(address + S_LINK) >>> 1] = this.linkTo(address, to)?.id ?? 0;
    ctx.observe('sent', address, ref, to);
    counters.hops.count(to, ctx.arena.u32[(address + S_LEN) >>> 2]);
    if (!ctx.hand(slot, address, ref)) this.node.drop(slot, ctx.knows(to) ? RING_FULL : NOT_A_MEMBER);
  }

  /**
   * Frames were made to fit where they entered; not those that a node on their way created or made longer, or that go
   * another way since.
   */
  private fits(address: number, to: NodeRef): boolean {
    const bytes = this.node.ctx.arena.u32[(address + S_LEN) >>> 2] - ETHERNET_HEADER;
    if (bytes <= this.node.ctx.topologies.narrowest) return true;
    const link = this.linkTo(address, to);
    return link?.narrow !== true || bytes <= link.mtu;
  }

  private linkTo(address: number, to: NodeRef): VirtualLink | undefined {
    const flow = this.node.ctx.arena.u32[(address + S_FLOW) >>> 2];
    const view = flow === 0 ? this.node.ctx.topologies.latest : this.node.viewOf(flow);
    return view?.linkBetween(this.node.ref, to, flow === 0);
  }
}
