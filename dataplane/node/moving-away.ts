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
import { CONTROL_BODY_MAX, CONTROL_MOVE } from './control-frames';
import { FLOWS_MOVED_AWAY } from './counters';
import { PHASE_AWAITS, PHASE_FED, PHASE_GONE, PHASE_MOVING, PHASE_TAKING } from './flow-side';
import type { Handover } from './handover';
import { CANCEL, PREPARE, RELEASE, say, STATE, SWITCH } from './move-words';
import type { Node } from './node';
import type { Sender } from './sender';
import type { Stage } from './stage';
import { WINDOWS } from './windows';

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

/** The node that gives flows away: steps 1 to 3 of {@link FlowMoves}, from its side. */
export class MovingAway {
  private readonly moves = new Map<FlowId, Move>();
  private cursor = 0;

  constructor(
    private readonly node: Node,
    private readonly stage: Stage,
    private readonly sender: Sender,
    private readonly handover: Handover,
  ) {}

  /** Whom a flow is being moved to; undefined = nobody. */
  targetOf(id: FlowId): NodeRef | undefined {
    return this.moves.get(id)?.target;
  }

  /** At each hello round: begins moves while the node is congested, and repeats what was not answered. */
  tick(): void {
    for (const [id, move] of this.moves) this.repeat(id, move);
    const { figures, host, canExport } = this.node;
    if (figures.congested && host !== undefined && canExport && !host.joinsFlows) this.beginSome();
  }

  /** A flow has ended. */
  forget(id: FlowId): void {
    this.moves.delete(id);
  }

  /** A node died: moves to it are off. */
  buried(dead: NodeRef): void {
    for (const [id, move] of this.moves) {
      const flow = this.node.flows.find(id);
      if (flow === 0) this.moves.delete(id);
      else if (move.target === dead) this.stay(flow, id);
    }
  }

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
    const target = this.chooseTarget(flow);
    if (target === 0 || (this.node.host?.exportFlow(id)?.length ?? 0) > STATE_MAX) return;
    this.moves.set(id, { target, step: 'preparing', since: this.node.ctx.round, waiting: new Set([target]) });
    this.handover.sendEntry(flow, target, CONTROL_MOVE, PREPARE);
  }

  /** Under `backup` the flow's backup, which is in step already; else the next member that takes new flows. */
  private chooseTarget(flow: number): NodeRef {
    const { node } = this;
    const view = node.viewOf(flow);
    const { failure, members } = node.clusterIn(view);
    const isOpen = (ref: NodeRef): boolean => ref !== 0 && !node.figures.isCongested(ref);
    const backup = node.ctx.arena.u16[(flow + F_BACKUP) >>> 1];
    if (failure === 'backup') return isOpen(backup) ? backup : 0;
    let candidate = node.ref;
    for (let step = 1; step < members.length; step++) {
      candidate = node.heirs.nextFor(flow, candidate);
      if (candidate === 0 || candidate === node.ref) return 0;
      if (isOpen(candidate)) return candidate;
    }
    return 0;
  }

  onReady(flow: number, id: FlowId, from: NodeRef): void {
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
    for (const to of move.waiting) say(this.node, to, SWITCH, id, [move.target]);
  }

  onSwitched(flow: number, id: FlowId, from: NodeRef): void {
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
    say(this.node, move.target, RELEASE, id, []);
    const aux = node.aux(flow);
    node.side.phase[aux] &= ~PHASE_MOVING;
    u16[(flow + F_EMITTER) >>> 1] = move.target;
    u16[(flow + F_BACKUP) >>> 1] = node.heirs.shadowOf(flow, move.target);
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
      say(this.node, move.target, CANCEL, id, []);
      this.stay(flow, id);
    }
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
}
