import { clusterOf, nodeOf, type Incarnation, type NodeRef } from '../../domain/base/ids';
import {
  D_COUNT,
  D_LIST,
  F_BACKUP,
  F_EMITTER,
  F_ID,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_SHADOW_FWD,
  F_SHADOW_REV,
  F_STATE,
  FS_UNPROTECTED,
  S_DESCRIPTOR,
  S_FLOW,
  S_FROM,
  S_REVERSE,
} from '../frames/layout';
import { PHASE_DETOUR, PHASE_GONE, PHASE_MOVING, PHASE_TAKING } from './flow-side';
import type { Handover } from './handover';
import type { Node } from './node';
import type { Stage } from './stage';

const MOVES = PHASE_MOVING | PHASE_TAKING | PHASE_GONE | PHASE_DETOUR;

/**
 * Local repair ([0085]; DESIGN.md section 5): what a node changes in its flows when it learns that a neighbour died, or
 * that others hold it dead. Three ways to learn: its own detection (hellos, and what hellos say of others), a frame
 * that names another emitter, a frame that another emitter of a stage sent. In all three the replaced node is fenced
 * for the flow and never named again, in either direction, so that everybody who follows the same order of members
 * ends at the same pair.
 */
export class Takeover {
  constructor(
    private readonly node: Node,
    private readonly stage: Stage,
    private readonly handover: Handover,
    /** A flow fell to this node. */
    private readonly inherited: (flow: number) => void,
  ) {}

  /**
   * Whether a frame tells something new: it came from another node than the one that this node names in the opposite
   * direction, or it names another emitter than the flow has. Two loads and two compares on the fast path.
   */
  tellsNews(address: number, flow: number): boolean {
    const { u8, u16 } = this.node.ctx.arena;
    const previous = u16[(flow + (u8[address + S_REVERSE] === 0 ? F_NEXT_REV : F_NEXT_FWD)) >>> 1];
    if (u16[(address + S_FROM) >>> 1] !== previous) return true;
    return this.named(address, flow) !== nodeOf(u16[(flow + F_EMITTER) >>> 1]);
  }

  /** Learns from an admitted frame what {@link tellsNews} found. */
  learn(address: number): void {
    const { u8, u16, u32 } = this.node.ctx.arena;
    const flow = u32[(address + S_FLOW) >>> 2];
    const from = u16[(address + S_FROM) >>> 1];
    const aux = this.node.aux(flow);
    // While a flow moves, and of what its old node passes on later, the words of the move hold and not the frames.
    if ((this.node.side.phase[aux] & MOVES) !== 0 || this.node.side.movedFrom[aux] === from) return;
    if (clusterOf(from) === this.node.cluster) {
      // The emitter of this very stage feeds its backup.
      if (from !== u16[(flow + F_EMITTER) >>> 1]) this.follow(flow, from);
      return;
    }
    this.followPrevious(flow, from, u8[address + S_REVERSE] === 0);
    const named = this.named(address, flow);
    if (named === 0) return;
    const emitter = (this.node.cluster << 7) | named;
    if (emitter === u16[(flow + F_EMITTER) >>> 1] || this.isReplaced(flow, emitter)) return;
    if (emitter === this.node.ref) this.takeOver(flow);
    else this.follow(flow, emitter);
  }

  /** A node of the grid died, or left it (`incarnation` of it): repairs every flow that it had a part in. */
  goOnWithout(dead: NodeRef, incarnation: Incarnation): void {
    if (clusterOf(dead) === this.node.cluster) {
      const { detectMultiplier } = this.node.ctx.topologies.latest?.topology.timing ?? { detectMultiplier: 3 };
      this.node.unsettledUntil = this.node.ctx.round + detectMultiplier + 2;
    }
    this.node.visitFlows((flow) => {
      const member = this.node.viewOf(flow).incarnationOf(dead);
      // An INODE may stand in for those of a topology that does not name it.
      if (member > incarnation) return;
      this.replaceHop(flow, dead, F_NEXT_FWD, F_SHADOW_FWD, true);
      this.replaceHop(flow, dead, F_NEXT_REV, F_SHADOW_REV, false);
      this.replaceCopies(flow, dead);
      this.node.routing.moved(flow, dead, 0);
      if (clusterOf(dead) !== this.node.cluster) return;
      this.replaceOwn(flow, dead);
      this.node.choices.siblingDied(flow, dead);
    });
  }

  /** This node becomes the flow's emitter in its stage. */
  takeOver(flow: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    const from = u16[(flow + F_EMITTER) >>> 1];
    u16[(flow + F_EMITTER) >>> 1] = this.node.ref;
    this.node.side.phase[this.node.aux(flow)] &= ~MOVES;
    this.node.side.movedFrom[this.node.aux(flow)] = 0;
    this.node.fence(flow, from);
    this.inherited(flow);
    // What waited for the emitter's state will not get it any more: it is processed on what is known.
    this.handover.processWaiting(flow);
    const emitted = this.stage.emitHeld(flow);
    const backup = this.node.shadowOf(flow, this.node.ref);
    u16[(flow + F_BACKUP) >>> 1] = backup;
    this.handover.feed(flow);
    this.node.routing.count(flow, [u16[(flow + F_NEXT_FWD) >>> 1]]);
    this.node.choices.tell(flow);
    const isProtected = (u32[(flow + F_STATE) >>> 2] & FS_UNPROTECTED) === 0;
    this.reportTakeover(flow, from, this.node.ref, isProtected ? backup : 0, emitted);
    this.repeatReroute(flow);
  }

  /** A sender that does not know yet may still name, and frames under way may still come from, a node that is out. */
  private isReplaced(flow: number, ref: NodeRef): boolean {
    if (this.node.isFenced(flow, ref)) return true;
    return this.node.obituary.isDeadIn(this.node.viewOf(flow), ref) && !this.node.isStandIn(flow, ref);
  }

  /** Node ID that the frame names as emitter of this node's cluster; 0 = none. */
  private named(address: number, flow: number): number {
    const { u8 } = this.node.ctx.arena;
    const forward = this.node.side.position[this.node.aux(flow)];
    const descriptor = address + S_DESCRIPTOR;
    const position = u8[address + S_REVERSE] === 0 ? forward : u8[descriptor + D_COUNT] - 1 - forward;
    return u8[descriptor + D_LIST + 2 * position + 1] & 0x7f;
  }

  /** Another node of this stage emits the flow's frames now; this node shadows, or has nothing to do with it any more. */
  private follow(flow: number, emitter: NodeRef): void {
    const { u16 } = this.node.ctx.arena;
    this.node.fence(flow, u16[(flow + F_EMITTER) >>> 1]);
    u16[(flow + F_EMITTER) >>> 1] = emitter;
    u16[(flow + F_BACKUP) >>> 1] = this.node.shadowOf(flow, emitter);
  }

  /** Another node of the previous stage sends now: it is the one to name on the way back. */
  private followPrevious(flow: number, from: NodeRef, forward: boolean): void {
    const { u16 } = this.node.ctx.arena;
    const next = (flow + (forward ? F_NEXT_REV : F_NEXT_FWD)) >>> 1;
    const shadow = (flow + (forward ? F_SHADOW_REV : F_SHADOW_FWD)) >>> 1;
    const before = u16[next];
    if (before === from || this.isReplaced(flow, from)) return;
    if (clusterOf(before) === clusterOf(from)) this.node.fence(flow, before);
    u16[next] = from;
    u16[shadow] = this.node.shadowOf(flow, from);
  }

  /** The next hop in one direction, or its shadow, died. */
  private replaceHop(flow: number, dead: NodeRef, next: number, shadow: number, forward: boolean): void {
    const { u16 } = this.node.ctx.arena;
    const nextAt = (flow + next) >>> 1;
    const shadowAt = (flow + shadow) >>> 1;
    if (u16[nextAt] === dead) {
      const predecessor = this.node.fencedIn(flow, clusterOf(dead));
      this.node.fence(flow, dead);
      const policy = this.node.viewOf(flow).cluster(clusterOf(dead)).failure;
      const to = policy === 'discard' ? 0 : this.node.nextFor(flow, dead);
      u16[nextAt] = to;
      u16[shadowAt] = this.node.shadowOf(flow, to);
      this.node.routing.moved(flow, dead, to);
      if (!forward) return;
      if (policy !== 'backup') this.reportReroute(flow, dead, to);
      else if (predecessor !== 0) this.repeatTakeover(flow, predecessor, dead, to);
    } else if (u16[shadowAt] === dead) {
      u16[shadowAt] = this.node.shadowOf(flow, u16[nextAt]);
    }
  }

  /** A node that got copies died: the next one gets them, whatever its cluster's policy. */
  private replaceCopies(flow: number, dead: NodeRef): void {
    const { side } = this.node;
    const aux = this.node.aux(flow);
    if (side.copyRev[aux] === dead) side.copyRev[aux] = this.node.nextFor(flow, dead);
    if (side.copyFwd[aux] !== dead) return;
    side.copyFwd[aux] = this.node.nextFor(flow, dead);
    if (side.copyFwd[aux] !== 0) this.reportReroute(flow, dead, side.copyFwd[aux]);
  }

  /** A member of this node's own cluster died. */
  private replaceOwn(flow: number, dead: NodeRef): void {
    const { u16 } = this.node.ctx.arena;
    const emitter = u16[(flow + F_EMITTER) >>> 1];
    if (emitter === dead) {
      const heir = this.node.nextFor(flow, dead);
      if (heir === this.node.ref) this.takeOver(flow);
      else this.follow(flow, heir);
    } else if (u16[(flow + F_BACKUP) >>> 1] === dead) {
      u16[(flow + F_BACKUP) >>> 1] = this.node.shadowOf(flow, emitter);
      if (emitter === this.node.ref) this.handover.feed(flow);
    }
  }

  /** The emitter before this one may have died before it could tell that the next stage had lost the flow's node. */
  private repeatReroute(flow: number): void {
    const { node } = this;
    const next = node.clusterAt(flow, node.placeBeside(flow, 1));
    const lost = next === 0 ? 0 : node.fencedIn(flow, next);
    if (lost === 0 || node.viewOf(flow).cluster(next).failure === 'backup') return;
    this.reportReroute(flow, lost, node.ctx.arena.u16[(flow + F_NEXT_FWD) >>> 1]);
  }

  /** A node that died soon after it had taken a flow over may not have told of that: the stage before saw it. */
  private repeatTakeover(flow: number, from: NodeRef, to: NodeRef, backup: NodeRef): void {
    if (this.emits(flow)) this.reportTakeover(flow, from, to, backup, 0);
  }

  private reportTakeover(flow: number, from: NodeRef, to: NodeRef, backup: NodeRef, emitted: number): void {
    const { now } = this.node.ctx;
    this.node.emitEvent({
      type: 'FlowTakenOver',
      at: now,
      flow: this.node.ctx.arena.u32[(flow + F_ID) >>> 2],
      topologySeq: this.node.seqOf(flow),
      from,
      to,
      backup,
      effectiveAt: now,
      emitted,
    });
  }

  /** Told by the node before the gap that emits the flow's frames. */
  private reportReroute(flow: number, from: NodeRef, to: NodeRef): void {
    if (this.emits(flow)) this.node.reportReroute(flow, 'failed', from, to);
  }

  private emits(flow: number): boolean {
    return this.node.ctx.arena.u16[(flow + F_EMITTER) >>> 1] === this.node.ref;
  }
}
