import { clusterOf, nodeOf, type NodeRef, type WireId } from '../../domain/base/ids';
import { F_ID } from '../frames/layout';
import type { TopologyView } from '../select/topology-view';
import { FRESH, livingIn } from './mode-plan';
import type { Node } from './node';
import type { Succession } from './succession';

/** A node of the flow's route that died, and whom it falls to there. */
interface Moved {
  readonly from: NodeRef;
  readonly to: NodeRef;
  /** Whether no frame has come to `to`. */
  readonly isNew: boolean;
}

/**
 * What the log learns of a flow that takes other modes, from the INODE that lays its new route: made while the flow still has
 * its old one, told once it has the new one.
 */
export class ModeTelling {
  private readonly before: readonly NodeRef[];
  private readonly moved: readonly Moved[];

  /** @param halted who was found on the old route, those marked that do not know the flow ({@link FRESH}). */
  constructor(
    private readonly node: Node,
    private readonly succession: Succession,
    flow: number,
    view: TopologyView,
    private readonly halted: readonly NodeRef[],
    private readonly stops: readonly NodeRef[],
  ) {
    this.before = node.routeOf(flow).map((ref) => livingIn(node, flow, view, ref));
    this.moved = this.movedIn(flow);
  }

  /** Which topology the flow lives under, who took the places of the dead, and which clusters it leaves out or visits besides. */
  tell(flow: number, from: WireId): void {
    const { node } = this;
    for (const move of this.moved) this.tellMove(flow, move);
    node.emitEvent({
      type: 'FlowRepinned',
      at: node.ctx.now,
      flow: node.ctx.arena.u32[(flow + F_ID) >>> 2],
      topologySeq: node.seqOf(flow),
      fromWireId: from,
      toWireId: node.viewOf(flow).topology.wireId,
    });
    const after = node.routeOf(flow);
    for (const ref of this.before) {
      if (after.some((each) => clusterOf(each) === clusterOf(ref))) continue;
      const now = this.halted.find((each) => clusterOf(each & ~FRESH) === clusterOf(ref)) ?? ref;
      node.routing.moved(flow, ref, 0);
      node.reportReroute(flow, 'mode', now & ~FRESH, 0);
    }
    after.forEach((ref, i) => {
      if ((this.stops[i] & FRESH) === 0) return;
      node.routing.count(flow, [ref]);
      node.reportReroute(flow, 'mode', after[i - 1], ref);
    });
  }

  /** Heirs that may not have told of it: no frame need have come to them. */
  private movedIn(flow: number): readonly Moved[] {
    const { node, stops, halted } = this;
    const view = node.viewOf(flow);
    return node.routeOf(flow).flatMap((from) => {
      const to = stops.find((stop) => clusterOf(stop & ~FRESH) === clusterOf(from)) ?? from;
      const isDead = nodeOf(from) !== 0 && to !== from && node.obituary.isDeadIn(view, from);
      return isDead ? [{ from, to, isNew: halted.includes(to | FRESH) }] : [];
    });
  }

  /** A backup that takes a flow over tells of it itself, unless it did not know the flow. */
  private tellMove(flow: number, { from, to, isNew }: Moved): void {
    const { node, succession } = this;
    const { failure, mode } = node.viewOf(flow).cluster(clusterOf(from));
    if (failure !== 'backup' || mode === 'copy') node.reportReroute(flow, 'failed', from, to);
    else if (isNew) succession.tellTakeover(flow, from, to, node.heirs.shadowOf(flow, to), 0, node.ctx.now);
  }
}
