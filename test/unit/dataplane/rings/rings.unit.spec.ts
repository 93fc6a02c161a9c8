import * as fc from 'fast-check';
import { Arena } from '../../../../dataplane/frames/arena';
import { Fabric, WORLD } from '../../../../dataplane/rings/fabric';
import { createRing, RingReader, RingWriter } from '../../../../dataplane/rings/spsc-ring';

const arena = Arena.create({ slots: 16, bytes: 8 * 1024 * 1024 });
const list = arena.allocate(4 * 64);

function take(reader: RingReader, max: number): number[] {
  const n = reader.take(list, max);
  return Array.from({ length: n }, (_, i) => arena.u32[(list >>> 2) + i]);
}

describe('ring of one producer and one consumer', () => {
  test('shows nothing before it is published, then everything in order', () => {
    const ring = createRing(arena, 8);
    const writer = new RingWriter(arena, ring);
    const reader = new RingReader(arena, ring);
    expect([writer.push(3), writer.push(1)]).toEqual([true, true]);
    expect(take(reader, 64)).toEqual([]);
    expect(writer.publish()).toBe(2);
    expect(reader.pending).toBe(2);
    expect(take(reader, 1)).toEqual([3]);
    expect(take(reader, 64)).toEqual([1]);
    expect(writer.publish()).toBe(0);
  });

  test('refuses when it is full and takes again when there is room', () => {
    const ring = createRing(arena, 4);
    const writer = new RingWriter(arena, ring);
    const reader = new RingReader(arena, ring);
    for (let i = 0; i < 4; i++) expect(writer.push(i)).toBe(true);
    expect(writer.push(4)).toBe(false);
    writer.publish();
    expect(take(reader, 2)).toEqual([0, 1]);
    expect(writer.push(4)).toBe(true);
  });

  test('keeps order and loses nothing under any interleaving, over the wrap of its positions', () => {
    const ring = createRing(arena, 8);
    // Positions are counted modulo 2^32: begin just before the wrap.
    arena.u32[(ring + 64) >>> 2] = arena.u32[(ring + 128) >>> 2] = 0xffff_fff0;
    const writer = new RingWriter(arena, ring);
    const reader = new RingReader(arena, ring);
    const expected: number[] = [];
    const got: number[] = [];
    let next = 0;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 60 }), (steps) => {
        for (const step of steps) {
          if (step === 0 && writer.push(next)) expected.push(next++);
          if (step === 1) writer.publish();
          if (step === 2) got.push(...take(reader, 3));
        }
        writer.publish();
        for (let more = take(reader, 64); more.length > 0; more = take(reader, 64)) got.push(...more);
        expect(got).toEqual(expected);
      }),
    );
    expect(got.length).toBeGreaterThan(100);
  });
});

describe('fabric', () => {
  test('joins every producer with every node that has an inbox, also for another thread’s view', () => {
    const fabric = Fabric.create(arena, 2, 8);
    const other = Fabric.attach(arena, structuredClone(fabric.share()));
    expect(other.writer(0, 257)).toBeUndefined();
    fabric.openInbox(257);
    for (const producer of [0, 1, other.groups]) {
      const writer = other.writer(producer, 257);
      writer?.push(10 + producer);
      writer?.publish();
    }
    expect(fabric.readers(257).map((reader) => take(reader, 8))).toEqual([[10], [11], [12]]);
    expect(() => fabric.readers(258)).toThrow(expect.objectContaining({ code: 'internal' }));
    expect(fabric.readers(WORLD)).toHaveLength(3);
  });

  test('keeps the rings of a node that returns', () => {
    const fabric = Fabric.create(arena, 1, 8);
    fabric.openInbox(300);
    const address = fabric.writer(0, 300)?.address;
    fabric.openInbox(300);
    expect(fabric.writer(0, 300)?.address).toBe(address);
  });

  test('is at rest exactly when all that was published has been dealt with', () => {
    const fabric = Fabric.create(arena, 2, 8);
    expect(fabric.quiescent()).toBe(true);
    fabric.countPublished(0, 3);
    fabric.countConsumed(1, 2);
    expect(fabric.quiescent()).toBe(false);
    fabric.countPublished(1, 1);
    fabric.countConsumed(1, 1);
    expect(fabric.quiescent()).toBe(false);
    fabric.countConsumed(2, 1);
    expect(fabric.quiescent()).toBe(true);
  });

  test('FG-201: knows when nothing is left to do inside, whatever still waits for the world', () => {
    const fabric = Fabric.create(arena, 2, 8);
    fabric.openInbox(5);
    expect([fabric.underWay(), fabric.restsInside()]).toEqual([0, true]);
    // A frame enters group 0, which hands it out to the world.
    fabric.countPublished(2, 1);
    expect([fabric.underWay(), fabric.restsInside()]).toEqual([1, false]);
    const out = fabric.writer(0, WORLD)!;
    out.push(7);
    fabric.countPublished(0, 1);
    expect(fabric.restsInside()).toBe(false);
    out.publish();
    fabric.countConsumed(0, 1);
    expect([fabric.underWay(), fabric.restsInside()]).toEqual([1, true]);
    expect(take(fabric.readers(WORLD)[0], 64)).toEqual([7]);
    fabric.countConsumed(2, 1);
    expect([fabric.underWay(), fabric.restsInside()]).toEqual([0, true]);
  });

  test('refuses a capacity that is no power of two', () => {
    expect(() => Fabric.create(arena, 1, 12)).toThrow(expect.objectContaining({ code: 'internal' }));
  });
});
