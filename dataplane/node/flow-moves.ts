import { clusterOf, nodeOf, type FlowId, type NodeRef } from '../../domain/base/ids';
import { F_EMITTER, F_NEXT_FWD, F_NEXT_REV } from '../frames/layout';
import type { ControlCursor } from './control-frames';
import { PHASE_MOVING, PHASE_TAKING } from './flow-side';
import type { Handover } from './handover';
import { CANCEL, PASSED_ON, PREPARE, READY, RELEASE, say, STATE, SWITCH, SWITCHED } from './move-words';
import { MovingAway } from './moving-away';
import { MovingHere } from './moving-here';
import type { Node } from './node';
import type { Sender } from './sender';
import type { Stage } from './stage';
import type { Takeover } from './takeover';
import { HOPS } from './succession';

/**
 * Moves live flows from a congested node to another member of its cluster ([0066 l], [0068]), with the state that the
 * function has of them, so that no frame is lost, doubled or overtaken:
 *
 * 1. The target makes an entry, lets frames of the flow wait from then on, and says so.
 * 2. The node lets its own frames of the flow wait, and tells the neighbours on the route. Each names the target from
 *    then on and says so; behind that word nothing of the flow comes to the node any more.
 * 3. The node sends the state, then the frames that waited, then its release; the target processes these frames, then
 *    those that waited there.
 *
 * Links keep the order of what they carry, so each word is a bound for the frames before it.
 */
export class FlowMoves {
  private readonly away: MovingAway;
  private readonly here: MovingHere;

  constructor(
    private readonly node: Node,
    stage: Stage,
    private readonly sender: Sender,
    private readonly handover: Handover,
    private readonly takeover: Takeover,
    /** The other INODEs of the cluster, which hold copies of entries. */
    private readonly peers: () => readonly NodeRef[],
  ) {
    this.away = new MovingAway(node, stage, sender, handover);
    this.here = new MovingHere(node, stage, handover, takeover);
  }

  /** Whether a flow is on its way to or from this node: its end has to wait. */
  isUnderWay(flow: number): boolean {
    return (this.node.side.phase[this.node.aux(flow)] & (PHASE_MOVING | PHASE_TAKING)) !== 0;
  }

  /** At each hello round: begins moves while the node is congested, and repeats what was not answered. */
  tick(): void {
    this.away.tick();
  }

  /** `MOVE`. */
  onMove(body: ControlCursor, from: NodeRef, step: number): void {
    if (step === PREPARE) {
      this.here.onPrepare(body, from);
      return;
    }
    const id = body.readU32();
    const flow = this.node.flows.find(id);
    if (step === SWITCH) this.onSwitch(flow, id, from, body.readU16());
    else if (step === PASSED_ON) this.passOn(flow, id, body.readU16(), body.readU16(), from);
    else if (flow === 0) this.away.forget(id);
    else if (step === READY) this.away.onReady(flow, id, from);
    else if (step === SWITCHED) this.away.onSwitched(flow, id, from);
    else if (step === STATE) this.here.onState(flow, body);
    else if (step === RELEASE) this.here.onRelease(flow);
    else if (step === CANCEL) this.here.onCancel(flow, from);
  }

  /** `WANT`: a flow that moves is not fed, because whom it moves to would send what it gets as copies. */
  onWant(body: ControlCursor, from: NodeRef): void {
    const id = body.readU32();
    if (this.away.targetOf(id) === undefined) this.handover.onWant(id, from);
  }

  /** A frame of a flow that was moved away came all the same: it goes where the flow is. */
  forward(slot: number, flow: number): void {
    this.sender.relay(slot, this.node.ctx.arena.u16[(flow + F_EMITTER) >>> 1]);
  }

  /** A node died: moves to it are off, and a flow that it was giving away is taken over. */
  buried(dead: NodeRef): void {
    this.away.buried(dead);
    if (clusterOf(dead) === this.node.cluster) this.here.buried(dead);
  }

  /** Flows go on without a neighbour that died: its word is not waited for, but that of who stands in its place. */
  wentOnWithout(dead: NodeRef): void {
    this.away.wentOnWithout(dead);
  }

  private onSwitch(flow: number, id: FlowId, from: NodeRef, to: NodeRef): void {
    if (flow !== 0) this.replace(flow, id, from, to, from);
    // The flow fell to this node, and no frame of it has come yet.
    else this.node.choices.remember(id, to);
    say(this.node, from, SWITCHED, id, []);
  }

  private passOn(flow: number, id: FlowId, from: NodeRef, to: NodeRef, teller: NodeRef): void {
    if (flow !== 0) this.replace(flow, id, from, to, teller);
  }

  /**
   * `to` stands in the flow's route for `from`; nodes further away, and copies of an INODE's entry, are told, and who is to
   * get the flow from here: it has its entry already.
   */
  private replace(flow: number, id: FlowId, from: NodeRef, to: NodeRef, teller: NodeRef): void {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    for (const { reverse, next, shadow } of HOPS) {
      if (u16[(flow + next) >>> 1] !== from) continue;
      u16[(flow + next) >>> 1] = to;
      u16[(flow + shadow) >>> 1] = node.heirs.shadowOf(flow, to);
      // How the flow came to the node that it leaves now is told.
      node.side.replaced[2 * node.aux(flow) + reverse] = 0;
      node.routing.moved(flow, from, to);
    }
    this.takeover.told(flow);
    const route = node.routeOf(flow);
    const place = route.indexOf(from);
    if (place >= 0) node.setRoute(flow, route.with(place, to));
    const target = this.away.targetOf(id);
    if (target !== undefined) say(this.node, target, PASSED_ON, id, [from, to]);
    if (!node.emits(flow)) return;
    const own = node.side.position[node.aux(flow)];
    const toward = route.findIndex((ref) => clusterOf(ref) === clusterOf(from)) < own ? F_NEXT_FWD : F_NEXT_REV;
    if (u16[(flow + F_NEXT_FWD) >>> 1] === to) node.choices.moved(flow);
    // Word that comes round to where the path returns has been everywhere.
    const onward = node.returns(flow) ? 0 : u16[(flow + toward) >>> 1];
    const told = [onward, ...this.peers()];
    for (const ref of told) if (nodeOf(ref) !== 0 && ref !== teller) say(this.node, ref, PASSED_ON, id, [from, to]);
  }
}
