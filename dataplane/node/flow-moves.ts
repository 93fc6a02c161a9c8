import { clusterOf, nodeOf, type FlowId, type NodeRef } from '../../domain/base/ids';
import {
  F_BACKUP,
  F_EMITTER,
  F_ID,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_SHADOW_FWD,
  F_SHADOW_REV,
  F_STATE,
  FS_REPLICA,
  FS_SLOW,
  FS_UNPROTECTED,
} from '../frames/layout';
import { CONTROL_BODY_MAX, CONTROL_MOVE, type ControlCursor } from './control-frames';
import { FLOWS_MOVED_AWAY, FLOWS_MOVED_HERE } from './counters';
import { PHASE_AWAITS, PHASE_FED, PHASE_GONE, PHASE_MOVING, PHASE_OWNED, PHASE_TAKING } from './flow-side';
import type { Handover } from './handover';
import type { Node } from './node';
import type { Sender } from './sender';
import type { Stage } from './stage';
import type { Takeover } from './takeover';
import { HOPS } from './succession';
import { WINDOWS } from './windows';

/** Arguments of `MOVE`; each body begins with the flow's ID (u32). */
/** To the target: the flow's entry (body of `EXPORT`); its frames wait there from now on. */
const PREPARE = 1;
const READY = 2;
/** To the neighbours on the route: the node (u16) that has the flow from now on. */
const SWITCH = 3;
const SWITCHED = 4;
/** To the target: exact windows of sequences, and what the function knows. */
const STATE = 5;
/** To the target, behind the last frame that was passed on: what waited may be processed. */
const RELEASE = 6;
const CANCEL = 7;
/** Word of a switch that is passed on to the ends of the route: cluster's old node u16, new node u16. */
const PASSED_ON = 8;

/** Flows under way at most, and a node's share of its flows that it begins to move in one round: 1 in this many. */
const UNDER_WAY_MAX = 64;
const SHARE = 16;
/** Places of the flow table looked at in one round. */
const SCAN_BUDGET = 1024;
/** Rounds that a target has to say that it is ready. */
const PATIENCE = 5;
/** Room in a control frame for what goes with a function's state. */
const STATE_MAX = CONTROL_BODY_MAX >>> 1;

interface Move {
  readonly target: NodeRef;
  step: 'preparing' | 'switching';
  readonly since: number;
  readonly waiting: Set<NodeRef>;
}

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
  private readonly moves = new Map<FlowId, Move>();
  private cursor = 0;

  constructor(
    private readonly node: Node,
    private readonly stage: Stage,
    private readonly sender: Sender,
    private readonly handover: Handover,
    private readonly takeover: Takeover,
    /** The other INODEs of the cluster, which hold copies of entries. */
    private readonly peers: () => readonly NodeRef[],
  ) {}

  /** Whether a flow is on its way to or from this node: its end has to wait. */
  isUnderWay(flow: number): boolean {
    return (this.node.side.phase[this.node.aux(flow)] & (PHASE_MOVING | PHASE_TAKING)) !== 0;
  }

  /** At each hello round: begins moves while the node is congested, and repeats what was not answered. */
  tick(): void {
    for (const [id, move] of this.moves) this.repeat(id, move);
    const { figures, host, canExport } = this.node;
    if (figures.congested && host !== undefined && canExport && !host.joinsFlows) this.beginSome();
  }

  /** `MOVE`. */
  onMove(body: ControlCursor, from: NodeRef, step: number): void {
    if (step === PREPARE) {
      this.onPrepare(body, from);
      return;
    }
    const id = body.readU32();
    const flow = this.node.flows.find(id);
    if (step === SWITCH) this.onSwitch(flow, id, from, body.readU16());
    else if (step === PASSED_ON) this.passOn(flow, id, body.readU16(), body.readU16(), from);
    else if (flow === 0) this.moves.delete(id);
    else if (step === READY) this.onReady(flow, id, from);
    else if (step === SWITCHED) this.onSwitched(flow, id, from);
    else if (step === STATE) this.onState(flow, body);
    else if (step === RELEASE) this.onRelease(flow);
    else if (step === CANCEL) this.onCancel(flow, from);
  }

  /** `WANT`: a flow that moves is not fed, because whom it moves to would send what it gets as copies. */
  onWant(body: ControlCursor, from: NodeRef): void {
    const id = body.readU32();
    if (!this.moves.has(id)) this.handover.onWant(id, from);
  }

  /** A frame of a flow that was moved away came all the same: it goes where the flow is. */
  forward(slot: number, flow: number): void {
    this.sender.relay(slot, this.node.ctx.arena.u16[(flow + F_EMITTER) >>> 1]);
  }

  /** A node died: moves to it are off, and a flow that it was giving away is taken over. */
  buried(dead: NodeRef): void {
    for (const [id, move] of this.moves) {
      const flow = this.node.flows.find(id);
      if (flow === 0) this.moves.delete(id);
      else if (move.target === dead) this.stay(flow, id);
    }
    if (clusterOf(dead) !== this.node.cluster) return;
    const { side } = this.node;
    this.node.visitFlows((flow) => {
      const aux = this.node.aux(flow);
      if ((side.phase[aux] & PHASE_TAKING) === 0 || side.movedFrom[aux] !== dead) return;
      this.node.ctx.arena.u16[(flow + F_EMITTER) >>> 1] = dead;
      this.takeover.takeOver(flow);
    });
  }

  /** Flows go on without a neighbour that died: its word is not waited for, but that of who stands in its place. */
  wentOnWithout(dead: NodeRef): void {
    for (const [id, move] of this.moves) {
      if (!move.waiting.delete(dead) || move.step !== 'switching') continue;
      const flow = this.node.flows.find(id);
      for (const ref of this.neighboursOf(flow)) if (clusterOf(ref) === clusterOf(dead)) move.waiting.add(ref);
      this.askToSwitch(id, move);
      this.finishIfDone(flow, id, move);
    }
  }

  /* ---- The node that gives flows away --------------------------------------------------------------------------- */

  private beginSome(): void {
    const { node } = this;
    const most = Math.max(1, Math.floor(node.flows.size / SHARE));
    const found: number[] = [];
    this.cursor = node.flows.scan(this.cursor, SCAN_BUDGET, (flow) => {
      if (found.length < most && this.moves.size + found.length < UNDER_WAY_MAX && this.mayMove(flow)) found.push(flow);
    });
    for (const flow of found) this.begin(flow);
  }

  private mayMove(flow: number): boolean {
    const { ctx, side } = this.node;
    const { u16, u32 } = ctx.arena;
    const aux = this.node.aux(flow);
    return (
      // Once is enough: a flow that is too much wherever it goes would only wander.
      side.movedFrom[aux] === 0 &&
      this.node.emits(flow) &&
      u16[(flow + F_NEXT_FWD) >>> 1] !== 0 &&
      u16[(flow + F_NEXT_REV) >>> 1] !== 0 &&
      (side.phase[aux] & (PHASE_MOVING | PHASE_TAKING | PHASE_GONE | PHASE_AWAITS | PHASE_FED)) === 0 &&
      (u32[(flow + F_STATE) >>> 2] & (FS_SLOW | FS_REPLICA | FS_UNPROTECTED)) === 0 &&
      side.feedUntil[aux] === 0 &&
      // Who gets copies of it is known here alone.
      side.copyFwd[aux] === 0 &&
      side.copyRev[aux] === 0 &&
      !this.node.getsCopies(flow) &&
      !this.stage.isHolding(flow)
    );
  }

  private begin(flow: number): void {
    const id = this.node.ctx.arena.u32[(flow + F_ID) >>> 2];
    const target = this.targetOf(flow);
    if (target === 0 || (this.node.host?.exportFlow(id)?.length ?? 0) > STATE_MAX) return;
    this.moves.set(id, { target, step: 'preparing', since: this.node.ctx.round, waiting: new Set([target]) });
    this.handover.sendEntry(flow, target, CONTROL_MOVE, PREPARE);
  }

  /** Under `backup` the flow's backup, which is in step already; else the next member that takes new flows. */
  private targetOf(flow: number): NodeRef {
    const { node } = this;
    const view = node.viewOf(flow);
    const { failure, members } = node.clusterIn(view);
    const isOpen = (ref: NodeRef): boolean => ref !== 0 && !node.figures.isCongested(ref);
    const backup = node.ctx.arena.u16[(flow + F_BACKUP) >>> 1];
    if (failure === 'backup') return isOpen(backup) ? backup : 0;
    let candidate = node.ref;
    for (let step = 1; step < members.length; step++) {
      candidate = node.nextFor(flow, candidate);
      if (candidate === 0 || candidate === node.ref) return 0;
      if (isOpen(candidate)) return candidate;
    }
    return 0;
  }

  private onReady(flow: number, id: FlowId, from: NodeRef): void {
    const move = this.moves.get(id);
    if (move === undefined || move.step !== 'preparing' || from !== move.target) return;
    move.step = 'switching';
    this.node.side.phase[this.node.aux(flow)] |= PHASE_MOVING;
    this.node.setState(flow, FS_SLOW);
    move.waiting.clear();
    for (const ref of this.neighboursOf(flow)) move.waiting.add(ref);
    this.askToSwitch(id, move);
  }

  /** Who sends frames of the flow here, or may have to. */
  private neighboursOf(flow: number): NodeRef[] {
    const { u16 } = this.node.ctx.arena;
    const fields = [F_NEXT_FWD, F_SHADOW_FWD, F_NEXT_REV, F_SHADOW_REV];
    return fields.map((field) => u16[(flow + field) >>> 1]).filter((ref) => nodeOf(ref) !== 0);
  }

  /** Not while outputs wait for an acknowledgement: they would leave behind the word. */
  private askToSwitch(id: FlowId, move: Move): void {
    if (this.stage.isWaitingForDeltas) return;
    for (const to of move.waiting) this.say(to, SWITCH, id, [move.target]);
  }

  private onSwitched(flow: number, id: FlowId, from: NodeRef): void {
    const move = this.moves.get(id);
    if (move?.step !== 'switching') return;
    move.waiting.delete(from);
    this.finishIfDone(flow, id, move);
  }

  private finishIfDone(flow: number, id: FlowId, move: Move): void {
    if (move.waiting.size > 0) return;
    const { node } = this;
    const { u16 } = node.ctx.arena;
    if (!this.sendState(flow, id, move.target)) return;
    this.moves.delete(id);
    this.handover.takeWaitingFrames(flow, (slot) => this.sender.relay(slot, move.target));
    this.say(move.target, RELEASE, id, []);
    const aux = node.aux(flow);
    node.side.phase[aux] &= ~PHASE_MOVING;
    u16[(flow + F_EMITTER) >>> 1] = move.target;
    u16[(flow + F_BACKUP) >>> 1] = node.shadowOf(flow, move.target);
    node.side.movedFrom[aux] = 0;
    if (u16[(flow + F_BACKUP) >>> 1] === node.ref) this.becomeShadow(flow);
    else node.side.phase[aux] |= PHASE_GONE;
    if (node.host?.stateKind === 'per-flow') node.host.flowEnded(id);
    node.counters.values[FLOWS_MOVED_AWAY]++;
    node.reportReroute(flow, 'congested', node.ref, move.target);
  }

  /** This node shadows what it gave away: without state at once, else when the new emitter has sent it. */
  private becomeShadow(flow: number): void {
    this.node.clearState(flow, FS_SLOW);
    if (!this.node.isStateless) this.handover.awaitState(flow);
  }

  private sendState(flow: number, id: FlowId, to: NodeRef): boolean {
    const { control, incarnation, side, ctx } = this.node;
    const { u16, u32 } = ctx.arena;
    if (!control.begin(incarnation)) return false;
    const state = this.node.host?.exportFlow(id);
    control.u32(id);
    WINDOWS.forEach(({ max, stamp, bits }, direction) => {
      control.u32(u32[(flow + max) >>> 2]);
      control.u16(u16[(flow + stamp) >>> 1]);
      control.u32(u32[(flow + bits) >>> 2]);
      control.u32(u32[(flow + bits + 4) >>> 2]);
      control.u32(side.processed[2 * this.node.aux(flow) + direction]);
      control.u32(side.digest[2 * this.node.aux(flow) + direction]);
    });
    control.u32(state?.length ?? 0);
    if (state !== undefined) control.bytes(state);
    return control.send(this.node.ref, to, CONTROL_MOVE, STATE);
  }

  /** The move is off: what waited is processed here. */
  private stay(flow: number, id: FlowId): void {
    this.moves.delete(id);
    this.node.side.phase[this.node.aux(flow)] &= ~PHASE_MOVING;
    this.handover.processWaiting(flow);
  }

  private repeat(id: FlowId, move: Move): void {
    const flow = this.node.flows.find(id);
    if (flow === 0) this.moves.delete(id);
    else if (move.step === 'switching' && move.waiting.size === 0) this.finishIfDone(flow, id, move);
    else if (move.step === 'switching') this.askToSwitch(id, move);
    else if (this.node.ctx.round - move.since <= PATIENCE)
      this.handover.sendEntry(flow, move.target, CONTROL_MOVE, PREPARE);
    else {
      this.say(move.target, CANCEL, id, []);
      this.stay(flow, id);
    }
  }

  /* ---- The node that takes a flow ------------------------------------------------------------------------------- */

  private onPrepare(body: ControlCursor, from: NodeRef): void {
    const flow = this.handover.readEntry(body);
    if (flow === 0) return;
    const { node } = this;
    const { u16, u32 } = node.ctx.arena;
    const aux = node.aux(flow);
    node.side.movedFrom[aux] = from;
    node.side.phase[aux] = (node.side.phase[aux] & PHASE_OWNED) | PHASE_TAKING | PHASE_AWAITS;
    u16[(flow + F_EMITTER) >>> 1] = node.ref;
    u16[(flow + F_BACKUP) >>> 1] = 0;
    node.setState(flow, FS_SLOW);
    this.say(from, READY, u32[(flow + F_ID) >>> 2], []);
  }

  private onState(flow: number, body: ControlCursor): void {
    const { node } = this;
    const { u16, u32 } = node.ctx.arena;
    const aux = node.aux(flow);
    if ((node.side.phase[aux] & PHASE_TAKING) === 0) return;
    WINDOWS.forEach(({ max, stamp, bits }, direction) => {
      u32[(flow + max) >>> 2] = body.readU32();
      u16[(flow + stamp) >>> 1] = body.readU16();
      u32[(flow + bits) >>> 2] = body.readU32();
      u32[(flow + bits + 4) >>> 2] = body.readU32();
      node.side.processed[2 * aux + direction] = body.readU32();
      node.side.digest[2 * aux + direction] = body.readU32();
    });
    const state = body.readBytes(body.readU32());
    const id = u32[(flow + F_ID) >>> 2];
    // What this node held as shadow the emitter has sent, or passes on.
    this.stage.forget(flow);
    if (state.length > 0) node.host?.importFlow(id, state);
    else if (node.host?.stateKind === 'per-flow') node.host.flowEnded(id);
    node.side.phase[aux] = (node.side.phase[aux] & ~PHASE_AWAITS) | PHASE_FED;
  }

  private onRelease(flow: number): void {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    const aux = node.aux(flow);
    if ((node.side.phase[aux] & PHASE_TAKING) === 0) return;
    node.side.phase[aux] &= ~PHASE_TAKING;
    u16[(flow + F_BACKUP) >>> 1] = node.shadowOf(flow, node.ref);
    node.counters.values[FLOWS_MOVED_HERE]++;
    node.choices.tell(flow);
    this.handover.feed(flow);
    this.handover.processWaiting(flow);
  }

  /** The node keeps the flow after all: this one is what it was, its shadow or nothing. */
  private onCancel(flow: number, from: NodeRef): void {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    const aux = node.aux(flow);
    if ((node.side.phase[aux] & PHASE_TAKING) === 0) return;
    node.side.phase[aux] &= ~PHASE_TAKING;
    node.side.movedFrom[aux] = 0;
    u16[(flow + F_EMITTER) >>> 1] = from;
    u16[(flow + F_BACKUP) >>> 1] = node.shadowOf(flow, from);
    this.handover.processWaiting(flow);
  }

  /* ---- Neighbours, and the ends of the route ---------------------------------------------------------------------- */

  private onSwitch(flow: number, id: FlowId, from: NodeRef, to: NodeRef): void {
    if (flow !== 0) this.replace(flow, id, from, to, from);
    // The flow fell to this node, and no frame of it has come yet.
    else this.node.choices.remember(id, to);
    this.say(from, SWITCHED, id, []);
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
      u16[(flow + shadow) >>> 1] = node.shadowOf(flow, to);
      // How the flow came to the node that it leaves now is told.
      node.side.replaced[2 * node.aux(flow) + reverse] = 0;
      node.routing.moved(flow, from, to);
    }
    const route = node.routeOf(flow);
    const place = route.indexOf(from);
    if (place >= 0) node.setRoute(flow, route.with(place, to));
    const move = this.moves.get(id);
    if (move !== undefined) this.say(move.target, PASSED_ON, id, [from, to]);
    if (!node.emits(flow)) return;
    const own = node.side.position[node.aux(flow)];
    const toward = route.findIndex((ref) => clusterOf(ref) === clusterOf(from)) < own ? F_NEXT_FWD : F_NEXT_REV;
    if (u16[(flow + F_NEXT_FWD) >>> 1] === to) node.choices.moved(flow);
    const told = [u16[(flow + toward) >>> 1], ...this.peers()];
    for (const ref of told) if (nodeOf(ref) !== 0 && ref !== teller) this.say(ref, PASSED_ON, id, [from, to]);
  }

  private say(to: NodeRef, step: number, id: FlowId, nodes: readonly NodeRef[]): void {
    const { control, incarnation, ref } = this.node;
    if (!control.begin(incarnation)) return;
    control.u32(id);
    for (const node of nodes) control.u16(node);
    control.send(ref, to, CONTROL_MOVE, step);
  }
}
