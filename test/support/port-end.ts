import { setImmediate as turn } from 'node:timers/promises';
import { Arena } from '../../dataplane/frames/arena';
import { S_LEN, S_OFF, SLOT_FRAME } from '../../dataplane/frames/layout';
import { SlotPool } from '../../dataplane/frames/slots';
import type { OpenPort, PacketPort } from '../../dataplane/packet-ports/port';

/** Slots of an end's memory. */
export const SLOTS = 256;

/** The far end of what a test joins by ports: a port, its memory, and what it has received. */
export class PortEnd {
  readonly arena = Arena.create({ slots: SLOTS, bytes: 16 * 1024 * 1024 });
  readonly slots = new SlotPool(this.arena);
  readonly list = this.arena.allocate(4 * 64);
  readonly received: Buffer[] = [];
  port!: PacketPort;
  readable = 0;
  onReadable: () => void = () => undefined;

  async open(open: OpenPort): Promise<void> {
    const listener = {
      readable: () => {
        this.readable++;
        this.onReadable();
      },
      writable: () => undefined,
    };
    this.port = await open({ arena: this.arena, slots: this.slots }, listener);
  }

  /** Sends frames in batches of up to 64, again and again where the port takes less; resolves when all are taken. */
  async send(frames: readonly Uint8Array[]): Promise<void> {
    for (let next = 0; next < frames.length;) {
      const batch = frames.slice(next, next + 64);
      batch.forEach((frame, i) => (this.arena.u32[(this.list >>> 2) + i] = this.put(frame)));
      const taken = this.port.send(this.list, batch.length);
      for (let i = taken; i < batch.length; i++) this.slots.free(this.arena.u32[(this.list >>> 2) + i]!);
      next += taken;
      if (taken === 0) await turn();
    }
  }

  /** Takes what has arrived, `max` frames at a time. */
  take(max = 64): number {
    const n = this.port.receive(this.list, max);
    for (let i = 0; i < n; i++) {
      const slot = this.arena.u32[(this.list >>> 2) + i]!;
      const address = this.arena.slot(slot);
      const start = address + this.arena.u32[(address + S_OFF) >>> 2]!;
      this.received.push(Buffer.from(this.arena.u8.slice(start, start + this.arena.u32[(address + S_LEN) >>> 2]!)));
      this.slots.free(slot);
    }
    return n;
  }

  private put(frame: Uint8Array): number {
    const slot = this.slots.allocate();
    const address = this.arena.slot(slot);
    this.arena.u8.set(frame, address + SLOT_FRAME);
    this.arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    this.arena.u32[(address + S_LEN) >>> 2] = frame.length;
    return slot;
  }
}
