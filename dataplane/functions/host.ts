import { FlowgridError } from '../../domain/base/errors';
import { mix2, mix3 } from '../../domain/base/hash';
import type { FlowId, Micros, NodeRef } from '../../domain/base/ids';
import {
  D_INGRESS_TIME,
  F_ID,
  F_STATE,
  FS_STATELESS,
  S_CONN,
  S_DESCRIPTOR,
  S_FLOW,
  S_FRAME_NO,
  S_NETWORK,
  S_REASON,
  S_REVERSE,
  S_SEQ,
  S_TIME,
  S_FLAGS,
  SF_HOLD,
} from '../frames/layout';
import { REASONS, reason } from '../frames/reasons';
import type { FrameEmitter } from './emitter';
import { FrameMapping } from './frame-mapping';
import { FlowTimes } from './flow-times';
import { FlowView } from './flow-view';
import { type ArenaViews, FrameView } from './frame-view';
import {
  CONSUME,
  FORWARD,
  type CloneFinding,
  type PacketFunction,
  type StateKind,
  type Verdict,
  type Detour,
  detourIndex,
  dropIndex,
} from './function';
import { decodeState, encodeState } from './state-codec';

/** What a node offers to the function it hosts. An arena, a slot pool and the kernels make one. */
export interface FunctionServices {
  readonly views: ArenaViews;
  /** The node the function runs on. */
  readonly node: NodeRef;
  /** The grid's seed: keyed hashes and `random` derive from it. */
  readonly seed: number;
  /** The node's incarnation, from 1; 1 when absent. */
  readonly incarnation?: number;
  /** What a function reports to the operator; dropped when absent. */
  report?(kind: string, text: string): void;
  /** What a function found of a clone; dropped when absent. */
  compared?(finding: CloneFinding): void;
  /** Byte address of a slot. */
  slotAddress(slot: number): number;
  /** The kernel `parse` over `n` slot numbers at byte address `list`. */
  parse(list: number, n: number): void;
  /** A free slot, or −1 when there is none (the function then creates nothing; counted). */
  takeSlot(): number;
  /**
   * A frame that the function created leaves: unsequenced, on the flow of slot `cause`, onward or (`back`) against the
   * direction of `cause`. The slot belongs to the node from here on.
   */
  emit(slot: number, cause: number, back: boolean): void;
  /** As {@link emit}, on another flow, which {@link carries} said that the node carries, in the slot's own direction. */
  emitAs?(slot: number, cause: number, flow: FlowId): void;
  /**
   * A frame that belongs to no known flow opens one of its own ([0062]), which leads out of the grid by the path of the flow
   * of slot `cause`, in the slot's direction; the node answers by {@link FunctionHost.opened}. When absent, such frames are
   * `unmatched`.
   */
  open?(slot: number, cause: number, tuple: string): void;
  /** Whether frames of the flow leave the cluster from this node; no flow's do when absent. */
  carries?(flow: FlowId): boolean;
  /** The function changes the path of the flow of `slot`, from this frame on; ignored when absent. */
  detour?(slot: number, detour: Detour): void;
}

/** How a function is counted, besides what the node counts. Plain numbers; read, never written, from outside. */
export interface FunctionCounters {
  processed: number;
  forwarded: number;
  consumed: number;
  created: number;
  /** Calls of `process` that threw: a bug of the function; the frame is dropped. */
  failed: number;
  /** By index into the function's `dropReasons`. */
  readonly drops: Float64Array;
}

const FUNCTION_DROP = reason('function-drop');
const CONSUMED = reason('consumed');
const FIRST_REAL_DROP = REASONS.indexOf('runt');
/** Frames handled between two looks at the kernels: the dataplane's batch size. */
const BATCH = 64;
const TICK_US = 1_000_000;

/**
 * Runs one packet function on one node: walks batches, keeps the function's time and randomness the same at primary
 * and backup, turns verdicts into reasons and counts. Nothing is allocated per frame.
 */
export class FunctionHost {
  readonly stateKind: StateKind;
  /** The function lets everything through unread: the node may skip it altogether. */
  readonly trivial: boolean;
  readonly counters: FunctionCounters;

  private readonly frame: FrameView;
  private readonly flow: FlowView;
  private readonly networks = new Uint16Array(BATCH);
  private readonly flowEntries = new Uint32Array(BATCH);
  private readonly connections = new Uint32Array(BATCH);
  private readonly times = new FlowTimes();
  private readonly mapping: FrameMapping | undefined;
  private readonly perFlowTime: boolean;
  private last: Micros = 0;
  private nextTick: Micros = 0;

  constructor(
    private readonly fn: PacketFunction,
    private readonly services: FunctionServices,
    private readonly emitter: FrameEmitter,
  ) {
    this.stateKind = fn.stateKind;
    this.trivial = fn.stateKind === 'stateless' && fn.reads === 'nothing';
    this.perFlowTime = fn.stateKind === 'per-flow';
    if (fn.emits === 'mapped') this.mapping = emitter.mapping = mappingFor(fn, services);
    this.frame = new FrameView(services.views);
    this.flow = new FlowView(services.views);
    this.counters = {
      processed: 0,
      forwarded: 0,
      consumed: 0,
      created: 0,
      failed: 0,
      drops: new Float64Array(fn.dropReasons.length),
    };
  }

  /**
   * Judges the frames of a batch: `n` slot numbers (u32) at byte address `list`, skipping slots whose `S_REASON` is not
   * zero. A dropped frame gets `function-drop`, a consumed one `consumed`; the caller frees their slots.
   */
  processBatch(list: number, n: number): void {
    if (this.trivial) {
      this.counters.processed += n;
      this.counters.forwarded += n;
      return;
    }
    for (let from = 0; from < n; from += BATCH) this.processChunk(list + from * 4, Math.min(BATCH, n - from));
  }

  /** Judges one frame; for frames on the slow path. Same effects as {@link processBatch}. */
  processOne(slot: number, list: number): Verdict {
    this.services.views.u32[list >>> 2] = slot;
    this.processBatch(list, 1);
    const why = this.services.views.u16[(this.services.slotAddress(slot) + S_REASON) >>> 1];
    return why === 0 ? FORWARD : why === CONSUMED ? CONSUME : why;
  }

  /**
   * Everything known about a flow, for the next backup; undefined when this function has no state to move (a flow it
   * does not know is then safe to hand over as it is) — except for `opaque` functions, whose flows are unprotected.
   */
  exportFlow(flow: FlowId): Uint8Array | undefined {
    if (this.stateKind === 'opaque') return undefined;
    const inner = this.fn.exportFlow?.(flow);
    const times = this.times.get(flow);
    if (inner === undefined && times === undefined) return undefined;
    return encodeState({
      times: times ?? [0, 0],
      last: this.last,
      ...(inner === undefined ? {} : { state: Buffer.from(inner).toString('latin1') }),
    });
  }

  /** Takes over what {@link exportFlow} of another member gave. @throws FlowgridError `invalid-record`. */
  importFlow(flow: FlowId, bytes: Uint8Array): void {
    const state = decodeState<{ times: [number, number]; last: number; state?: string }>(bytes);
    this.times.set(flow, state.times[0], state.times[1]);
    this.last = Math.max(this.last, state.last);
    if (state.state !== undefined) this.fn.importFlow?.(flow, Buffer.from(state.state, 'latin1'));
  }

  /** `exported` only: what the backup must acknowledge before the frames judged since the last call may leave. */
  takeDelta(): Uint8Array | undefined {
    return this.fn.takeDelta?.();
  }

  /** `exported` only: applies another member's delta. */
  applyDelta(delta: Uint8Array): void {
    this.fn.applyDelta?.(delta);
  }

  /** The flow is over at this node. */
  flowEnded(flow: FlowId): void {
    this.times.delete(flow);
    this.mapping?.flowEnded(flow);
    this.fn.flowEnded?.(flow);
  }

  /** Lets the function keep house, at most once a second of grid time however often the node ticks. */
  tick(now: Micros): void {
    if (now < this.nextTick) return;
    this.nextTick = now + TICK_US;
    this.fn.tick?.(now);
  }

  /** Whether the function joins flows, which have to stay at one node for that. */
  get joinsFlows(): boolean {
    return this.mapping !== undefined;
  }

  /** `frames` frames that {@link FunctionServices.open} took belong to this secondary flow; 0 = to none. */
  opened(tuple: string, flow: FlowId, frames: number): void {
    this.mapping?.opened(tuple, flow, frames);
  }

  /** What the function has to say for reports, as plain JSON; undefined = nothing. */
  describe(): unknown {
    return this.fn.describe?.();
  }

  /** What the function, and the flow mapper for it, counted besides drops. */
  counted(): { readonly [name: string]: number } {
    return { ...this.mapping?.counters, ...this.fn.counted?.() };
  }

  /** Drops by the function's own reasons, for reports. */
  dropsByReason(): Record<string, number> {
    const result: Record<string, number> = {};
    this.fn.dropReasons.forEach((name, index) => (result[name] = this.counters.drops[index]));
    return result;
  }

  private processChunk(list: number, n: number): void {
    const { u16, u32 } = this.services.views;
    let fresh = true;
    for (let i = 0; i < n; i++) {
      if (u16[(this.services.slotAddress(u32[(list >>> 2) + i]) + S_REASON) >>> 1] !== 0) fresh = false;
    }
    if (this.fn.reads === 'headers' && fresh) this.parse(list, n);
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = this.services.slotAddress(slot);
      if (fresh || u16[(address + S_REASON) >>> 1] === 0) {
        if (!fresh && this.fn.reads === 'headers') this.parse(list + i * 4, 1);
        this.judge(slot, address, list + i * 4);
      }
    }
  }

  /**
   * Parses as an internal frame: the external network is no part of a connection's identity at an ANODE, where both
   * directions of a flow must hash alike. What the tables said of the frame stays: parsing clears it.
   */
  private parse(list: number, n: number): void {
    const { u16, u32 } = this.services.views;
    for (let i = 0; i < n; i++) {
      const address = this.services.slotAddress(u32[(list >>> 2) + i]);
      this.networks[i] = u16[(address + S_NETWORK) >>> 1];
      this.flowEntries[i] = u32[(address + S_FLOW) >>> 2];
      this.connections[i] = u32[(address + S_CONN) >>> 2];
      u16[(address + S_NETWORK) >>> 1] = 0;
    }
    this.services.parse(list, n);
    for (let i = 0; i < n; i++) {
      const address = this.services.slotAddress(u32[(list >>> 2) + i]);
      u16[(address + S_NETWORK) >>> 1] = this.networks[i];
      u32[(address + S_FLOW) >>> 2] = this.flowEntries[i];
      u32[(address + S_CONN) >>> 2] = this.connections[i];
      // Reasons before the first drop only say why an INODE would look closer; here they mean nothing.
      const why = u16[(address + S_REASON) >>> 1];
      if (why < FIRST_REAL_DROP) u16[(address + S_REASON) >>> 1] = 0;
    }
  }

  /** `place`: where the slot's number stands. */
  private judge(slot: number, address: number, place: number): void {
    const { u16 } = this.services.views;
    if (u16[(address + S_REASON) >>> 1] !== 0) return;
    const { counters } = this;
    counters.processed++;
    this.frame.moveTo(address, this.timeOf(address), this.seedOf(address));
    this.flow.moveTo(address);
    this.emitter.begin(slot);
    this.mapping?.enter(address, place);
    let verdict: Verdict;
    try {
      verdict = this.fn.process(this.frame, this.flow);
    } catch {
      // A function's bug must cost its frame, never the node and the flows of others.
      counters.failed++;
      this.mapping?.leave(false);
      u16[(address + S_REASON) >>> 1] = FUNCTION_DROP;
      return;
    }
    this.mapping?.leave(verdict === CONSUME);
    if (verdict === FORWARD) {
      counters.forwarded++;
    } else if (verdict < 0) {
      counters.forwarded++;
      const detour = this.fn.detours?.[detourIndex(verdict)];
      if (detour !== undefined) this.services.detour?.(slot, detour);
    } else if (verdict === CONSUME) {
      counters.consumed++;
      u16[(address + S_REASON) >>> 1] = CONSUMED;
    } else {
      // What a shadow drops is a copy: the emitter's own drop is the one that happened.
      if ((u16[(address + S_FLAGS) >>> 1] & SF_HOLD) === 0) counters.drops[dropIndex(verdict)]++;
      u16[(address + S_REASON) >>> 1] = FUNCTION_DROP;
    }
    counters.created += this.emitter.finish();
  }

  private timeOf(address: number): Micros {
    const { f64, u32, u8 } = this.services.views;
    const entered = f64[(address + S_TIME) >>> 3];
    const entry = u32[(address + S_FLOW) >>> 2];
    // Of a flow without an entry nothing is kept, not even its time.
    if (this.perFlowTime && entry !== 0 && (u32[(entry + F_STATE) >>> 2] & FS_STATELESS) === 0) {
      return this.times.advance(u32[(entry + F_ID) >>> 2], u8[address + S_REVERSE], entered);
    }
    if (entered > this.last) this.last = entered;
    return this.fn.stateKind === 'exported' ? this.last : entered;
  }

  /** From what primary and backup both see of a frame: flow, direction, sequence and ingress time. */
  private seedOf(address: number): number {
    const { u8, u32 } = this.services.views;
    const entry = u32[(address + S_FLOW) >>> 2];
    const flow = entry === 0 ? u32[(address + S_FRAME_NO) >>> 2] : u32[(entry + F_ID) >>> 2];
    const at = address + S_DESCRIPTOR + D_INGRESS_TIME;
    const ingress = (u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3];
    const sequence = u32[(address + S_SEQ) >>> 2];
    return mix3(mix2(this.services.seed, flow), (sequence << 1) | u8[address + S_REVERSE], ingress);
  }
}

/** @throws FlowgridError `usage` when the function does not have the frames parsed that are to be remembered. */
function mappingFor(fn: PacketFunction, services: FunctionServices): FrameMapping {
  if (fn.reads === 'headers') return new FrameMapping(services);
  throw new FlowgridError('usage', `the function sends mapped frames, but reads ${fn.reads}`, {
    remedy: "let it declare `reads: 'headers'`",
  });
}
