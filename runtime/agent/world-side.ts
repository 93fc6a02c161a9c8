import type { Micros, NodeRef } from '../../domain/base/ids';
import type { PublishedTopology } from '../../domain/topology/topology';
import type { Arena } from '../../dataplane/frames/arena';
import { FRAME_MAX, S_FRAME_NO, S_LEN, S_OFF, S_TIME, SLOT_FRAME } from '../../dataplane/frames/layout';
import { SlotPool } from '../../dataplane/frames/slots';
import type { Fabric } from '../../dataplane/rings/fabric';
import { WorldPort } from '../../dataplane/node/world-port';
import type { FrameSink, FrameWriter } from './dataplane-host';

/** The external networks' side of a hosted dataplane: slots in, slots out. Lives in the driver's thread. */
export class WorldSide {
  private readonly port: WorldPort;
  private readonly slots: SlotPool;

  constructor(
    private readonly arena: Arena,
    fabric: Fabric,
    private readonly output: FrameSink,
  ) {
    this.port = new WorldPort(arena, fabric);
    this.slots = new SlotPool(arena);
  }

  install(published: PublishedTopology): void {
    this.port.install(published);
  }

  setReachable(node: NodeRef, reachable: boolean): void {
    this.port.setAlive(node, reachable);
  }

  /** See `DataplaneHost.inject`. */
  inject(network: number, at: Micros, frameNo: number, write: FrameWriter): boolean {
    const slot = this.slots.allocate();
    if (slot < 0) return false;
    const { arena } = this;
    const address = arena.slot(slot);
    arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    arena.u32[(address + S_LEN) >>> 2] = write(arena.u8, address + SLOT_FRAME, FRAME_MAX);
    arena.u32[(address + S_FRAME_NO) >>> 2] = frameNo;
    arena.f64[(address + S_TIME) >>> 3] = at;
    if (this.port.inject(network, slot)) return true;
    this.slots.free(slot);
    return false;
  }

  /** Shows what was injected to the INODEs. */
  publish(): void {
    this.port.publish();
  }

  /** Hands out every frame that has left the grid; returns how many. */
  drain(): number {
    const { arena } = this;
    return this.port.drain((slot, network) => {
      const address = arena.slot(slot);
      const start = address + arena.u32[(address + S_OFF) >>> 2]!;
      const length = arena.u32[(address + S_LEN) >>> 2]!;
      const at = arena.f64[(address + S_TIME) >>> 3]!;
      this.output(network, at, arena.u32[(address + S_FRAME_NO) >>> 2]!, arena.u8, start, length);
      this.slots.free(slot);
    });
  }
}
