import { nodeRef, type NodeRef } from '../../domain/base/ids';
import { CONTROL_ACK, CONTROL_BODY_MAX, CONTROL_DELTA, type ControlCursor } from './control-frames';
import type { Node } from './node';
import type { DeltaPort } from './stage';

/**
 * Shared state of an `exported` function (NAT bindings, limiters): what a frame changed is sent to all other live
 * members of the cluster, any of which may be a flow's backup now or later, and the frame leaves only when all of them
 * have acknowledged it. So no state that anybody outside has seen can be lost with a node (DESIGN.md section 5).
 */
export class Deltas implements DeltaPort {
  private last = 0;
  /** Deltas that not all peers have acknowledged, oldest first, and the round in which each was sent last. */
  private readonly pending: { readonly number: number; readonly bytes: Uint8Array; sentIn: number }[] = [];
  /** The delta before the first one that each peer was sent: what it need not have. */
  private readonly base = new Map<NodeRef, number>();
  /** The last delta of each peer that was applied here; they are applied in order, none left out. */
  private readonly applied = new Map<NodeRef, number>();
  /** The last delta that each peer acknowledged. */
  private readonly acknowledged = new Map<NodeRef, number>();

  constructor(private readonly node: Node) {}

  taken(): number {
    const { host } = this.node;
    if (host === undefined || host.stateKind !== 'exported') return 0;
    const delta = host.takeDelta();
    if (delta === undefined) return 0;
    const peers = this.peers();
    if (peers.length === 0 || delta.length > CONTROL_BODY_MAX) return 0;
    this.last++;
    this.pending.push({ number: this.last, bytes: delta, sentIn: this.node.ctx.round });
    for (const peer of peers) {
      if (!this.acknowledged.has(peer)) {
        this.acknowledged.set(peer, this.last - 1);
        this.base.set(peer, this.last - 1);
      }
      this.send(peer, this.last, delta);
    }
    return this.last;
  }

  /** At each hello round: what was not acknowledged within a round is sent again, in order; deltas are idempotent. */
  tick(): number {
    const settled = this.settled();
    const { round } = this.node.ctx;
    for (const each of this.pending) {
      if (each.sentIn >= round - 1) continue;
      each.sentIn = round;
      for (const peer of this.peers()) {
        if ((this.acknowledged.get(peer) ?? 0) < each.number) this.send(peer, each.number, each.bytes);
      }
    }
    return settled;
  }

  /** A peer's delta: applied, then acknowledged; one that comes again is only acknowledged, one too early comes again. */
  onDelta(body: ControlCursor, from: NodeRef): void {
    const number = body.readU32();
    const base = body.readU32();
    const last = Math.max(this.applied.get(from) ?? 0, base);
    if (number > last + 1) return;
    if (number === last + 1) {
      this.node.host?.applyDelta(body.readBytes(body.left));
      this.applied.set(from, number);
    }
    if (!body.begin(this.node.incarnation)) return;
    body.u32(number);
    body.send(this.node.ref, from, CONTROL_ACK, 0);
  }

  /** An acknowledgement; returns the last delta that all live peers have acknowledged. */
  onAck(body: ControlCursor, from: NodeRef): number {
    this.acknowledged.set(from, Math.max(this.acknowledged.get(from) ?? 0, body.readU32()));
    return this.settled();
  }

  /** A peer died: nobody waits for it; returns the last delta that the others have acknowledged. */
  buried(ref: NodeRef): number {
    this.acknowledged.delete(ref);
    this.base.delete(ref);
    this.applied.delete(ref);
    return this.settled();
  }

  private send(peer: NodeRef, number: number, delta: Uint8Array): void {
    const { ref, control, incarnation } = this.node;
    if (!control.begin(incarnation)) return;
    control.u32(number);
    control.u32(this.base.get(peer) ?? 0);
    control.bytes(delta);
    control.send(ref, peer, CONTROL_DELTA, 0);
  }

  /** The last delta that nobody who counts is missing; members that died or left count no more. */
  private settled(): number {
    let settled = this.last;
    for (const peer of this.peers()) settled = Math.min(settled, this.acknowledged.get(peer) ?? this.last);
    while (this.pending.length > 0 && this.pending[0].number <= settled) this.pending.shift();
    return settled;
  }

  private peers(): NodeRef[] {
    const view = this.node.ctx.topologies.latest;
    if (view === undefined || !view.hasCluster(this.node.cluster)) return [];
    const cluster = this.node.clusterIn(view);
    if (cluster.failure !== 'backup') return [];
    return cluster.members
      .map(({ node }) => nodeRef(cluster.id, node))
      .filter((ref) => ref !== this.node.ref && !this.node.obituary.isDeadIn(view, ref));
  }
}
