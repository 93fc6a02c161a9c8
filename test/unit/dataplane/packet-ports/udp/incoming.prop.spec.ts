import * as fc from 'fast-check';
import { Arena } from '../../../../../dataplane/frames/arena';
import { S_LEN, S_OFF } from '../../../../../dataplane/frames/layout';
import { SlotPool } from '../../../../../dataplane/frames/slots';
import { addFrame, beginDatagram, SEALED_FRAME_MAX } from '../../../../../dataplane/packet-ports/udp/datagram';
import { Incoming } from '../../../../../dataplane/packet-ports/udp/incoming';

const SLOTS = 64;
const arena = Arena.create({ slots: SLOTS, bytes: 4 * 1024 * 1024 });
const list = arena.allocate(4 * SLOTS);
const slots = new SlotPool(arena);
/** One way in for all tests: what a datagram leaves behind must not disturb the next. */
const incoming = new Incoming({ arena, slots });

/** A datagram of these frames, as the way out packs it. */
function datagram(frames: readonly Uint8Array[], sequence = 0): Uint8Array {
  const u8 = new Uint8Array(SEALED_FRAME_MAX + 66_000);
  let length = beginDatagram(u8, SEALED_FRAME_MAX, 7, sequence);
  for (const frame of frames) {
    u8.set(frame, 0);
    length = addFrame(u8, SEALED_FRAME_MAX, length, 0, frame.length);
  }
  return u8.slice(SEALED_FRAME_MAX, SEALED_FRAME_MAX + length);
}

/** Everything that waits, frame by frame; slots go back. */
function drain(): Buffer[] {
  const frames: Buffer[] = [];
  for (let n = incoming.receive(list, SLOTS); n > 0; n = incoming.receive(list, SLOTS)) {
    for (let i = 0; i < n; i++) {
      const slot = arena.u32[(list >>> 2) + i]!;
      const address = arena.slot(slot);
      const start = address + arena.u32[(address + S_OFF) >>> 2]!;
      frames.push(Buffer.from(arena.u8.slice(start, start + arena.u32[(address + S_LEN) >>> 2]!)));
      slots.free(slot);
    }
  }
  return frames;
}

const anyFrame = fc.uint8Array({ minLength: 14, maxLength: 300 });
const anyFrames = fc.array(anyFrame, { minLength: 1, maxLength: 20 });
const good = [Buffer.alloc(60, 1), Buffer.alloc(61, 2)];

/** Sends a good datagram behind whatever was sent: it must be read as if nothing had been. */
function expectUnharmed(): void {
  incoming.arrived(datagram(good));
  expect(drain().slice(-2)).toEqual(good);
  expect(slots.countFree()).toBe(SLOTS);
}

describe('datagrams that arrive', () => {
  it('FG-302: are taken apart into the frames that were put in', () => {
    fc.assert(
      fc.property(fc.array(anyFrames, { minLength: 1, maxLength: 5 }), (datagrams) => {
        for (const frames of datagrams) incoming.arrived(datagram(frames));
        expect(drain()).toEqual(datagrams.flat().map((frame) => Buffer.from(frame)));
      }),
    );
    expect(slots.countFree()).toBe(SLOTS);
  });

  it('FG-303: are dropped whole and counted when they are anything else, and harm nothing', () => {
    let dropped = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        const before = incoming.malformed;
        incoming.arrived(bytes);
        expect(drain()).toEqual([]);
        expect(incoming.malformed).toBe(before + 1);
        dropped++;
        expectUnharmed();
      }),
    );
    expect(dropped).toBeGreaterThan(50);
  });

  it('FG-303: cut off, grown or with one byte changed, are frames of possible lengths or nothing', () => {
    let refused = 0;
    let accepted = 0;
    const change = fc.record({
      frames: anyFrames,
      cut: fc.nat(),
      grow: fc.nat(3),
      at: fc.nat(),
      to: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(change, fc.constantFrom('cut', 'grow', 'byte'), ({ frames, cut, grow, at, to }, kind) => {
        const whole = datagram(frames);
        const bytes =
          kind === 'cut'
            ? whole.slice(0, cut % whole.length)
            : kind === 'grow'
              ? Uint8Array.of(...whole, ...new Uint8Array(grow + 1))
              : Uint8Array.from(whole);
        if (kind === 'byte') bytes[at % bytes.length] = to;
        const before = incoming.malformed;
        incoming.arrived(bytes);
        const taken = drain();
        const isRefused = incoming.malformed === before + 1;
        expect(isRefused).toBe(taken.length === 0);
        if (kind !== 'byte') expect(isRefused).toBe(true);
        for (const frame of taken) expect(frame.length).toBeGreaterThanOrEqual(14);
        if (isRefused) refused++;
        else accepted++;
        expectUnharmed();
      }),
      { numRuns: 300 },
    );
    expect(Math.min(refused, accepted)).toBeGreaterThan(20);
  });

  it('FG-303: longer than any datagram are refused before they are looked at', () => {
    const before = incoming.malformed;
    incoming.arrived(new Uint8Array(65_508));
    expect(drain()).toEqual([]);
    expect(incoming.malformed).toBe(before + 1);
    expectUnharmed();
  });

  it('FG-304: wait in a bounded queue, over which they are dropped and counted', () => {
    for (let n = 0; n < 1030; n++) incoming.arrived(datagram([Buffer.alloc(60, n)], n));
    expect(incoming.overrun).toBe(6);
    expect(drain()).toHaveLength(1024);
    expectUnharmed();
  });
});

describe('datagrams that do not arrive', () => {
  const memory = { arena, slots };
  const missing = (...sequences: number[]): number => {
    const fresh = new Incoming(memory);
    for (const sequence of sequences) fresh.arrived(datagram(good, sequence));
    for (let n = fresh.receive(list, SLOTS); n > 0; n = fresh.receive(list, SLOTS)) {
      for (let i = 0; i < n; i++) slots.free(arena.u32[(list >>> 2) + i]!);
    }
    return fresh.streams.missing;
  };

  it('FG-305: are counted by the gap that they leave, until they arrive late', () => {
    expect(missing(5, 6, 7)).toBe(0);
    expect(missing(5, 8)).toBe(2);
    expect(missing(5, 8, 6)).toBe(1);
    expect(missing(0xffff_fffe, 1)).toBe(2);
  });
});
