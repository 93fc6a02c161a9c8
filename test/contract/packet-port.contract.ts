import type { OpenPort } from '../../dataplane/packet-ports/port';
import { PortEnd, SLOTS } from '../support/port-end';
import { until } from '../support/udp';

/** Two ports of which each receives what the other sends. */
export interface JoinedPorts {
  readonly here: OpenPort;
  readonly there: OpenPort;
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
    let here: PortEnd;
    let there: PortEnd;
    beforeEach(async () => {
      here = new PortEnd();
      there = new PortEnd();
      const joined = await join();
      await there.open(joined.there);
      await here.open(joined.here);
    });
    afterEach(() => Promise.all([here.port.close(), there.port.close()]));

    const arrive = (end: PortEnd, n: number): Promise<void> =>
      until(() => {
        end.take();
        return end.received.length >= n;
      });

    it('FG-300: frames of every length arrive unchanged and in order, both ways', async () => {
      const lengths = [14, 15, 60, 61, 1514, 9000, 16_384, 16_634, 14];
      const frames = lengths.map((length, n) => frame(n, length));
      await here.send(frames);
      // Who waits is told, and needs not look before.
      await until(() => there.readable > 0);
      await arrive(there, frames.length);
      await there.send(frames);
      await arrive(here, frames.length);
      expect(there.received).toEqual(frames);
      expect(here.received).toEqual(frames);
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
      expect(here.port.statistics()).toMatchObject({
        framesIn: 0,
        framesOut: 1280,
        bytesIn: 0,
        bytesOut: bytes,
        dropped: {},
      });
      expect(there.port.statistics()).toMatchObject({
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
