import { FlowgridError } from '../../domain/base/errors';
import type { Arena } from '../frames/arena';
import {
  C_AUX,
  C_HASH,
  C_KEY,
  CONN_SIZE,
  HASH_TOMBSTONE,
  KEY_SIZE,
  S_HASH,
  S_KEY,
  TABLE_HEADER,
  T_ENTRIES,
  T_LIMIT,
  T_MASK,
  T_REACH,
  T_SIZE,
  T_TOMBSTONES,
} from '../frames/layout';

const WORDS_PER_KEY = KEY_SIZE >>> 2;
const WORDS_PER_ENTRY = CONN_SIZE >>> 2;

/**
 * The connections that a classifier knows, by canonical key: open addressing in the arena, searched by the kernels
 * too. An entry stays where it is until it is removed, so that its address is its name. Removed entries become
 * tombstones, which are used again first, and are cleared away wherever a free place follows them. Capacity is fixed;
 * a table takes at most 70 % of it.
 *
 * One thread owns a table.
 */
export class ConnectionTable {
  /** Address of the table's header (`T_*`), which kernels take. */
  readonly address: number;
  private readonly words: Uint32Array;
  private readonly entries: number;
  private readonly mask: number;

  /**
   * @param capacity number of places, a power of two.
   * @throws FlowgridError `usage` for another number, `internal` when the arena has no room.
   */
  constructor(arena: Arena, capacity: number) {
    this.address = createTable(arena, capacity, CONN_SIZE);
    this.words = arena.u32;
    this.entries = arena.u32[(this.address + T_ENTRIES) >>> 2];
    this.mask = capacity - 1;
  }

  /** Entries in use. */
  get size(): number {
    return this.words[(this.address + T_SIZE) >>> 2];
  }

  /** Most entries the table takes. */
  get limit(): number {
    return this.words[(this.address + T_LIMIT) >>> 2];
  }

  /** Bytes that the table's entries occupy. */
  get bytes(): number {
    return CONN_SIZE * (this.mask + 1);
  }

  /** The entry whose key is that at `S_KEY` of the slot (with `S_HASH`), or 0. */
  find(slot: number): number {
    return this.findKey(slot + S_KEY, this.words[(slot + S_HASH) >>> 2]);
  }

  /** The entry of the 48-byte key at `key`, whose hash is `hash`, or 0. */
  findKey(key: number, hash: number): number {
    const { words, entries, mask } = this;
    const reach = words[(this.address + T_REACH) >>> 2];
    for (let way = 0, place = hash & mask; way <= reach; way++, place = (place + 1) & mask) {
      const entry = entries + CONN_SIZE * place;
      const found = words[(entry + C_HASH) >>> 2];
      if (found === hash && sameKey(words, (entry + C_KEY) >>> 2, key >>> 2)) return entry;
      if (found === 0) return 0;
    }
    return 0;
  }

  /** Adds the slot's key, which must not be in the table; the rest of the entry is zero, `C_AUX` −1. 0 = full. */
  insert(slot: number): number {
    return this.insertKey(slot + S_KEY, this.words[(slot + S_HASH) >>> 2]);
  }

  /** Adds the 48-byte key at `key`, which must not be in the table. Returns the entry, or 0 when the table is full. */
  insertKey(key: number, hash: number): number {
    const { words, entries, mask } = this;
    if (this.size >= this.limit) return 0;
    let place = hash & mask;
    let way = 0;
    while (words[(entries + CONN_SIZE * place + C_HASH) >>> 2] > HASH_TOMBSTONE) {
      place = (place + 1) & mask;
      way++;
    }
    const entry = entries + CONN_SIZE * place;
    const first = entry >>> 2;
    countInsertion(words, this.address, way, words[(entry + C_HASH) >>> 2] === HASH_TOMBSTONE);
    words.fill(0, first, first + WORDS_PER_ENTRY);
    for (let i = 0; i < WORDS_PER_KEY; i++) words[first + i] = words[(key >>> 2) + i];
    words[(entry + C_HASH) >>> 2] = hash;
    words[(entry + C_AUX) >>> 2] = 0xffff_ffff;
    return entry;
  }

  /** Removes an entry by its address. Its contents, but for the hash, stay readable until the place is used again. */
  remove(address: number): void {
    const { words, entries, mask } = this;
    const hashAt = (place: number): number => (entries + CONN_SIZE * place + C_HASH) >>> 2;
    let place = (address - entries) / CONN_SIZE;
    let tombstones = 0;
    if (words[hashAt((place + 1) & mask)] !== 0) {
      words[hashAt(place)] = HASH_TOMBSTONE;
      tombstones = 1;
    } else {
      words[hashAt(place)] = 0;
      for (place = (place - 1) & mask; words[hashAt(place)] === HASH_TOMBSTONE; place = (place - 1) & mask) {
        words[hashAt(place)] = 0;
        tombstones--;
      }
    }
    countRemoval(words, this.address, tombstones);
  }

  /**
   * Visits the entries in `budget` places from place `cursor` on. Returns where to go on, 0 after the last place.
   * `visit` may remove the entry it is given.
   */
  scan(cursor: number, budget: number, visit: (entry: number) => void): number {
    const { words, entries, mask } = this;
    const end = Math.min(cursor + budget, mask + 1);
    for (let place = cursor; place < end; place++) {
      const entry = entries + CONN_SIZE * place;
      if (words[(entry + C_HASH) >>> 2] > HASH_TOMBSTONE) visit(entry);
    }
    return end > mask ? 0 : end;
  }
}

function sameKey(words: Uint32Array, a: number, b: number): boolean {
  for (let i = 0; i < WORDS_PER_KEY; i++) if (words[a + i] !== words[b + i]) return false;
  return true;
}

/** Lays out an empty table of `capacity` places (a power of two) of `entrySize` bytes and returns its header. */
export function createTable(arena: Arena, capacity: number, entrySize: number): number {
  if (!Number.isInteger(Math.log2(capacity)) || capacity < 2) {
    throw new FlowgridError('usage', `a table of ${capacity} places cannot be made`, { remedy: 'use a power of two' });
  }
  const header = arena.allocate(TABLE_HEADER);
  const words = arena.u32;
  // Entries are two cache lines; aligned to both, the second is fetched along with the first.
  words[(header + T_ENTRIES) >>> 2] = arena.allocate(capacity * entrySize, 128);
  words[(header + T_MASK) >>> 2] = capacity - 1;
  words[(header + T_LIMIT) >>> 2] = Math.floor(capacity * 0.7);
  return header;
}

/** Counts an insertion that ended `way` places behind the key's first place, perhaps on a tombstone. */
export function countInsertion(words: Uint32Array, header: number, way: number, onTombstone: boolean): void {
  words[(header + T_SIZE) >>> 2]++;
  if (onTombstone) words[(header + T_TOMBSTONES) >>> 2]--;
  if (way > words[(header + T_REACH) >>> 2]) words[(header + T_REACH) >>> 2] = way;
}

/** Counts a removal and the tombstones that came (1) or went (negative). */
export function countRemoval(words: Uint32Array, header: number, tombstones: number): void {
  words[(header + T_TOMBSTONES) >>> 2] += tombstones;
  if (--words[(header + T_SIZE) >>> 2] === 0) words[(header + T_REACH) >>> 2] = 0;
}
