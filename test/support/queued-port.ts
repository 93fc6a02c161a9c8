import { S_LEN, S_OFF, SLOT_FRAME } from '../../dataplane/frames/layout';
import type { PacketPort, PortListener, PortMemory, PortStatistics } from '../../dataplane/packet-ports/port';

/** A packet port in this process: what arrives waits in order, and what is sent goes at once where {@link leave} takes it. */
export abstract class QueuedPort implements PacketPort {
  private readonly queue: Uint8Array[] = [];
  private readonly counted = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };

  constructor(
    protected readonly memory: PortMemory,
    private readonly listener: PortListener,
    /** Of each batch it takes so many frames at most. */
    public takes = Infinity,
  ) {}

  /** Takes away the frame in the slot at an address; the bytes are the slot's, which is free afterwards. */
  protected abstract leave(address: number, frame: Uint8Array): void;

  abstract close(): Promise<void>;

  arrived(frame: Uint8Array): void {
    this.queue.push(frame);
    this.listener.readable();
  }

  receive(list: number, max: number): number {
    const { arena, slots } = this.memory;
    for (let n = 0; n < max; n++) {
      const slot = this.queue.length === 0 ? -1 : slots.allocate();
      if (slot < 0) return n;
      const frame = this.queue.shift()!;
      const address = arena.slot(slot);
      arena.u8.set(frame, address + SLOT_FRAME);
      arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
      arena.u32[(address + S_LEN) >>> 2] = frame.length;
      arena.u32[(list >>> 2) + n] = slot;
      this.counted.framesIn++;
      this.counted.bytesIn += frame.length;
    }
    return max;
  }

  send(list: number, n: number): number {
    const { arena, slots } = this.memory;
    const taken = Math.min(n, this.takes);
    for (let i = 0; i < taken; i++) {
      const slot = arena.u32[(list >>> 2) + i]!;
      const address = arena.slot(slot);
      const start = address + arena.u32[(address + S_OFF) >>> 2]!;
      const length = arena.u32[(address + S_LEN) >>> 2]!;
      this.leave(address, arena.u8.subarray(start, start + length));
      this.counted.framesOut++;
      this.counted.bytesOut += length;
      slots.free(slot);
    }
    return taken;
  }

  statistics(): PortStatistics {
    return { ...this.counted, dropped: {} };
  }
}
