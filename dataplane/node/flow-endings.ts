import type { FlowId, Micros } from '../../domain/base/ids';
import { F_CONNS, F_COUNT, F_EMITTER, F_LAST, FS_ENDED } from '../frames/layout';
import type { Detours } from './detours';
import type { FlowMoves } from './flow-moves';
import { PHASE_GONE } from './flow-side';
import type { Gateway } from './gateway';
import type { Handover } from './handover';
import type { ModeChanges } from './mode-changes';
import type { Node } from './node';
import type { Stage } from './stage';

/**
 * Hello intervals in which the whole flow table is looked at once for forgotten flows: 10 s by default, a sixth of the margin.
 * Every look is a cache miss, and all nodes look at each round.
 */
const SWEEP_INTERVALS = 1024;
/** A node that did not hear of a flow's end keeps it this long beyond the longest idle timeout, microseconds. */
const FORGET_MARGIN_US = 60_000_000;

/** Arguments of `END`. */
const OVER = 0;
/** The flow's path was shortened, so that nobody behind the receiver is to be told. */
export const LEFT_OUT = 1;

/** How flows that others began end at a node: by the word of the stage before, or by long silence. */
export class FlowEndings {
  /** IDs of flows whose end has to wait for what is under way with them. */
  private readonly postponed: { readonly id: FlowId; readonly argument: number }[] = [];
  private cursor = 0;

  constructor(
    private readonly node: Node,
    private readonly stage: Stage,
    private readonly handover: Handover,
    private readonly moves: FlowMoves,
    private readonly detours: Detours,
    private readonly modes: ModeChanges,
    /** INODEs only. */
    private readonly gateway: Gateway | undefined,
  ) {}

  /**
   * `END`: the flow is forgotten, and the next stage told; but not while frames of it are held, whose emitter may have
   * died before it could send them.
   */
  onEnd(id: FlowId, argument: number): void {
    const { u8, u16, u32 } = this.node.ctx.arena;
    const flow = this.node.flows.find(id);
    if (flow === 0) {
      this.node.choices.forget(id);
      return;
    }
    // The flow's route was empty when it was laid anew: what is held here has been sent.
    if (argument === LEFT_OUT) this.stage.forget(flow);
    const isUnderWay = this.moves.isUnderWay(flow) || this.detours.isUnderWay(flow) || this.modes.isUnderWay(id);
    if (this.stage.isHolding(flow) || isUnderWay) {
      this.postponed.push({ id, argument });
      return;
    }
    const end = this.node.isSecondary(flow) ? 0 : u8[flow + F_COUNT] - 1;
    const last = this.node.side.position[this.node.aux(flow)] === end;
    if (u32[(flow + F_CONNS) >>> 2] > 0) {
      this.node.setState(flow, FS_ENDED);
      this.gateway?.endConnections(flow);
      return;
    }
    const { confidant, movedFrom, phase } = this.node.side;
    const aux = this.node.aux(flow);
    const emitter = u16[(flow + F_EMITTER) >>> 1];
    const gone = (phase[aux] & PHASE_GONE) !== 0;
    const behind = last ? [] : [...this.node.hopsBehind(flow), confidant[aux], movedFrom[aux]];
    const hops = gone ? [emitter] : behind;
    const emits = emitter === this.node.ref || gone;
    const leftOut = this.node.side.leftOut[aux] ?? [];
    this.forget(flow);
    if (!emits || argument === LEFT_OUT) return;
    for (const to of leftOut) this.node.tellEnd(id, to, LEFT_OUT);
    for (const to of [...hops, ...(this.gateway?.peers() ?? [])]) this.node.tellEnd(id, to, OVER);
  }

  /** At each hello round: ends that had to wait are tried again. */
  endPostponed(): void {
    if (this.postponed.length === 0) return;
    for (const { id, argument } of this.postponed.splice(0)) this.onEnd(id, argument);
  }

  /** At each hello round: flows whose end did not reach this node are forgotten when they cannot live any more. */
  forgetSilent(longestIdleUs: Micros): void {
    const before = this.node.ctx.now - longestIdleUs - FORGET_MARGIN_US;
    const { flows, ctx } = this.node;
    if (flows.size === 0) return;
    const { u32, f64 } = ctx.arena;
    const budget = Math.ceil(flows.capacity / SWEEP_INTERVALS) * ctx.intervals;
    this.cursor = flows.scan(this.cursor, budget, (flow) => {
      if (f64[(flow + F_LAST) >>> 3] < before && u32[(flow + F_CONNS) >>> 2] === 0) this.forget(flow);
    });
  }

  private forget(flow: number): void {
    this.handover.forget(flow);
    this.stage.forget(flow);
    this.node.removeFlow(flow);
  }
}
