import { clusterOf, nodeOf, type Incarnation, type NodeRef } from '../../domain/base/ids';
import {
  D_WIRE_ID,
  F_BACKUP,
  F_EMITTER,
  F_ID,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_STATE,
  F_WIRE,
  FS_SLOW,
  FS_UNPROTECTED,
  S_DESCRIPTOR,
  S_FLOW,
  S_FROM,
  S_REVERSE,
} from '../frames/layout';
import { endsWith } from '../select/route';
import { REEMITTED } from './counters';
import { isWithin, namedIn, routeIn } from './frame-lists';
import { PHASE_DETOUR, PHASE_GONE, PHASE_MOVING, PHASE_TAKING } from './flow-side';
import type { Handover } from './handover';
import type { Node } from './node';
import type { Stage } from './stage';
import { HOPS, Succession, type HopFields } from './succession';

const MOVES = PHASE_MOVING | PHASE_TAKING | PHASE_GONE | PHASE_DETOUR;

/**
 * Local repair ([0085]; DESIGN.md section 5): what a node changes in its flows when it learns that a neighbour died, or
 * that others hold it dead. Three ways to learn: its own detection (hellos, and what hellos say of others), a frame
 * that names another emitter, a frame that another emitter of a stage sent. In all three the replaced node is fenced
 * for the flow and never named again, in either direction, so that everybody who follows the same order of members
 * ends at the same pair.
 */
export class Takeover {
  private readonly succession: Succession;

  constructor(
    private readonly node: Node,
    private readonly stage: Stage,
    private readonly handover: Handover,
    /** A flow fell to this node. */
    private readonly inherited: (flow: number) => void,
  ) {
    this.succession = new Succession(node);
  }

  /**
   * Whether a frame tells something new: it came from another node than the one that this node names in the opposite
   * direction, or it names another emitter than the flow has. Two loads and two compares on the fast path.
   */
  tellsNews(address: number, flow: number): boolean {
    const { u8, u16 } = this.node.ctx.arena;
    const previous = u16[(flow + (u8[address + S_REVERSE] === 0 ? F_NEXT_REV : F_NEXT_FWD)) >>> 1];
    if (u16[(address + S_FROM) >>> 1] !== previous) return true;
    return namedIn(this.node.ctx.arena, address, this.node.cluster) !== nodeOf(u16[(flow + F_EMITTER) >>> 1]);
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
    const back = HOPS[1 - u8[address + S_REVERSE]];
    // What was sent on another route, before the flow's clusters got other modes, says nothing of this one.
    const isLate = u8[address + S_DESCRIPTOR + D_WIRE_ID] !== u8[flow + F_WIRE];
    if (!isLate || clusterOf(u16[(flow + back.next) >>> 1]) === clusterOf(from)) {
      this.followPrevious(flow, from, back);
      this.followPath(flow, from, address);
    }
    const named = namedIn(this.node.ctx.arena, address, this.node.cluster);
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
      for (const hop of HOPS) this.replaceHop(flow, dead, hop);
      this.replaceCopies(flow, dead);
      this.node.routing.moved(flow, dead, 0);
      if (clusterOf(dead) !== this.node.cluster) return;
      this.replaceOwn(flow, dead);
      this.node.choices.siblingDied(flow, dead);
    });
  }

  /**
   * Another node has told whom a flow goes to from here, and may not know yet of a death that this one has repaired its flows
   * for: nobody would come back to that.
   */
  told(flow: number): void {
    const { u16 } = this.node.ctx.arena;
    for (const hop of HOPS) {
      for (const field of [hop.next, hop.shadow]) {
        const ref = u16[(flow + field) >>> 1];
        if (nodeOf(ref) !== 0 && this.isDead(flow, ref)) this.replaceHop(flow, ref, hop);
      }
    }
  }

  /** This node becomes the flow's emitter in its stage. */
  takeOver(flow: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    const from = u16[(flow + F_EMITTER) >>> 1];
    u16[(flow + F_EMITTER) >>> 1] = this.node.ref;
    this.node.side.phase[this.node.aux(flow)] &= ~MOVES;
    this.node.side.movedFrom[this.node.aux(flow)] = 0;
    this.node.heirs.fence(flow, from);
    this.node.inherits(flow);
    this.inherited(flow);
    this.node.clearState(flow, FS_SLOW);
    const { values } = this.node.counters;
    const before = values[REEMITTED];
    this.stage.emitHeld(flow);
    // What waited for the emitter's state will not get it any more: it is processed on what is known, behind what was held.
    this.handover.processWaiting(flow, true);
    const emitted = values[REEMITTED] - before;
    const backup = this.node.heirs.shadowOf(flow, this.node.ref);
    u16[(flow + F_BACKUP) >>> 1] = backup;
    this.handover.feed(flow);
    this.node.routing.count(flow, [u16[(flow + F_NEXT_FWD) >>> 1]]);
    this.node.choices.tell(flow);
    const isProtected = (u32[(flow + F_STATE) >>> 2] & FS_UNPROTECTED) === 0;
    this.succession.tellTakeover(flow, from, this.node.ref, isProtected ? backup : 0, emitted, this.node.ctx.now);
    // The emitter before this one may have died before it could tell whom the stages beside this one had lost.
    for (const hop of HOPS) this.succession.tellForHeir(flow, hop);
  }

  /** A flow is known here now, by a frame that names `route`: what it names may be dead already. */
  learned(flow: number, route: readonly NodeRef[]): void {
    const { node } = this;
    const own = node.side.position[node.aux(flow)];
    this.succession.metInPlaceOf(flow, route[own]);
    for (const hop of HOPS) {
      const named = route[node.placeBeside(flow, hop.step)] ?? 0;
      const isOpen = hop.step > 0 && nodeOf(named) === 0;
      const chosen = isOpen ? node.choices.of(node.ctx.arena.u32[(flow + F_ID) >>> 2], clusterOf(named)) : named;
      this.succession.metBehind(flow, hop, chosen);
      this.succession.metCopies(flow, hop, route);
    }
  }

  /** A sender that does not know yet may still name, and frames under way may still come from, a node that is out. */
  private isReplaced(flow: number, ref: NodeRef): boolean {
    return this.node.heirs.isFenced(flow, ref) || this.isDead(flow, ref);
  }

  private isDead(flow: number, ref: NodeRef): boolean {
    return this.node.obituary.isDeadIn(this.node.viewOf(flow), ref) && !this.node.heirs.isStandIn(flow, ref);
  }

  /** Another node of this stage emits the flow's frames now; this node shadows, or has nothing to do with it any more. */
  private follow(flow: number, emitter: NodeRef): void {
    const { u16 } = this.node.ctx.arena;
    this.handover.stopFeeding(flow);
    this.node.heirs.fence(flow, u16[(flow + F_EMITTER) >>> 1]);
    u16[(flow + F_EMITTER) >>> 1] = emitter;
    u16[(flow + F_BACKUP) >>> 1] = this.node.heirs.shadowOf(flow, emitter);
  }

  /** Another node of the previous stage sends now: it is the one to name on the way back. */
  private followPrevious(flow: number, from: NodeRef, hop: HopFields): void {
    const { u16 } = this.node.ctx.arena;
    const before = u16[(flow + hop.next) >>> 1];
    if (before === from || this.isReplaced(flow, from)) return;
    if (clusterOf(before) === clusterOf(from)) {
      this.node.heirs.fence(flow, before);
      this.succession.begins(flow, hop, before);
    }
    u16[(flow + hop.next) >>> 1] = from;
    u16[(flow + hop.shadow) >>> 1] = this.node.heirs.shadowOf(flow, from);
  }

  /** The frame comes from a cluster that the flow's path did not have: a function has sent the flow there. */
  private followPath(flow: number, from: NodeRef, address: number): void {
    const known = this.node.routeOf(flow);
    if (known.some((ref) => clusterOf(ref) === clusterOf(from))) return;
    const route = routeIn(this.node.ctx.arena, address);
    if (isWithin(known, route)) this.node.divert(flow, route);
  }

  /** The next hop in one direction, or its shadow, died. */
  private replaceHop(flow: number, dead: NodeRef, hop: HopFields): void {
    const { node, succession } = this;
    const { u16 } = node.ctx.arena;
    const nextAt = (flow + hop.next) >>> 1;
    const shadowAt = (flow + hop.shadow) >>> 1;
    if (u16[nextAt] === dead) {
      const policy = node.viewOf(flow).cluster(clusterOf(dead)).failure;
      // A node that died soon after it had taken a flow over may not have told of that.
      if (policy === 'backup') succession.tell(flow, hop);
      node.heirs.fence(flow, dead);
      const to = endsWith(node.viewOf(flow), clusterOf(dead)) ? 0 : node.heirs.nextFor(flow, dead);
      u16[nextAt] = to;
      u16[shadowAt] = node.heirs.shadowOf(flow, to);
      node.routing.moved(flow, dead, to);
      succession.begins(flow, hop, dead);
    } else if (u16[shadowAt] === dead) {
      u16[shadowAt] = node.heirs.shadowOf(flow, u16[nextAt]);
    }
    // Where the heir has been seen before the death was known, it is told now.
    if (succession.predecessorOf(flow, hop) === dead) succession.tellForHeir(flow, hop);
  }

  /** A node that got copies died: the next one gets them, whatever its cluster's policy. */
  private replaceCopies(flow: number, dead: NodeRef): void {
    const { side } = this.node;
    const aux = this.node.aux(flow);
    if (side.copyFwd[aux] !== dead && side.copyRev[aux] !== dead) return;
    const next = this.node.heirs.nextFor(flow, dead);
    if (side.copyFwd[aux] === dead) side.copyFwd[aux] = next;
    if (side.copyRev[aux] === dead) side.copyRev[aux] = next;
    if (next !== 0 && this.node.emits(flow)) this.node.reportReroute(flow, 'failed', dead, next);
  }

  /** A member of this node's own cluster died. */
  private replaceOwn(flow: number, dead: NodeRef): void {
    const { u16 } = this.node.ctx.arena;
    const emitter = u16[(flow + F_EMITTER) >>> 1];
    if (emitter === dead) {
      const heir = this.node.heirs.nextFor(flow, dead);
      if (heir === this.node.ref) {
        this.takeOver(flow);
        return;
      }
      this.follow(flow, heir);
      if ((this.node.side.phase[this.node.aux(flow)] & PHASE_GONE) !== 0) this.succession.tellOfHeir(flow, dead, heir);
    } else if (u16[(flow + F_BACKUP) >>> 1] === dead) {
      u16[(flow + F_BACKUP) >>> 1] = this.node.heirs.shadowOf(flow, emitter);
      if (emitter === this.node.ref) this.handover.feed(flow);
    }
  }
}
