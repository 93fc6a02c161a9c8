import type { Arena } from '../frames/arena';

/**
 * Rings of slot numbers between one producing and one consuming thread. A ring lies in the shared memory:
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 4 | capacity − 1 (capacity is a power of two) |
 * | 64 | 4 | tail: entries ever published, modulo 2^32 (written by the producer) |
 * | 128 | 4 | head: entries ever taken, modulo 2^32 (written by the consumer) |
 * | 192 | 4 × capacity | slot numbers |
 *
 * Head and tail have a cache line each. The producer publishes a whole batch with one atomic store.
 */
const R_MASK = 0;
const R_TAIL = 64;
const R_HEAD = 128;
const R_ENTRIES = 192;

/** Allocates an empty ring in the arena and returns its address. `capacity` must be a power of two. */
export function createRing(arena: Arena, capacity: number): number {
  const address = arena.allocate(R_ENTRIES + 4 * capacity, 64);
  arena.u32[(address + R_MASK) >>> 2] = capacity - 1;
  return address;
}

/** The producing end. One object per ring and thread; it caches both positions. */
export class RingWriter {
  private readonly u32: Uint32Array;
  private readonly i32: Int32Array;
  private readonly mask: number;
  private readonly entries: number;
  private readonly tailAt: number;
  private readonly headAt: number;
  private tail: number;
  private headSeen: number;
  private published: number;

  constructor(
    arena: Arena,
    /** Address of the ring, as {@link createRing} returned it. */
    readonly address: number,
  ) {
    this.u32 = arena.u32;
    this.i32 = arena.i32;
    this.mask = this.u32[(address + R_MASK) >>> 2]!;
    this.entries = (address + R_ENTRIES) >>> 2;
    this.tailAt = (address + R_TAIL) >>> 2;
    this.headAt = (address + R_HEAD) >>> 2;
    this.tail = this.published = Atomics.load(this.i32, this.tailAt);
    this.headSeen = Atomics.load(this.i32, this.headAt);
  }

  /** Puts a slot number in the ring without publishing it; false when the ring is full. */
  push(slot: number): boolean {
    if (((this.tail - this.headSeen) | 0) > this.mask) {
      this.headSeen = Atomics.load(this.i32, this.headAt);
      if (((this.tail - this.headSeen) | 0) > this.mask) return false;
    }
    this.u32[this.entries + (this.tail & this.mask)] = slot;
    this.tail = (this.tail + 1) | 0;
    return true;
  }

  /** Shows everything pushed so far to the consumer; returns how many entries that were. */
  publish(): number {
    const fresh = (this.tail - this.published) | 0;
    if (fresh !== 0) {
      Atomics.store(this.i32, this.tailAt, this.tail);
      this.published = this.tail;
    }
    return fresh;
  }
}

/** The consuming end. One object per ring and thread. */
export class RingReader {
  private readonly u32: Uint32Array;
  private readonly i32: Int32Array;
  private readonly mask: number;
  private readonly entries: number;
  private readonly tailAt: number;
  private readonly headAt: number;
  private head: number;

  constructor(
    arena: Arena,
    /** Address of the ring, as {@link createRing} returned it. */
    readonly address: number,
  ) {
    this.u32 = arena.u32;
    this.i32 = arena.i32;
    this.mask = this.u32[(address + R_MASK) >>> 2]!;
    this.entries = (address + R_ENTRIES) >>> 2;
    this.tailAt = (address + R_TAIL) >>> 2;
    this.headAt = (address + R_HEAD) >>> 2;
    this.head = Atomics.load(this.i32, this.headAt);
  }

  /** Places of the ring. */
  get capacity(): number {
    return this.mask + 1;
  }

  /** Entries published and not yet taken. */
  get pending(): number {
    return (Atomics.load(this.i32, this.tailAt) - this.head) | 0;
  }

  /** Entries in the ring as any thread may ask, whoever takes them: published, and not yet taken by its consumer. */
  get waiting(): number {
    const taken = Atomics.load(this.i32, this.headAt);
    return (Atomics.load(this.i32, this.tailAt) - taken) | 0;
  }

  /**
   * Takes up to `max` slot numbers, in order, into the u32 list at byte address `list`; returns how many.
   * Their places are free for the producer at once: slots are owned by whoever holds their number.
   */
  take(list: number, max: number): number {
    // A plain look first: most looks find nothing, and what it misses the next one finds.
    if (this.i32[this.tailAt] === this.head) return 0;
    const n = Math.min(this.pending, max);
    if (n <= 0) return 0;
    const to = list >>> 2;
    for (let i = 0; i < n; i++) this.u32[to + i] = this.u32[this.entries + ((this.head + i) & this.mask)]!;
    this.head = (this.head + n) | 0;
    Atomics.store(this.i32, this.headAt, this.head);
    return n;
  }
}
