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
  T_ENTRIES,
  T_LIMIT,
  T_REACH,
  T_SIZE,
} from '../frames/layout';
import { countInsertion, createTable, vacate, type Places } from './probing';

const WORDS_PER_KEY = KEY_SIZE >>> 2;
const WORDS_PER_ENTRY = CONN_SIZE >>> 2;

/**
 * The connections that a classifier knows, by canonical key: open addressing in the arena, searched by the kernels
 * too. An entry stays where it is until it is removed, so that its address is its name. Removed entries leave
 * tombstones where other entries' ways lead over them, which are used again first. Capacity is fixed; a table takes at
 * most 70 % of it.
 *
 * One thread owns a table.
 */
export class ConnectionTable {
  /** Address of the table's header (`T_*`), which kernels take. */
  readonly address: number;
  private readonly words: Uint32Array;
  private readonly entries: number;
  private readonly mask: number;
  private readonly places: Places;

  /**
   * @param capacity number of places, a power of two.
   * @throws FlowgridError `usage` for another number, `internal` when the arena has no room.
   */
  constructor(arena: Arena, capacity: number) {
    this.address = createTable(arena, capacity, CONN_SIZE);
    this.words = arena.u32;
    this.entries = arena.u32[(this.address + T_ENTRIES) >>> 2];
    this.mask = capacity - 1;
    const { words, entries, mask } = this;
    const markAt = (place: number): number => (entries + CONN_SIZE * place + C_HASH) >>> 2;
    this.places = { mask, markAt, tombstone: HASH_TOMBSTONE, homeOf: (place) => words[markAt(place)] & mask };
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
      if (found === 0) return 0;
      if (found === hash && sameKey(words, (entry + C_KEY) >>> 2, key >>> 2)) return entry;
    }
    return 0;
  }

  /** Adds the slot's key, which must not be in the table; the rest of the entry is zero, `C_AUX` −1. 0 = full. */
  insert(slot: number): number {
    return this.insertKey(slot + S_KEY, this.words[(slot + S_HASH) >>> 2]);
  }

  /**
   * Adds the 48-byte key at `key`, which must not be in the table. Returns the entry, or 0 when the table is full.
   * @throws FlowgridError `internal` for hash 0 or 1, which no key has.
   */
  insertKey(key: number, hash: number): number {
    const { words, entries, mask } = this;
    if (hash <= HASH_TOMBSTONE) throw new FlowgridError('internal', 'a frame that was not parsed has no connection');
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
    vacate(this.words, this.address, this.places, (address - this.entries) / CONN_SIZE);
  }

  /** Places of the table, free ones included. */
  get capacity(): number {
    return this.mask + 1;
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
