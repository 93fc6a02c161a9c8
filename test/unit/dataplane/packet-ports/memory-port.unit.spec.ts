import { Arena } from '../../../../dataplane/frames/arena';
import { S_LEN, S_OFF } from '../../../../dataplane/frames/layout';
import { SlotPool } from '../../../../dataplane/frames/slots';
import { MemoryNetwork, MemoryPort, type MemoryFrames } from '../../../../dataplane/packet-ports/memory-port';

/** Frames that are as long as `lengths` say, each filled with its place among them plus `first`. */
function filled(first: number, ...lengths: number[]): MemoryFrames {
  return {
    length: lengths.length,
    copyTo: (index, target, at) => {
      target.fill(first + index, at, at + lengths[index]!);
      return lengths[index]!;
    },
  };
}

function opened(slots = 64) {
  const network = MemoryNetwork.create([filled(10, 60, 61), filled(20, 62)], filled(30, 63, 1500), 1500);
  const arena = Arena.create({ slots, bytes: 1 << 20 });
  const pool = new SlotPool(arena);
  const list = arena.allocate(4 * 64, 4);
  const port = new MemoryPort({ arena, slots: pool }, network.share);
  const numbers = (n: number): number[] => [...arena.u32.slice(list >>> 2, (list >>> 2) + n)];
  /** What lies in the slots of the list: length and first and last byte of each frame. */
  const frames = (n: number): number[][] =>
    numbers(n).map((slot) => {
      const address = arena.slot(slot);
      const start = address + arena.u32[(address + S_OFF) >>> 2]!;
      const length = arena.u32[(address + S_LEN) >>> 2]!;
      return [length, arena.u8[start]!, arena.u8[start + length - 1]!];
    });
  return { network, port, pool, list, frames };
}

describe('a network in memory', () => {
  it('FG-425: lets frames enter in order, as many as are granted, and begins anew with those that repeat', () => {
    const { network, port, list, frames } = opened();
    expect(port.receive(list, 64)).toBe(0);
    network.grant(2);
    expect(port.receive(list, 64)).toBe(2);
    expect(frames(2)).toEqual([
      [60, 10, 10],
      [61, 11, 11],
    ]);
    network.grant(5);
    expect(port.receive(list, 4)).toBe(4);
    expect(frames(4)).toEqual([
      [62, 20, 20],
      [63, 30, 30],
      [1500, 31, 31],
      [63, 30, 30],
    ]);
    expect(port.receive(list, 4)).toBe(1);
    expect(frames(1)).toEqual([[1500, 31, 31]]);
    expect(network.entered).toBe(7);
    expect(port.statistics()).toMatchObject({ framesIn: 7, bytesIn: 60 + 61 + 62 + 2 * 1563 });
  });

  it('FG-425: counts what leaves, and gives its slots back', () => {
    const { network, port, pool, list } = opened();
    const before = pool.countFree();
    network.grant(6);
    port.receive(list, 6);
    expect(port.send(list, 6)).toBe(6);
    expect(pool.countFree()).toBe(before);
    expect(network.left).toBe(6);
    network.awaitEntered(6, 1);
    network.awaitLeft(6, 1);
    expect(() => network.awaitLeft(7, 1)).toThrow(/came to rest after 6 frames of 7/);
  });

  it('FG-425: takes no frame from the network when no slot is free', () => {
    const { network, port, list } = opened(16);
    network.grant(64);
    expect(port.receive(list, 64)).toBe(16);
    expect(network.entered).toBe(16);
    port.send(list, 16);
    expect(port.receive(list, 64)).toBe(16);
  });
});
