import { reason } from '../frames/reasons';
import { D_FLOW_ID, D_FLOW_TYPE, S_FROM, S_LEN, S_OFF, S_TO } from '../frames/layout';
import { CONTROL_PASS } from './control-frames';
import type { Node } from './node';

const NODE_DEAD = reason('node-dead');

/** What becomes of frames that are with a node when it dies, or come to it afterwards: they are lost, and counted. */
export class LostFrames {
  constructor(private readonly node: Node) {}

  /**
   * Frames that came to a dead node. Control frames are no traffic, and their loss is nobody's, but for those that carry
   * a frame.
   */
  all(list: number, n: number): void {
    const { u32 } = this.node.ctx.arena;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      if (this.carriesTraffic(this.node.ctx.slot(slot))) this.one(slot);
      else this.node.ctx.slots.free(slot);
    }
  }

  /** Judged by the descriptor at the frame's end: nobody has taken it off a frame that nobody received. */
  private carriesTraffic(address: number): boolean {
    const { u8, u16, u32, view } = this.node.ctx.arena;
    if (u16[(address + S_FROM) >>> 1] === 0) return true;
    const end = address + u32[(address + S_OFF) >>> 2] + u32[(address + S_LEN) >>> 2];
    const descriptor = end - u8[end - 1];
    if (view.getUint16(descriptor + D_FLOW_TYPE) !== 0) return true;
    return view.getUint32(descriptor + D_FLOW_ID) >>> 24 === CONTROL_PASS;
  }

  /** One frame that was with the node, or on its way to it. */
  one(slot: number): void {
    const address = this.node.ctx.slot(slot);
    const { u16 } = this.node.ctx.arena;
    this.node.counters.drop(NODE_DEAD);
    this.node.ctx.observe('lost', address, u16[(address + S_FROM) >>> 1], u16[(address + S_TO) >>> 1] || this.node.ref);
    this.node.ctx.slots.free(slot);
  }
}
