import { Arena } from '../../dataplane/frames/arena';
import { S_LEN, S_OFF, SLOT_FRAME } from '../../dataplane/frames/layout';
import { SlotPool } from '../../dataplane/frames/slots';
import type { OpenPort, PacketPort } from '../../dataplane/packet-ports/port';
import { until } from '../support/udp';

/** Two ports of which each receives what the other sends. */
export interface JoinedPorts {
  readonly here: OpenPort;
  readonly there: OpenPort;
}

const SLOTS = 256;

/** One end: a port, its memory, and what it has received. */
class End {
  readonly arena = Arena.create({ slots: SLOTS, bytes: 16 * 1024 * 1024 });
  readonly slots = new SlotPool(this.arena);
  readonly list = this.arena.allocate(4 * 64);
  readonly received: Buffer[] = [];
  port!: PacketPort;
  readable = 0;

  async open(open: OpenPort): Promise<void> {
    const listener = { readable: () => this.readable++, writable: () => undefined };
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
      if (taken === 0) await until(() => true);
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

const frame = (n: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length, n);
  bytes.writeUInt32BE(n, 0);
  return bytes;
};

/**
 * What every packet port guarantees, and no more: a frame that arrives, arrives whole and unchanged, and in order as long
 * as none is lost; slots of frames that a port took come back; ends that do not drain lose frames and nothing else. The
 * tests send few enough frames at a time that the outside loses none.
 */
export function describePacketPort(name: string, join: () => Promise<JoinedPorts>): void {
  describe(`packet port (${name})`, () => {
    let here: End;
    let there: End;
    beforeEach(async () => {
      here = new End();
      there = new End();
      const joined = await join();
      await there.open(joined.there);
      await here.open(joined.here);
    });
    afterEach(() => Promise.all([here.port.close(), there.port.close()]));

    const arrive = (end: End, n: number): Promise<void> =>
      until(() => {
        end.take();
        return end.received.length >= n;
      });

    it('FG-300: frames of every length arrive unchanged and in order, both ways', async () => {
      const lengths = [14, 15, 60, 61, 1514, 9000, 16_384, 16_634, 14];
      const frames = lengths.map((length, n) => frame(n, length));
      await here.send(frames);
      await arrive(there, frames.length);
      await there.send(frames);
      await arrive(here, frames.length);
      expect(there.received).toEqual(frames);
      expect(here.received).toEqual(frames);
      expect(there.readable).toBeGreaterThan(0);
    });

    it('FG-300: a batch is received in parts when less is asked for', async () => {
      const frames = Array.from({ length: 40 }, (_, n) => frame(n, 100));
      await here.send(frames);
      await until(() => {
        expect(there.take(7)).toBeLessThanOrEqual(7);
        return there.received.length >= frames.length;
      });
      expect(there.received).toEqual(frames);
    });

    it('FG-301: slots come back when frames are gone, and are counted', async () => {
      const frames = Array.from({ length: 64 }, (_, n) => frame(n, 1000));
      for (let round = 1; round <= 20; round++) {
        await here.send(frames);
        await arrive(there, round * frames.length);
      }
      await until(() => here.slots.countFree() === SLOTS);
      expect(there.slots.countFree()).toBe(SLOTS);
      const bytes = 20 * 64 * 1000;
      expect(here.port.statistics()).toEqual({
        framesIn: 0,
        framesOut: 1280,
        bytesIn: 0,
        bytesOut: bytes,
        dropped: {},
      });
      expect(there.port.statistics()).toEqual({
        framesIn: 1280,
        framesOut: 0,
        bytesIn: bytes,
        bytesOut: 0,
        dropped: {},
      });
    });

    it('FG-301: without a free slot frames wait', async () => {
      const taken = Array.from({ length: SLOTS }, () => there.slots.allocate());
      await here.send([frame(1, 100)]);
      await until(() => there.readable > 0);
      expect(there.take()).toBe(0);
      for (const slot of taken) there.slots.free(slot);
      await arrive(there, 1);
      expect(there.received).toEqual([frame(1, 100)]);
    });
  });
}
