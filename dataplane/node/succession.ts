import { clusterOf, nodeOf, type Micros, type NodeRef } from '../../domain/base/ids';
import { F_ID, F_NEXT_FWD, F_NEXT_REV, F_SHADOW_FWD, F_SHADOW_REV } from '../frames/layout';
import { standFor } from '../select/copies';
import type { Node } from './node';

/** Where a flow entry keeps whom its frames go to from here, and who shadows that node: forward, then reverse. */
export const HOPS = [
  { reverse: 0, step: 1, next: F_NEXT_FWD, shadow: F_SHADOW_FWD },
  { reverse: 1, step: -1, next: F_NEXT_REV, shadow: F_SHADOW_REV },
] as const;

export type HopFields = (typeof HOPS)[number];

/**
 * What a node knows, and tells the log, of nodes of a flow's route that took the places of others. Whoever could tell
 * best may have died first, or have learned of the flow too late: so the emitters on both sides of a gap tell of it, an
 * heir what it found, and who meets a flow in its middle what the flow's own frames do not know yet. A move that is told
 * more than once is one move; it took effect when the first of them saw it.
 */
export class Succession {
  constructor(private readonly node: Node) {}

  /** The next hop of a flow stands in for `from` from now on. */
  begins(flow: number, { reverse }: HopFields, from: NodeRef): void {
    const { side, ctx } = this.node;
    const at = 2 * this.node.aux(flow) + reverse;
    // Whoever was told of it again by one who did not know yet has seen it before.
    if (side.replaced[at] === from) return;
    side.replaced[at] = from;
    side.replacedAt[at] = ctx.now;
  }

  /** How the flow came to its next hop is told, or for others to tell. */
  forget(flow: number, { reverse }: HopFields): void {
    this.node.side.replaced[2 * this.node.aux(flow) + reverse] = 0;
  }

  /** The node whose place the next hop has taken; 0 = none that this node knows of. */
  predecessorOf(flow: number, { reverse }: HopFields): NodeRef {
    return this.node.side.replaced[2 * this.node.aux(flow) + reverse];
  }

  /** Tells how a next hop came to its place, if this node knows: it took effect when this node saw it first. */
  tell(flow: number, hop: HopFields): void {
    const from = this.predecessorOf(flow, hop);
    if (from === 0) return;
    const { ctx, side } = this.node;
    const to = ctx.arena.u16[(flow + hop.next) >>> 1];
    this.tellMove(flow, from, to, side.replacedAt[2 * this.node.aux(flow) + hop.reverse]);
  }

  /**
   * Tells it once where the flow moved without a word from the node that it came to: under other policies than `backup`
   * that one knows nothing of a move, and who gets copies only under none. A shadow keeps it, to tell when it becomes the emitter.
   */
  tellForHeir(flow: number, hop: HopFields): void {
    const from = this.predecessorOf(flow, hop);
    if (from === 0 || !this.node.emits(flow)) return;
    const { failure, mode } = this.node.viewOf(flow).cluster(clusterOf(from));
    if (failure === 'backup' && mode !== 'copy') return;
    this.tell(flow, hop);
    this.forget(flow, hop);
  }

  /** Tells that `to` (0 = nobody) has the place of `from`, which died, if this node emits the flow's frames. */
  tellMove(flow: number, from: NodeRef, to: NodeRef, since: Micros): void {
    const { node } = this;
    if (!this.node.emits(flow)) return;
    const { failure, mode } = node.viewOf(flow).cluster(clusterOf(from));
    if (failure === 'backup' && mode !== 'copy' && to !== 0) {
      this.tellTakeover(flow, from, to, node.heirs.shadowOf(flow, to), 0, since);
    } else {
      node.reportReroute(flow, 'failed', from, to, since);
    }
  }

  /** This node had given the flow to `from`, which may have died before its backup knew of it: then nobody else can tell. */
  tellOfHeir(flow: number, from: NodeRef, to: NodeRef): void {
    const { node } = this;
    if (to === 0 || node.clusterIn(node.viewOf(flow)).failure !== 'backup') return;
    this.tellTakeover(flow, from, to, node.heirs.shadowOf(flow, to), 0, node.ctx.now);
  }

  tellTakeover(flow: number, from: NodeRef, to: NodeRef, backup: NodeRef, emitted: number, effectiveAt: Micros): void {
    this.node.emitEvent({
      type: 'FlowTakenOver',
      at: this.node.ctx.now,
      flow: this.node.ctx.arena.u32[(flow + F_ID) >>> 2],
      topologySeq: this.node.seqOf(flow),
      from,
      to,
      backup,
      effectiveAt,
      emitted,
    });
  }

  /**
   * This node met a flow in its middle, or begins it, and `named` was to have a place that another has: nobody else may
   * know both.
   */
  metBehind(flow: number, hop: HopFields, named: NodeRef): void {
    const next = this.node.ctx.arena.u16[(flow + hop.next) >>> 1];
    if (!this.isReplaced(flow, named, next)) return;
    this.node.heirs.fence(flow, named);
    this.begins(flow, hop, named);
    this.tell(flow, hop);
    if (this.node.emits(flow)) this.forget(flow, hop);
  }

  /** Who was to get copies from here died before this node met the flow: nobody else may know who gets them now. */
  metCopies(flow: number, { step }: HopFields, route: readonly NodeRef[]): void {
    const { node } = this;
    const { copyFwd, copyRev } = node.side;
    const aux = node.aux(flow);
    const to = (step > 0 ? copyFwd : copyRev)[aux];
    const named = route[standFor(route, node.side.position[aux], step) + step] ?? 0;
    if (to !== 0 && node.emits(flow) && this.isReplaced(flow, named, to)) node.reportReroute(flow, 'failed', named, to);
  }

  /** The frame by which this node met a flow names another of its own cluster, which it stands in for. */
  metInPlaceOf(flow: number, named: NodeRef): void {
    if (!this.isReplaced(flow, named, this.node.ref)) return;
    this.node.heirs.fence(flow, named);
    this.node.inherits(flow);
    this.tellMove(flow, named, this.node.ref, this.node.ctx.now);
  }

  private isReplaced(flow: number, named: NodeRef, by: NodeRef): boolean {
    if (nodeOf(named) === 0 || named === by) return false;
    if (by !== 0 && clusterOf(named) !== clusterOf(by)) return false;
    return this.node.obituary.isDeadIn(this.node.viewOf(flow), named);
  }
}
