import { S_NEXT } from '../frames/layout';
import { reason } from '../frames/reasons';
import type { Neighbours } from '../layer3/neighbours';
import type { Node } from './node';

const HOLD_BUDGET = reason('hold-budget');
/** Frames that wait for one neighbour to be found, and for all, at most: the oldest of the neighbour goes (RFC 1122 2.3.2.2). */
const WAITING_PER_NEIGHBOUR = 64;
const WAITING_MAX = 1024;

/** No slot. */
export const NOBODY = -1;

/** Frames that wait until their next hop is known, for each neighbour in order: lists through the slots themselves. */
export class WaitingFrames {
  private held = 0;

  constructor(private readonly node: Node) {}

  /** A frame waits for an entry; its slot is taken over. */
  hold(table: Neighbours, entry: number, slot: number, address: number): void {
    const { ctx } = this.node;
    const { u32 } = ctx.arena;
    const isFull = table.waiting[entry] >= WAITING_PER_NEIGHBOUR || this.held >= WAITING_MAX;
    const oldest = isFull ? this.take(table, entry) : NOBODY;
    if (oldest !== NOBODY) this.node.drop(oldest, HOLD_BUDGET);
    else if (isFull) {
      this.node.drop(slot, HOLD_BUDGET);
      return;
    }
    u32[(address + S_NEXT) >>> 2] = NOBODY >>> 0;
    const last = table.tails[entry];
    if (last === NOBODY) table.heads[entry] = slot;
    else u32[(ctx.slot(last) + S_NEXT) >>> 2] = slot;
    table.tails[entry] = slot;
    table.waiting[entry]++;
    this.held++;
    this.node.inFlight++;
  }

  /** The oldest slot that waits for an entry, which does so no more; {@link NOBODY} = none. */
  take(table: Neighbours, entry: number): number {
    const slot = table.heads[entry];
    if (slot === NOBODY) return NOBODY;
    const { ctx } = this.node;
    table.heads[entry] = ctx.arena.u32[(ctx.slot(slot) + S_NEXT) >>> 2] | 0;
    if (table.heads[entry] === NOBODY) table.tails[entry] = NOBODY;
    table.waiting[entry]--;
    this.held--;
    this.node.inFlight--;
    return slot;
  }
}
