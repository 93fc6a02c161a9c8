import type { FlowId, NodeRef } from '../../domain/base/ids';
import {
  F_BACKUP,
  F_COUNT,
  F_EMITTER,
  F_ID,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_PATH,
  F_SHADOW_FWD,
  F_SHADOW_REV,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FS_REPLICA,
  FS_SLOW,
  FS_UNPROTECTED,
  S_FLOW,
  S_NEXT,
  S_REASON,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { CONTROL_BODY_MAX, CONTROL_EXPORT, CONTROL_IN_STEP, CONTROL_WANT, type ControlCursor } from './control-frames';
import { SUPPRESSED } from './counters';
import {
  NO_SLOT_NUMBER,
  PHASE_ASTRAY,
  PHASE_AWAITS,
  PHASE_DETOUR,
  PHASE_FED,
  PHASE_GONE,
  PHASE_MOVING,
  PHASE_TAKING,
} from './flow-side';
import type { Node } from './node';
import { readOrder, writeOrder } from './flow-order';
import type { Stage } from './stage';
import { WINDOWS } from './windows';

const DUPLICATE = reason('duplicate');
const REPLAY_OLD = reason('replay-old');

/**
 * Argument of an `EXPORT`: nothing is remembered between frames, and the backup can begin with any. But it must know of
 * the flow, because the one who takes a flow over tells the log of it, and no frame may come until then.
 */
const INTRODUCTION = 1;
/** Bytes of an `EXPORT` that say what was processed, in both directions. */
const PROCESSED_BYTES = 2 * (4 + 2 + 4);
/** Bit of an `EXPORT`'s count: the flow visits clusters that are not on the path that it began on. */
const DIVERTED = 0x80;
/** Bits of an `EXPORT`. */
const MOVABLE = 1;
const REPLICA = 2;

/** Rounds that a new shadow waits for a flow's state before it asks the emitter for it. */
const ASK_AFTER = 2;

/**
 * How a flow's next backup gets into step with its emitter ([0085 c]).
 *
 * The emitter sends what its function knows of the flow (`EXPORT`), then a copy of every further frame of it, for a
 * detection time and two rounds: by then all neighbours know of the death and send to the new pair themselves. What
 * they send directly to the new backup in the meantime waits there, because it may overtake the copies. Then the
 * emitter says `IN_STEP` behind its last copy, and the backup processes what waited; the window of sequences drops what
 * had come both ways. A backup that meets a flow in the middle and is not fed asks for it (`WANT`).
 */
export class Handover {
  /** Flows that this node feeds, and flows whose frames wait here, by entry address. */
  private readonly feeding: number[] = [];
  private readonly waiting: number[] = [];

  private readonly alone: number;

  constructor(
    private readonly node: Node,
    private readonly stage: Stage,
    /** Another node told of a flow, and may name nodes that are dead here. */
    private readonly told: (flow: number) => void,
  ) {
    this.alone = node.ctx.allocateList(1);
  }

  /** Starts to feed the flow's backup; without one, or without a way to export, the flow is `unprotected`. */
  feed(flow: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    const backup = u16[(flow + F_BACKUP) >>> 1];
    if (backup === 0) {
      // The last one may have died while it was fed.
      this.stopFeeding(flow);
      if (this.node.clusterIn(this.node.viewOf(flow)).failure === 'backup') this.node.setState(flow, FS_UNPROTECTED);
      return;
    }
    // A re-pinned flow has an order to be told of, even where there is no state.
    if (this.node.isStateless && this.node.side.order[this.node.aux(flow)] === undefined) {
      this.sendEntry(flow, backup, CONTROL_EXPORT, INTRODUCTION);
      return;
    }
    const state = this.node.canExport ? this.node.host?.exportFlow(u32[(flow + F_ID) >>> 2]) : undefined;
    const movable = this.node.canExport && (state?.length ?? 0) < CONTROL_BODY_MAX - 512;
    if (movable) this.node.clearState(flow, FS_UNPROTECTED);
    else this.node.setState(flow, FS_UNPROTECTED);
    if (!this.sendEntry(flow, backup, CONTROL_EXPORT, 0, movable ? state : undefined) || !movable) {
      this.stopFeeding(flow);
      return;
    }
    const { detectMultiplier } = this.node.viewOf(flow).topology.timing;
    const aux = this.node.aux(flow);
    if (this.node.side.feedUntil[aux] === 0) this.node.side.feeding = this.feeding.push(flow);
    this.node.side.feedUntil[aux] = this.node.ctx.round + detectMultiplier + 2;
  }

  /** A frame that cannot be processed yet: it waits, in order of arrival. */
  wait(slot: number, flow: number): void {
    const { ctx, side } = this.node;
    const { u32 } = ctx.arena;
    const aux = this.node.aux(flow);
    u32[(ctx.slot(slot) + S_NEXT) >>> 2] = NO_SLOT_NUMBER;
    const tail = side.waitTail[aux];
    if (tail === NO_SLOT_NUMBER) {
      side.waitHead[aux] = slot;
      side.waitSince[aux] = ctx.round;
      this.waiting.push(flow);
    } else {
      u32[(ctx.slot(tail) + S_NEXT) >>> 2] = slot;
    }
    side.waitTail[aux] = slot;
    this.node.inFlight++;
  }

  /** This node met the flow in the middle, as its shadow: frames wait for the emitter's state. */
  awaitState(flow: number): void {
    this.node.side.phase[this.node.aux(flow)] |= PHASE_AWAITS;
    this.node.setState(flow, FS_SLOW);
  }

  /** Whether direct frames of the flow must wait. */
  isWaiting(flow: number): boolean {
    return (this.node.side.phase[this.node.aux(flow)] & (PHASE_AWAITS | PHASE_FED | PHASE_MOVING | PHASE_DETOUR)) !== 0;
  }

  /** Gives up the frames that wait, in order. */
  takeWaitingFrames(flow: number, take: (slot: number) => void): void {
    const aux = this.node.aux(flow);
    for (let slot = this.takeWaiting(aux); slot !== NO_SLOT_NUMBER; slot = this.takeWaiting(aux)) take(slot);
    const at = this.waiting.indexOf(flow);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  /**
   * Processes what waited, in order: the emitter said that all is copied, or there is no emitter any more and this node
   * sends what that one may have sent (`again`).
   */
  processWaiting(flow: number, again = false): void {
    const { ctx, side } = this.node;
    const aux = this.node.aux(flow);
    side.phase[aux] &= ~(PHASE_AWAITS | PHASE_FED);
    this.node.clearState(flow, FS_SLOW);
    for (let slot = this.takeWaiting(aux); slot !== NO_SLOT_NUMBER; slot = this.takeWaiting(aux)) {
      const address = ctx.slot(slot);
      ctx.arena.u16[(address + S_REASON) >>> 1] = 0;
      ctx.arena.u32[(address + S_FLOW) >>> 2] = flow;
      ctx.kernels.admit(this.node.ref, ctx.one(this.alone, slot), 1);
      const why = ctx.arena.u16[(address + S_REASON) >>> 1];
      if (why === 0) {
        this.stage.run(ctx.one(this.alone, slot), 1, again);
      } else if (why === DUPLICATE || why === REPLAY_OLD) {
        // Came as the emitter's copy, or in its state.
        this.node.counters.values[SUPPRESSED]++;
        ctx.slots.free(slot);
      } else {
        this.node.drop(slot, why);
      }
    }
    const at = this.waiting.indexOf(flow);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  /** At each hello round: ends feeding that has lasted long enough, and asks for state that has not come. */
  tick(): void {
    const { ctx, side } = this.node;
    let kept = 0;
    for (const flow of this.feeding) {
      const aux = this.node.aux(flow);
      if (side.feedUntil[aux] > ctx.round) this.feeding[kept++] = flow;
      else this.endFeeding(flow, aux);
    }
    side.feeding = this.feeding.length = kept;
    for (const flow of [...this.waiting]) this.askOrGiveUp(flow);
  }

  /** The emitter's state of a flow has come: `EXPORT`. */
  onExport(body: ControlCursor, from: NodeRef, argument: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    if (argument === INTRODUCTION) {
      this.onIntroduction(body, from);
      return;
    }
    const flow = this.readEntry(body);
    if (flow === 0) return;
    u16[(flow + F_EMITTER) >>> 1] = from;
    u16[(flow + F_BACKUP) >>> 1] = this.node.ref;
    this.readWindows(body, flow);
    const bits = body.readU8();
    const movable = (bits & MOVABLE) !== 0;
    if ((this.node.side.phase[this.node.aux(flow)] & PHASE_ASTRAY) !== 0) this.letGo(flow, movable);
    if ((bits & REPLICA) !== 0 && (u32[(flow + F_STATE) >>> 2] & FS_REPLICA) === 0) this.node.markReplica(flow);
    const length = body.readU32();
    const id = this.node.ctx.arena.u32[(flow + F_ID) >>> 2];
    // Nothing exported means nothing known: what this node may have seen by itself is seen again in the copies.
    const state = body.readBytes(length);
    const order = readOrder(body);
    if (order.length > 0) this.node.side.order[this.node.aux(flow)] = order;
    this.told(flow);
    if (length > 0) this.node.host?.importFlow(id, state);
    else if (this.node.host?.stateKind === 'per-flow') this.node.host.flowEnded(id);
    if (!movable) {
      this.node.setState(flow, FS_UNPROTECTED);
      this.processWaiting(flow);
      return;
    }
    const aux = this.node.aux(flow);
    this.node.side.phase[aux] = (this.node.side.phase[aux] & ~(PHASE_AWAITS | PHASE_GONE)) | PHASE_FED;
    this.node.setState(flow, FS_SLOW);
  }

  /** What this node knows of a flow itself is newer than what the emitter told. */
  private onIntroduction(body: ControlCursor, from: NodeRef): void {
    const { node } = this;
    const id = body.readU32();
    const flow = node.flows.find(id) === 0 ? this.readEntryOf(id, body) : 0;
    if (flow === 0) return;
    node.ctx.arena.u16[(flow + F_EMITTER) >>> 1] = from;
    node.ctx.arena.u16[(flow + F_BACKUP) >>> 1] = node.ref;
    body.skip(PROCESSED_BYTES);
    if ((body.readU8() & REPLICA) !== 0) node.markReplica(flow);
    this.told(flow);
  }

  /** The emitter has sent its last copy: `IN_STEP`. */
  onInStep(body: ControlCursor): void {
    const flow = this.node.flows.find(body.readU32());
    if (flow !== 0) this.processWaiting(flow);
  }

  /** This shadow has missed frames: it asks the emitter for the flow's state. */
  want(flow: number): void {
    const { control, side } = this.node;
    const { u16, u32 } = this.node.ctx.arena;
    if (!control.begin(this.node.incarnation)) return;
    side.phase[this.node.aux(flow)] |= PHASE_ASTRAY;
    control.u32(u32[(flow + F_ID) >>> 2]);
    control.send(this.node.ref, u16[(flow + F_EMITTER) >>> 1], CONTROL_WANT, 0);
  }

  /**
   * The state that comes is the emitter's, which has sent all that it stands for: what was held back here on another
   * state goes, and what the emitter had not seen comes again as its copies.
   */
  private letGo(flow: number, movable: boolean): void {
    this.node.side.phase[this.node.aux(flow)] &= ~PHASE_ASTRAY;
    this.stage.forget(flow);
    if (movable) this.node.clearState(flow, FS_UNPROTECTED);
  }

  /** A shadow asks for a flow: `WANT`. */
  onWant(id: FlowId, from: NodeRef): void {
    const { u16 } = this.node.ctx.arena;
    const flow = this.node.flows.find(id);
    if (flow === 0 || !this.node.emits(flow)) return;
    u16[(flow + F_BACKUP) >>> 1] = from;
    this.feed(flow);
  }

  /** The flow is to be forgotten. */
  forget(flow: number): void {
    const aux = this.node.aux(flow);
    this.stopFeeding(flow);
    const at = this.waiting.indexOf(flow);
    if (at >= 0) this.waiting.splice(at, 1);
    for (let slot = this.takeWaiting(aux); slot !== NO_SLOT_NUMBER; slot = this.takeWaiting(aux)) {
      this.node.counters.values[SUPPRESSED]++;
      this.node.ctx.slots.free(slot);
    }
  }

  /** The node dies: gives up every slot it holds to `lose`. */
  abandon(lose: (slot: number) => void): void {
    for (const flow of this.waiting) {
      const aux = this.node.aux(flow);
      for (let slot = this.takeWaiting(aux); slot !== NO_SLOT_NUMBER; slot = this.takeWaiting(aux)) lose(slot);
    }
    this.waiting.length = 0;
    this.node.side.feeding = this.feeding.length = 0;
  }

  /** Nobody gets copies of the flow any more, and nobody is told that there were all. */
  stopFeeding(flow: number): void {
    const { side } = this.node;
    const aux = this.node.aux(flow);
    if (side.feedUntil[aux] === 0) return;
    side.feedUntil[aux] = 0;
    this.feeding.splice(this.feeding.indexOf(flow), 1);
    side.feeding = this.feeding.length;
  }

  private endFeeding(flow: number, aux: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    this.node.side.feedUntil[aux] = 0;
    const { control } = this.node;
    // Another node may emit by now: it is for that one to say when all is copied.
    if (!this.node.emits(flow) || !control.begin(this.node.incarnation)) return;
    control.u32(u32[(flow + F_ID) >>> 2]);
    control.send(this.node.ref, u16[(flow + F_BACKUP) >>> 1], CONTROL_IN_STEP, 0);
  }

  private askOrGiveUp(flow: number): void {
    const { ctx, side, control } = this.node;
    const { u16, u32 } = ctx.arena;
    const aux = this.node.aux(flow);
    if ((side.phase[aux] & (PHASE_AWAITS | PHASE_TAKING)) !== PHASE_AWAITS) return;
    const waited = ctx.round - side.waitSince[aux];
    const { detectMultiplier } = this.node.viewOf(flow).topology.timing;
    if (waited > 2 * (detectMultiplier + ASK_AFTER)) {
      // Nobody feeds this shadow: it goes on from here, without the flow's past.
      this.node.setState(flow, FS_UNPROTECTED);
      this.processWaiting(flow);
    } else if (waited % ASK_AFTER === 0 && waited > 0 && control.begin(this.node.incarnation)) {
      control.u32(u32[(flow + F_ID) >>> 2]);
      control.send(this.node.ref, u16[(flow + F_EMITTER) >>> 1], CONTROL_WANT, 0);
    }
  }

  private takeWaiting(aux: number): number {
    const { ctx, side } = this.node;
    const slot = side.waitHead[aux];
    if (slot === NO_SLOT_NUMBER) return slot;
    const next = ctx.arena.u32[(ctx.slot(slot) + S_NEXT) >>> 2];
    side.waitHead[aux] = next;
    if (next === NO_SLOT_NUMBER) side.waitTail[aux] = NO_SLOT_NUMBER;
    this.node.inFlight--;
    return slot;
  }

  /** Body of `EXPORT`: ID u32, type u16, wire ID u8, place u8, count u8 (bit 7: diverted), route, four hops u16, what was processed
   * by direction (sequence u32, stamping node u16, digest u32), bit 0 movable and bit 1 replica u8, state u32 + bytes, explicit order. */
  sendEntry(flow: number, to: NodeRef, kind: number, argument: number, state?: Uint8Array): boolean {
    const { ctx, control, side } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    if (!control.begin(this.node.incarnation)) return false;
    const count = u8[flow + F_COUNT];
    control.u32(u32[(flow + F_ID) >>> 2]);
    control.u16(u16[(flow + F_TYPE) >>> 1]);
    control.u8(u8[flow + F_WIRE]);
    control.u8(this.node.side.position[this.node.aux(flow)]);
    control.u8(count | (side.isDiverted[this.node.aux(flow)] << 7));
    for (const ref of ctx.paths.read(u32[(flow + F_PATH) >>> 2], count)) control.u16(ref);
    for (const field of [F_NEXT_FWD, F_SHADOW_FWD, F_NEXT_REV, F_SHADOW_REV]) control.u16(u16[(flow + field) >>> 1]);
    const aux = this.node.aux(flow);
    for (const direction of WINDOWS) {
      control.u32(this.node.side.processed[2 * aux + direction.reverse]);
      control.u16(u16[(flow + direction.stamp) >>> 1]);
      control.u32(this.node.side.digest[2 * aux + direction.reverse]);
    }
    const bits = u32[(flow + F_STATE) >>> 2];
    control.u8(((bits & FS_UNPROTECTED) === 0 ? MOVABLE : 0) | ((bits & FS_REPLICA) !== 0 ? REPLICA : 0));
    control.u32(state?.length ?? 0);
    if (state !== undefined) control.bytes(state);
    writeOrder(control, this.node.side.order[aux] ?? []);
    return control.send(this.node.ref, to, kind, argument);
  }

  /** What the state stands for has been seen here too: it must not be processed again. */
  private readWindows(body: ControlCursor, flow: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    const aux = this.node.aux(flow);
    for (const direction of WINDOWS) {
      const sequence = body.readU32();
      const stamp = body.readU16();
      this.node.side.digest[2 * aux + direction.reverse] = body.readU32();
      this.node.side.processed[2 * aux + direction.reverse] = sequence;
      u16[(flow + direction.stamp) >>> 1] = sequence === 0 ? 0 : stamp;
      u32[(flow + direction.max) >>> 2] = sequence;
      u32[(flow + direction.bits) >>> 2] = 0xffff_ffff;
      u32[(flow + direction.bits + 4) >>> 2] = 0xffff_ffff;
    }
  }

  /** The entry that an `EXPORT` is about, made if need be; 0 when its topology is unknown or the table is full. */
  readEntry(body: ControlCursor): number {
    return this.readEntryOf(body.readU32(), body);
  }

  private readEntryOf(id: FlowId, body: ControlCursor): number {
    const { ctx } = this.node;
    const type = body.readU16();
    const view = ctx.topologies.of(body.readU8());
    const position = body.readU8();
    const count = body.readU8();
    const route = Array.from({ length: count & 0x7f }, () => body.readU16());
    const known = this.node.flows.find(id);
    const flow = known !== 0 || view === undefined ? known : this.node.insertFlow(id, type, view, route, position);
    if (flow !== 0 && (count & DIVERTED) !== 0) this.node.divert(flow, route);
    for (const field of [F_NEXT_FWD, F_SHADOW_FWD, F_NEXT_REV, F_SHADOW_REV]) {
      const ref = body.readU16();
      if (flow !== 0) ctx.arena.u16[(flow + field) >>> 1] = ref;
    }
    return flow;
  }
}
