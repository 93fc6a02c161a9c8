import { Arena } from '../../../../dataplane/frames/arena';
import { NODE_SIZE, SLOT_STRIDE } from '../../../../dataplane/frames/layout';
import { SLOT_COUNT_MAX } from '../../../../dataplane/frames/slots';
import { nodeRef } from '../../../../domain/base/ids';

describe('an arena', () => {
  it('lays out node table and slots apart from each other and from what is allocated', () => {
    const arena = Arena.create({ slots: 10, bytes: 10_000 });
    const nodesEnd = arena.node(nodeRef(255, 127)) + NODE_SIZE;
    expect(nodesEnd).toBeLessThanOrEqual(arena.slot(0));
    expect(arena.slot(0) % 64).toBe(0);
    expect(arena.slot(9) - arena.slot(0)).toBe(9 * SLOT_STRIDE);
    expect(arena.slotNumber(arena.slot(7))).toBe(7);
    expect(arena.allocate(1)).toBeGreaterThanOrEqual(arena.slot(9) + SLOT_STRIDE);
  });

  it('allocates aligned, disjoint, zeroed parts until it is full, and says so', () => {
    const arena = Arena.create({ slots: 1, bytes: 100_000 });
    const parts: [number, number][] = [];
    for (let size = 1; ; size = (size * 7) % 997) {
      const address = arena.tryAllocate(size, 4 << (size % 6));
      if (address === 0) break;
      expect(address % (4 << (size % 6))).toBe(0);
      expect(arena.u8.subarray(address, address + size).every((byte) => byte === 0)).toBe(true);
      arena.u8.fill(0xff, address, address + size);
      parts.push([address, address + size]);
    }
    expect(parts.length).toBeGreaterThan(100);
    parts.slice(1).forEach(([start], i) => expect(start).toBeGreaterThanOrEqual(parts[i][1]));
    expect(() => arena.allocate(arena.available + 1)).toThrow('has no room');
  });

  it('is the same memory for whoever attaches to it', () => {
    const arena = Arena.create({ slots: 3, bytes: 1000 });
    const other = Arena.attach(arena.share());
    const address = arena.allocate(8);
    arena.u32[address >>> 2] = 0xdecaf;
    expect(other.view.getUint32(address, true)).toBe(0xdecaf);
    expect(other.allocate(8)).toBeGreaterThanOrEqual(address + 8);
    expect([other.slotCount, other.slot(2), other.node(5)]).toEqual([3, arena.slot(2), arena.node(5)]);
  });

  it.each([
    [{ slots: 0, bytes: 0 }],
    [{ slots: SLOT_COUNT_MAX + 1, bytes: 0 }],
    [{ slots: 1.5, bytes: 0 }],
    [{ slots: 1, bytes: 2 ** 32 }],
    [{ slots: 1, bytes: -1 }],
  ])('refuses %j', (options) => {
    expect(() => Arena.create(options)).toThrow(expect.objectContaining({ name: 'FlowgridError', code: 'usage' }));
  });
});
