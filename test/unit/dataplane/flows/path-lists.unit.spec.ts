import { nodeRef } from '../../../../domain/base/ids';
import { PathLists } from '../../../../dataplane/flows/path-lists';
import { Arena } from '../../../../dataplane/frames/arena';

const path = (...nodes: number[]) => nodes.map((node, i) => nodeRef(i + 1, node));

describe('path lists', () => {
  it('lie in the arena as descriptors carry them', () => {
    const arena = Arena.create({ slots: 1, bytes: 1 << 16 });
    const lists = new PathLists(arena);
    const address = lists.intern([nodeRef(255, 127), nodeRef(2, 0), nodeRef(3, 9)]);
    expect([...arena.u8.subarray(address, address + 6)]).toEqual([255, 127, 2, 0, 3, 9]);
    expect(lists.read(address, 3)).toEqual([nodeRef(255, 127), nodeRef(2, 0), nodeRef(3, 9)]);
  });

  it('equal ones share a copy until the last use is released', () => {
    const arena = Arena.create({ slots: 1, bytes: 1 << 16 });
    const lists = new PathLists(arena);
    const address = lists.intern(path(1, 2, 3));
    expect(lists.intern(path(1, 2, 3))).toBe(address);
    expect(lists.intern(path(1, 2, 4))).not.toBe(address);
    lists.release(address);
    expect(lists.intern(path(1, 2, 3))).toBe(address);
    lists.release(address);
    lists.release(address);
    lists.release(address);
    expect(lists.size).toBe(1);
    expect(lists.intern(path(9, 9, 9))).toBe(address);
  });

  it('come and go without using up the arena, and report when it is used up', () => {
    const arena = Arena.create({ slots: 1, bytes: 1 << 16 });
    const lists = new PathLists(arena);
    for (let i = 0; i < 50_000; i++) {
      const address = lists.intern(path(i & 127, (i >>> 7) & 127, i >>> 14));
      expect(address).not.toBe(0);
      lists.release(address);
    }
    let held = 0;
    while (lists.intern(path(held & 127, (held >>> 7) & 127)) !== 0) held++;
    expect(held).toBeGreaterThan(3000);
    expect(lists.size).toBe(held);
  });
});
