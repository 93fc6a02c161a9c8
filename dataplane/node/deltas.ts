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
  /** The last delta that each peer acknowledged. */
  private readonly acknowledged = new Map<NodeRef, number>();

  constructor(private readonly node: Node) {}

  taken(): number {
    const { host, ref, control, incarnation } = this.node;
    if (host === undefined || host.stateKind !== 'exported') return 0;
    const delta = host.takeDelta();
    if (delta === undefined) return 0;
    const peers = this.peers();
    if (peers.length === 0 || delta.length > CONTROL_BODY_MAX) return 0;
    this.last++;
    for (const peer of peers) {
      if (!this.acknowledged.has(peer)) this.acknowledged.set(peer, this.last - 1);
      if (!control.begin(incarnation)) continue;
      control.u32(this.last);
      control.bytes(delta);
      control.send(ref, peer, CONTROL_DELTA, 0);
    }
    return this.last;
  }

  /** A peer's delta: applied, then acknowledged. */
  onDelta(body: ControlCursor, from: NodeRef): void {
    const number = body.readU32();
    const delta = body.readBytes(body.left);
    this.node.host?.applyDelta(delta);
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
    return this.settled();
  }

  private settled(): number {
    let settled = this.last;
    for (const number of this.acknowledged.values()) settled = Math.min(settled, number);
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
