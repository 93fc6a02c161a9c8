import { S_FLOW, S_REASON } from '../frames/layout';
import { reason } from '../frames/reasons';
import type { Node } from './node';

const CLUSTER_DROP = reason('cluster-drop');
const HOLD_BUDGET = reason('hold-budget');
/** Frames that wait at one INODE, at most; further ones are dropped as `hold-budget`. */
const WAITING_MAX = 8192;

/**
 * Where an INODE keeps frames of live flows from entering the grid: they wait while their flow's path changes
 * ({@link ModeChanges}), and end here while the flow leads through a cluster in mode `drop`.
 */
export class Entrances {
  /** By flow entry: slots that wait, oldest first. */
  private readonly waiting = new Map<number, number[]>();
  private waitingCount = 0;

  constructor(private readonly node: Node) {}

  /** Whether any flow's frames may have to be withheld. */
  get areGuarded(): boolean {
    return this.waiting.size > 0 || this.node.side.dropping > 0;
  }

  isPaused(flow: number): boolean {
    return this.waiting.has(flow);
  }

  /** Frames of the flow wait from now on. */
  pause(flow: number): void {
    if (!this.waiting.has(flow)) this.waiting.set(flow, []);
  }

  /** Frames of the flow enter from now on; gives up those that waited, in order, to `enter`. */
  resume(flow: number, enter: (slot: number) => void): void {
    const slots = this.waiting.get(flow);
    if (slots === undefined) return;
    this.waiting.delete(flow);
    this.forgetCount(slots.length);
    for (const slot of slots) enter(slot);
  }

  /** Takes the frames out of a list that must not enter now; returns how many are left, in order. */
  withhold(list: number, n: number): number {
    const { ctx, side } = this.node;
    const { u16, u32 } = ctx.arena;
    let m = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      const flow = u32[(address + S_FLOW) >>> 2];
      const isRefused = flow === 0 || u16[(address + S_REASON) >>> 1] !== 0;
      if (isRefused) u32[(list >>> 2) + m++] = slot;
      else if (side.isDropped[this.node.aux(flow)] === 1) this.node.drop(slot, CLUSTER_DROP);
      else if (!this.waits(slot, flow)) u32[(list >>> 2) + m++] = slot;
    }
    return m;
  }

  /** The flow is forgotten: what waited of it goes with it. */
  forget(flow: number): void {
    this.resume(flow, (slot) => this.node.drop(slot, HOLD_BUDGET));
  }

  /** The node dies: gives up every slot it holds to `lose`. */
  abandon(lose: (slot: number) => void): void {
    for (const flow of [...this.waiting.keys()]) this.resume(flow, lose);
  }

  private waits(slot: number, flow: number): boolean {
    const slots = this.waiting.get(flow);
    if (slots === undefined) return false;
    if (this.waitingCount >= WAITING_MAX) {
      this.node.drop(slot, HOLD_BUDGET);
      return true;
    }
    slots.push(slot);
    this.waitingCount++;
    this.node.inFlight++;
    return true;
  }

  private forgetCount(n: number): void {
    this.waitingCount -= n;
    this.node.inFlight -= n;
  }
}
