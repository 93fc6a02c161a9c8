import { mix32 } from '../../domain/base/hash';
import type { FlowId } from '../../domain/base/ids';
import type { Arena } from '../frames/arena';
import {
  F_AUX,
  F_ID,
  F_STATE,
  FLOW_SIZE,
  FS_TOMBSTONE,
  FS_USED,
  T_ENTRIES,
  T_LIMIT,
  T_REACH,
  T_SIZE,
} from '../frames/layout';
import { countInsertion, createTable, vacate, type Places } from './probing';

const WORDS_PER_ENTRY = FLOW_SIZE >>> 2;

/**
 * The flows that one node knows, by flow ID; built like the {@link ConnectionTable}, with the flow ID's mixed bits as
 * hash. An entry is in use while its state has `FS_USED`.
 *
 * One thread owns a table.
 */
export class FlowTable {
  /** Address of the table's header (`T_*`), which kernels take. */
  readonly address: number;
  private readonly words: Uint32Array;
  private readonly entries: number;
  private readonly mask: number;
  private readonly places: Places;

  /**
   * @param capacity number of places, a power of two; the table takes 70 % of it.
   * @throws FlowgridError `usage` for another number, `internal` when the arena has no room.
   */
  constructor(arena: Arena, capacity: number) {
    this.address = createTable(arena, capacity, FLOW_SIZE);
    this.words = arena.u32;
    this.entries = arena.u32[(this.address + T_ENTRIES) >>> 2];
    this.mask = capacity - 1;
    const { words, entries, mask } = this;
    this.places = {
      mask,
      markAt: (place) => (entries + FLOW_SIZE * place + F_STATE) >>> 2,
      tombstone: FS_TOMBSTONE,
      homeOf: (place) => mix32(words[(entries + FLOW_SIZE * place + F_ID) >>> 2]) & mask,
    };
  }

  /** Entries in use. */
  get size(): number {
    return this.words[(this.address + T_SIZE) >>> 2];
  }

  /** Most entries the table takes. */
  get limit(): number {
    return this.words[(this.address + T_LIMIT) >>> 2];
  }

  /** Places of the table, free ones included. */
  get capacity(): number {
    return this.mask + 1;
  }

  /** Bytes that the table's entries occupy. */
  get bytes(): number {
    return FLOW_SIZE * (this.mask + 1);
  }

  /** The entry of a flow, or 0. */
  find(id: FlowId): number {
    const { words, entries, mask } = this;
    const reach = words[(this.address + T_REACH) >>> 2];
    for (let way = 0, place = mix32(id) & mask; way <= reach; way++, place = (place + 1) & mask) {
      const entry = entries + FLOW_SIZE * place;
      const state = words[(entry + F_STATE) >>> 2];
      if (state === 0) return 0;
      if (words[(entry + F_ID) >>> 2] === id && state !== FS_TOMBSTONE) return entry;
    }
    return 0;
  }

  /**
   * Adds a flow, which must not be in the table: ID and `FS_USED` are set, `F_AUX` is −1, the rest zero. Returns the
   * entry, or 0 when the table is full.
   */
  insert(id: FlowId): number {
    const { words, entries, mask } = this;
    if (this.size >= this.limit) return 0;
    let place = mix32(id) & mask;
    let way = 0;
    for (;;) {
      const state = words[(entries + FLOW_SIZE * place + F_STATE) >>> 2];
      if (state === 0 || state === FS_TOMBSTONE) break;
      place = (place + 1) & mask;
      way++;
    }
    const entry = entries + FLOW_SIZE * place;
    const first = entry >>> 2;
    countInsertion(words, this.address, way, words[(entry + F_STATE) >>> 2] === FS_TOMBSTONE);
    words.fill(0, first, first + WORDS_PER_ENTRY);
    words[(entry + F_ID) >>> 2] = id;
    words[(entry + F_STATE) >>> 2] = FS_USED;
    words[(entry + F_AUX) >>> 2] = 0xffff_ffff;
    return entry;
  }

  /** Removes an entry by its address. Its contents, but for the state, stay readable until the place is used again. */
  remove(address: number): void {
    vacate(this.words, this.address, this.places, (address - this.entries) / FLOW_SIZE);
  }

  /**
   * Visits the entries in `budget` places from place `cursor` on. Returns where to go on, 0 after the last place.
   * `visit` may remove the entry it is given.
   */
  scan(cursor: number, budget: number, visit: (entry: number) => void): number {
    const { words, entries, mask } = this;
    const end = Math.min(cursor + budget, mask + 1);
    for (let place = cursor; place < end; place++) {
      const entry = entries + FLOW_SIZE * place;
      const state = words[(entry + F_STATE) >>> 2];
      if (state !== 0 && state !== FS_TOMBSTONE) visit(entry);
    }
    return end > mask ? 0 : end;
  }
}
