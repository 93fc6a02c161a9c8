import fc from 'fast-check';
import { createPrng } from '../../../../domain/base/prng';
import { ConnectionTable } from '../../../../dataplane/flows/connection-table';
import { FlowTable } from '../../../../dataplane/flows/flow-table';
import { Arena } from '../../../../dataplane/frames/arena';
import {
  CONN_SIZE,
  C_AUX,
  C_PACKETS_AB,
  F_AUX,
  F_ID,
  F_SEQ_FWD,
  FLOW_SIZE,
  S_HASH,
  S_KEY,
  T_REACH,
  T_TOMBSTONES,
} from '../../../../dataplane/frames/layout';

const CAPACITY = 64;

/** What both tables offer, keyed by a number. */
interface Subject {
  readonly size: number;
  readonly limit: number;
  readonly address: number;
  find(key: number): number;
  insert(key: number): number;
  remove(address: number): void;
  scan(cursor: number, budget: number, visit: (entry: number) => void): number;
  /** A field that the owner of an entry writes, and the key as stored. */
  readonly mark: number;
  keyAt(entry: number): number;
}

function connectionSubject(arena: Arena, capacity: number, hashes: number): Subject {
  const table = new ConnectionTable(arena, capacity);
  const slot = arena.slot(0);
  const put = (key: number): number => {
    arena.u32[(slot + S_KEY) >>> 2] = key;
    // Few hashes, high ones among them: long probing, and probing over the table's end.
    arena.u32[(slot + S_HASH) >>> 2] = (2 + ((Math.imul(key, 0x9e3779b1) >>> 0) % hashes)) * 0x0404_0401 + 0xffff;
    return slot;
  };
  return {
    get size() {
      return table.size;
    },
    limit: table.limit,
    address: table.address,
    find: (key) => table.find(put(key)),
    insert: (key) => table.insert(put(key)),
    remove: (address) => table.remove(address),
    scan: (cursor, budget, visit) => table.scan(cursor, budget, visit),
    mark: C_PACKETS_AB,
    keyAt: (entry) => arena.u32[entry >>> 2],
  };
}

function flowSubject(arena: Arena, capacity: number): Subject {
  const table = new FlowTable(arena, capacity);
  return {
    get size() {
      return table.size;
    },
    limit: table.limit,
    address: table.address,
    find: (key) => table.find(key),
    insert: (key) => table.insert(key),
    remove: (address) => table.remove(address),
    scan: (cursor, budget, visit) => table.scan(cursor, budget, visit),
    mark: F_SEQ_FWD,
    keyAt: (entry) => arena.u32[(entry + F_ID) >>> 2],
  };
}

describe.each([
  ['a connection table', (arena: Arena, hashes: number) => connectionSubject(arena, CAPACITY, hashes)],
  ['a flow table', (arena: Arena) => flowSubject(arena, CAPACITY)],
])('%s', (_name, create) => {
  it('does what a Map does, keeps addresses, and reports when it is full', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 2, max: 60 }), (seed, hashes) => {
        const arena = Arena.create({ slots: 1, bytes: 1 << 16 });
        const subject = create(arena, hashes);
        const prng = createPrng(seed);
        const oracle = new Map<number, { address: number; mark: number }>();
        for (let step = 0; step < 600; step++) {
          const key = 1 + prng.below(90);
          const known = oracle.get(key);
          expect(subject.find(key)).toBe(known?.address ?? 0);
          if (known !== undefined) {
            expect(arena.u32[(known.address + subject.mark) >>> 2]).toBe(known.mark);
            if (prng.below(2) === 0) continue;
            subject.remove(known.address);
            oracle.delete(key);
          } else {
            const address = subject.insert(key);
            if (address === 0) {
              expect(oracle.size).toBe(subject.limit);
              refused++;
              continue;
            }
            expect(arena.u32[(address + subject.mark) >>> 2]).toBe(0);
            arena.u32[(address + subject.mark) >>> 2] = step;
            oracle.set(key, { address, mark: step });
          }
          expect(subject.size).toBe(oracle.size);
        }
        const scanned = new Map<number, number>();
        let cursor = 0;
        do cursor = subject.scan(cursor, 1 + prng.below(20), (entry) => scanned.set(subject.keyAt(entry), entry));
        while (cursor !== 0);
        expect([...scanned].sort()).toEqual([...oracle].map(([key, { address }]) => [key, address]).sort());
        subject.scan(0, CAPACITY, (entry) => subject.remove(entry));
        expect([subject.size, arena.u32[(subject.address + T_REACH) >>> 2]]).toEqual([0, 0]);
      }),
      { numRuns: 60 },
    );
    expect(refused).toBeGreaterThan(40);
  });
});

describe('tombstones', () => {
  it('go when the table empties, and stay few under steady churn', () => {
    const capacity = 4096;
    const arena = Arena.create({ slots: 1, bytes: 1 << 20 });
    const table = new FlowTable(arena, capacity);
    const tombstones = (): number => arena.u32[(table.address + T_TOMBSTONES) >>> 2];
    const prng = createPrng(5);
    const live: number[] = [];
    let refused = 0;
    for (let id = 1; id < 50 * capacity; id++) {
      if (live.length >= capacity / 2) {
        const i = prng.below(live.length);
        table.remove(live[i]);
        live[i] = live[live.length - 1];
        live.pop();
      }
      const entry = table.insert(id);
      if (entry === 0) refused++;
      live.push(entry);
    }
    expect(refused).toBe(0);
    // Three quarters of the places in use or tombstones would let searches for unknown keys run long.
    expect(tombstones()).toBeLessThan(capacity / 4);
    expect(arena.u32[(table.address + T_REACH) >>> 2]).toBeLessThan(200);
    live.forEach((address) => table.remove(address));
    expect([table.size, tombstones()]).toEqual([0, 0]);
  });

  it('a new entry begins empty, also on the place of an old one', () => {
    const arena = Arena.create({ slots: 1, bytes: 1 << 16 });
    const table = new FlowTable(arena, 2);
    const first = table.insert(1);
    arena.u8.fill(0xee, first + 8, first + FLOW_SIZE);
    table.remove(first);
    const second = table.insert(1);
    expect(second).toBe(first);
    expect(arena.i32[(second + F_AUX) >>> 2]).toBe(-1);
    expect(arena.u8.subarray(second + 8, second + F_AUX).every((byte) => byte === 0)).toBe(true);
  });

  it('a slot that was not parsed is in no table, and cannot get in', () => {
    const arena = Arena.create({ slots: 1, bytes: 1 << 16 });
    const table = new ConnectionTable(arena, 16);
    expect(table.find(arena.slot(0))).toBe(0);
    expect(() => table.insert(arena.slot(0))).toThrow(expect.objectContaining({ code: 'internal' }));
    expect(table.size).toBe(0);
  });

  it('sizes must be powers of two', () => {
    const arena = Arena.create({ slots: 1, bytes: 1 << 16 });
    expect(() => new ConnectionTable(arena, 100)).toThrow(expect.objectContaining({ code: 'usage' }));
    const table = new ConnectionTable(arena, 16);
    expect([table.limit, table.bytes]).toEqual([11, 16 * CONN_SIZE]);
    arena.u32[(arena.slot(0) + S_HASH) >>> 2] = 2;
    expect(arena.i32[(table.insert(arena.slot(0)) + C_AUX) >>> 2]).toBe(-1);
  });
});
