import { mix32 } from '../../domain/base/hash';
import type { FlowId } from '../../domain/base/ids';
import {
  D_FLAGS,
  DF_REEMITTED,
  F_BACKUP,
  F_EMITTER,
  F_ID,
  F_STATE,
  FS_SLOW,
  S_DESCRIPTOR,
  S_FLAGS,
  S_FLOW,
  S_REASON,
  S_REVERSE,
  S_SEQ,
  SF_HOLD,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { BATCH } from './context';
import { CONSUMED, CREATED, REEMITTED, SUPPRESSED } from './counters';
import { describeAs, describeBeside } from './created-frames';
import { completeLists } from './frame-lists';
import { HeldFrames } from './held-frames';
import type { Node } from './node';
import type { CreatedPort, SecondaryFlows } from './secondary-flows';
import type { Sender } from './sender';

const CONSUMED_BY_FUNCTION = reason('consumed');
const HOLD_BUDGET = reason('hold-budget');
const NODE_DEAD = reason('node-dead');

/**
 * The middle of a node: frames that were admitted meet the packet function; what comes out is sent on by the flow's
 * emitter and held back by its shadow ([0085 c]). At an INODE, which has no function, only the sending is left.
 */
export class Stage implements CreatedPort {
  private readonly held: HeldFrames;
  private readonly processing: number;
  private readonly leaving: number;
  private readonly shadowing: number;
  private readonly alone: number;
  /** Frames that the function created during the batch at hand, to go before the frame that caused them. */
  private readonly created: CreatedFrame[] = [];
  /** Outputs that wait for the backups' acknowledgement of a delta, oldest first (`exported` functions). */
  private readonly unacknowledged: Unacknowledged[] = [];

  constructor(
    private readonly node: Node,
    private readonly sender: Sender,
    private readonly deltas: DeltaPort,
    private readonly secondary: () => SecondaryFlows,
  ) {
    this.held = new HeldFrames(node.ctx, node.side);
    this.processing = node.ctx.allocateList(BATCH);
    this.leaving = node.ctx.allocateList(BATCH);
    this.shadowing = node.ctx.allocateList(BATCH);
    this.alone = node.ctx.allocateList(1);
  }

  /**
   * Takes up to BATCH admitted frames, in order; every slot is taken over. `again`: one frame, which the emitter before this
   * node may have sent.
   */
  run(list: number, n: number, again = false): void {
    const { host } = this.node;
    if (host !== undefined && !host.trivial) this.process(list, n);
    else this.feed(list, n);
    this.dispatch(list, n, again);
  }

  /**
   * A frame that the function created while it processed slot `cause` ({@link FunctionServices.emit}). It travels on the
   * flow's path, onward or back: unsequenced, unless the flow begins here.
   */
  create(slot: number, cause: number): void {
    const { ctx } = this.node;
    describeBeside(ctx.arena, ctx.slot(slot), ctx.slot(cause));
    this.created.push({ slot, cause });
  }

  /** The same on another flow, which {@link carries}. */
  createAs(slot: number, cause: number, id: FlowId): void {
    const { ctx } = this.node;
    const flow = this.node.flows.find(id);
    describeAs(ctx.arena, ctx.slot(slot), flow, this.node.routeOf(flow));
    this.created.push({ slot, cause });
  }

  /** The same for a frame that opens a flow of its own ({@link FunctionServices.open}). */
  createOpening(slot: number, cause: number, tuple: string): void {
    const { ctx } = this.node;
    const address = ctx.slot(slot);
    this.secondary().turn(address, ctx.arena.u32[(ctx.slot(cause) + S_FLOW) >>> 2]);
    describeBeside(ctx.arena, address, ctx.slot(cause));
    this.created.push({ slot, cause, tuple });
  }

  sendNumbered(slot: number): void {
    const { ctx } = this.node;
    ctx.kernels.stamp(this.node.ref, ctx.one(this.alone, slot), 1);
    const why = ctx.arena.u16[(ctx.slot(slot) + S_REASON) >>> 1];
    if (why === 0) this.emit(this.alone, 1);
    else this.node.drop(slot, why);
  }

  sendCreated(slot: number): void {
    this.emit(this.node.ctx.one(this.alone, slot), 1);
  }

  /**
   * Whether frames of the flow leave this cluster from here: from any other node they would be a second emitter's, and turn
   * the flow to it. A flow whose state is not here yet waits, and what is created must not overtake what waits.
   */
  carries(id: FlowId): boolean {
    const flow = this.node.flows.find(id);
    if (flow === 0) return false;
    return this.node.emits(flow) && (this.node.ctx.arena.u32[(flow + F_STATE) >>> 2] & FS_SLOW) === 0;
  }

  /** Copies to a backup that is being fed, before the function may change the frames. */
  private feed(list: number, n: number): void {
    const { ctx, side } = this.node;
    const { u16, u32 } = ctx.arena;
    if (side.feeding === 0) return;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const flow = u32[(ctx.slot(slot) + S_FLOW) >>> 2];
      if (side.feedUntil[this.node.aux(flow)] === 0) continue;
      if (u16[(flow + F_EMITTER) >>> 1] === this.node.ref) this.sender.sendCopy(slot, u16[(flow + F_BACKUP) >>> 1]);
    }
  }

  private process(list: number, n: number): void {
    const { ctx, host } = this.node;
    if (host === undefined) return;
    const { u16, u32 } = ctx.arena;
    this.feed(list, n);
    let m = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      const emits = u16[(u32[(address + S_FLOW) >>> 2] + F_EMITTER) >>> 1] === this.node.ref;
      u16[(address + S_FLAGS) >>> 1] = (u16[(address + S_FLAGS) >>> 1] & ~SF_HOLD) | (emits ? 0 : SF_HOLD);
      // The backup of an `exported` function holds frames as they came; it is told what they did.
      if (emits || host.stateKind !== 'exported') u32[(this.processing >>> 2) + m++] = slot;
    }
    host.processBatch(this.processing, m);
    const isDigested = host.stateKind === 'per-flow';
    for (let i = 0; i < m; i++) this.markProcessed(ctx.slot(u32[(this.processing >>> 2) + i]), isDigested);
  }

  /**
   * What the function has seen of a flow is what an export of its state stands for. `isDigested`: backups process frames
   * as this node does, and so can be told what they should have processed.
   */
  private markProcessed(address: number, isDigested: boolean): void {
    const { u8, u16, u32 } = this.node.ctx.arena;
    const sequence = u32[(address + S_SEQ) >>> 2];
    if (sequence === 0) return;
    const { side } = this.node;
    const flow = u32[(address + S_FLOW) >>> 2];
    const aux = this.node.aux(flow);
    const at = 2 * aux + u8[address + S_REVERSE];
    if (((sequence - side.processed[at]) | 0) > 0) side.processed[at] = sequence;
    if (!isDigested) return;
    side.digest[at] = (side.digest[at] + mix32(sequence)) | 0;
    if (u16[(flow + F_BACKUP) >>> 1] !== 0 && u16[(flow + F_EMITTER) >>> 1] === this.node.ref) {
      side.markActive(u32[(flow + F_ID) >>> 2], aux);
    }
  }

  /** Sorts what came out of the function: sent, held, or at its end. */
  private dispatch(list: number, n: number, again: boolean): void {
    const { ctx } = this.node;
    const { u16, u32 } = ctx.arena;
    if (this.created.length === 0) {
      const emits = ctx.kernels.divide(this.node.ref, list, n, this.leaving, this.shadowing) >>> 0;
      if (emits <= n) {
        this.holdAll(n - emits);
        this.emit(this.leaving, emits, again);
        return;
      }
    }
    let m = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      const flow = u32[(address + S_FLOW) >>> 2];
      const emits = u16[(flow + F_EMITTER) >>> 1] === this.node.ref;
      if (this.created.length > 0) this.dispatchCreated(slot, emits);
      const why = u16[(address + S_REASON) >>> 1];
      if (why !== 0) this.finish(slot, why, emits);
      else if (emits) u32[(this.leaving >>> 2) + m++] = slot;
      else this.hold(slot, address, flow);
    }
    this.emit(this.leaving, m, again);
  }

  /** Holds the first `n` frames of the list of those that this node shadows. */
  private holdAll(n: number): void {
    const { ctx } = this.node;
    const { u32 } = ctx.arena;
    for (let i = 0; i < n; i++) {
      const slot = u32[(this.shadowing >>> 2) + i];
      const address = ctx.slot(slot);
      this.hold(slot, address, u32[(address + S_FLOW) >>> 2]);
    }
  }

  private dispatchCreated(cause: number, emits: boolean): void {
    const { ctx } = this.node;
    while (this.created.length > 0 && this.created[0].cause === cause) {
      const { slot, tuple } = this.created.shift() as CreatedFrame;
      if (emits) {
        this.node.counters.values[CREATED]++;
        this.sendOff(slot, tuple);
      } else {
        // Created by the shadow too, and not counted: the emitter's own is the one that exists.
        ctx.slots.free(slot);
      }
    }
  }

  private sendOff(slot: number, opens: string | undefined): void {
    const { ctx } = this.node;
    const address = ctx.slot(slot);
    const flow = ctx.arena.u32[(address + S_FLOW) >>> 2];
    if (opens !== undefined) this.secondary().open(slot, opens);
    else if (this.secondary().begins(flow, ctx.arena.u8[address + S_REVERSE])) this.sendNumbered(slot);
    else this.sendCreated(slot);
  }

  /** A frame that ended in the function; at a shadow it is a copy that ends without a word. */
  private finish(slot: number, why: number, emits: boolean): void {
    if (!emits) {
      this.node.counters.values[SUPPRESSED]++;
      this.node.ctx.slots.free(slot);
    } else if (why === CONSUMED_BY_FUNCTION) {
      this.node.counters.values[CONSUMED]++;
      this.node.ctx.slots.free(slot);
    } else {
      this.node.drop(slot, why);
    }
  }

  /** Sends on what may leave; behind outputs that wait for an acknowledgement, it waits too. */
  private emit(list: number, n: number, again = false): void {
    const { ctx } = this.node;
    const { u32 } = ctx.arena;
    if (n === 0) return;
    if (again) this.node.counters.values[REEMITTED] += n;
    const delta = this.deltas.taken();
    if (delta === 0 && this.unacknowledged.length === 0) {
      this.sendOn(list, n, again);
      return;
    }
    for (let i = 0; i < n; i++) this.unacknowledged.push({ slot: u32[(list >>> 2) + i], delta, again });
    this.node.inFlight += n;
  }

  /** All backups have acknowledged the deltas up to `delta`: what waited for them leaves. */
  acknowledged(delta: number): void {
    const { ctx } = this.node;
    while (this.unacknowledged.length > 0 && this.unacknowledged[0].delta <= delta) {
      const { slot, again } = this.unacknowledged.shift() as Unacknowledged;
      this.node.inFlight--;
      this.remember(slot);
      this.sendOn(ctx.one(this.alone, slot), 1, again);
    }
  }

  /** A frame of a flow without an entry has outlived the one that it was lent: it gets another. */
  private remember(slot: number): void {
    const { ctx, stateless } = this.node;
    const address = ctx.slot(slot);
    const { u32 } = ctx.arena;
    if (!stateless.has(u32[(address + S_FLOW) >>> 2])) return;
    const view = stateless.viewOf(address);
    if (view !== undefined) u32[(address + S_FLOW) >>> 2] = stateless.passing(address, view);
  }

  private sendOn(list: number, n: number, again: boolean): void {
    const { ctx } = this.node;
    if (this.node.side.diverted > 0) completeLists(this.node, list, n);
    ctx.kernels.advance(this.node.ref, list, n);
    if (again) ctx.arena.u8[ctx.slot(ctx.arena.u32[list >>> 2]) + S_DESCRIPTOR + D_FLAGS] |= DF_REEMITTED;
    this.sender.send(list, n);
  }

  private hold(slot: number, address: number, flow: number): void {
    const { ctx } = this.node;
    if (this.held.hold(slot, address, this.node.aux(flow))) {
      this.node.inFlight++;
      ctx.slots.free(slot);
      while (this.held.bytes > ctx.limits.holdBytes && this.held.forgetOldest()) this.countOverBudget();
    } else {
      this.node.drop(slot, HOLD_BUDGET);
    }
  }

  private countOverBudget(): void {
    this.node.counters.drop(HOLD_BUDGET);
    this.node.inFlight--;
  }

  /** Whether outputs wait for backups to acknowledge what made them. */
  get isWaitingForDeltas(): boolean {
    return this.unacknowledged.length > 0;
  }

  /** Bytes of frames that are held back. */
  get heldBytes(): number {
    return this.held.bytes;
  }

  /** Whether output of the flow is held. */
  isHolding(flow: number): boolean {
    return this.held.holds(this.node.aux(flow));
  }

  /**
   * Lets go of what the emitters had all the time to send in which they would have been found dead, or have found that they are
   * cut off: they are alive, so it left.
   * Called at each hello round, after deaths were noticed. `rounds`: how long frames are held.
   */
  releaseHeld(rounds: number): void {
    this.countSuppressed(this.held.release(rounds));
  }

  private countSuppressed(n: number): void {
    this.node.counters.values[SUPPRESSED] += n;
    this.node.inFlight -= n;
  }

  /**
   * This node has become the flow's emitter: what it held leaves, in order, before anything new, marked as emitted
   * again.
   */
  emitHeld(flow: number): void {
    this.held.takeAll(this.node.aux(flow), (slot) => {
      this.node.inFlight--;
      if (slot < 0) this.node.count('no-slot');
      else this.emitAgain(slot);
    });
  }

  private emitAgain(slot: number): void {
    const { ctx, host } = this.node;
    const { u16 } = ctx.arena;
    if (host?.stateKind === 'exported') {
      const address = ctx.slot(slot);
      u16[(address + S_FLAGS) >>> 1] &= ~SF_HOLD;
      host.processBatch(ctx.one(this.alone, slot), 1);
      this.markProcessed(address, false);
      this.dispatchCreated(slot, true);
      const why = u16[(address + S_REASON) >>> 1];
      if (why !== 0) {
        this.finish(slot, why, true);
        return;
      }
    }
    this.emit(ctx.one(this.alone, slot), 1, true);
  }

  /** The flow is to be forgotten: held frames of it are let go. */
  forget(flow: number): void {
    this.countSuppressed(this.held.forget(this.node.aux(flow)));
  }

  /** The node dies: gives up every slot it holds to `lose`. */
  abandon(lose: (slot: number) => void): void {
    this.held.abandon((slot) => {
      this.node.inFlight--;
      if (slot < 0) this.node.counters.drop(NODE_DEAD);
      else lose(slot);
    });
    for (const { slot } of this.unacknowledged) lose(slot);
    this.node.inFlight -= this.unacknowledged.length;
    this.unacknowledged.length = 0;
  }
}

/** A frame that the function created, because of which frame; `tuple`: it opens a flow of its own. */
interface CreatedFrame {
  readonly slot: number;
  readonly cause: number;
  readonly tuple?: string;
}

/** An output that waits until all peers have acknowledged `delta`. */
interface Unacknowledged {
  readonly slot: number;
  readonly delta: number;
  /** Held before, and emitted on a takeover. */
  readonly again: boolean;
}

/** Where shared state of an `exported` function goes before the frames that made it may leave. */
export interface DeltaPort {
  /** Takes what the function changed and sends it to the backups; the number to be acknowledged, 0 = nothing to wait for. */
  taken(): number;
}
