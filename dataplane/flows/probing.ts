import { FlowgridError } from '../../domain/base/errors';
import type { Arena } from '../frames/arena';
import { TABLE_HEADER, T_ENTRIES, T_LIMIT, T_MASK, T_REACH, T_SIZE, T_TOMBSTONES } from '../frames/layout';

/** Most entries of a table, as a part of its places. */
const LOAD_MAX = 0.7;

/** The places of a table, as far as linear probing needs to know them. */
export interface Places {
  readonly mask: number;
  /** Index, in words, of the place's mark: 0 = free, {@link tombstone} = removed, else in use. */
  markAt(place: number): number;
  readonly tombstone: number;
  /** Where probing for the entry at this place begins. */
  homeOf(place: number): number;
}

/**
 * Lays out an empty table of `capacity` places of `entrySize` bytes and returns its header.
 * @throws FlowgridError `usage` if the capacity is no power of two, `internal` when the arena has no room.
 */
export function createTable(arena: Arena, capacity: number, entrySize: number): number {
  if (!Number.isInteger(Math.log2(capacity)) || capacity < 2) {
    throw new FlowgridError('usage', `a table of ${capacity} places cannot be made`, { remedy: 'use a power of two' });
  }
  const header = arena.allocate(TABLE_HEADER);
  const words = arena.u32;
  // Entries are two cache lines; aligned to both, the second is fetched along with the first.
  words[(header + T_ENTRIES) >>> 2] = arena.allocate(capacity * entrySize, 128);
  words[(header + T_MASK) >>> 2] = capacity - 1;
  words[(header + T_LIMIT) >>> 2] = Math.floor(capacity * LOAD_MAX);
  return header;
}

/** Counts an insertion that ended `way` places behind the entry's home, perhaps on a tombstone. */
export function countInsertion(words: Uint32Array, header: number, way: number, onTombstone: boolean): void {
  words[(header + T_SIZE) >>> 2]++;
  if (onTombstone) words[(header + T_TOMBSTONES) >>> 2]--;
  if (way > words[(header + T_REACH) >>> 2]) words[(header + T_REACH) >>> 2] = way;
}

/**
 * Takes the entry at `place` out. A removed place stays a tombstone only while some entry's way from its home leads
 * over it; this, and the tombstones on the removed entry's own way, are judged anew here. Without that, tombstones
 * would fill every place of a table that sees enough traffic, and no search for an unknown key would end early.
 */
export function vacate(words: Uint32Array, header: number, places: Places, place: number): void {
  const { mask, tombstone } = places;
  const way = (place - places.homeOf(place)) & mask;
  let tombstones = 0;
  let crossing = crossingFromBehind(words, header, places, place);
  for (let back = 0; back <= way; back++) {
    const at = (place - back) & mask;
    const mark = words[places.markAt(at)];
    if (back > 0 && mark !== tombstone) {
      crossing = Math.max(crossing, ((at - places.homeOf(at)) & mask) + back);
      continue;
    }
    const needed = crossing >= back;
    words[places.markAt(at)] = needed ? tombstone : 0;
    tombstones += Number(needed) - Number(back > 0);
  }
  words[(header + T_TOMBSTONES) >>> 2] += tombstones;
  if (--words[(header + T_SIZE) >>> 2] === 0) words[(header + T_REACH) >>> 2] = 0;
}

/** How many places before `place` the ways of the entries behind it reach back; −1 if none leads over `place`. */
function crossingFromBehind(words: Uint32Array, header: number, places: Places, place: number): number {
  const { mask, tombstone } = places;
  const reach = words[(header + T_REACH) >>> 2];
  let crossing = -1;
  for (let ahead = 1; ahead <= reach; ahead++) {
    const at = (place + ahead) & mask;
    const mark = words[places.markAt(at)];
    if (mark === 0) break;
    if (mark !== tombstone) crossing = Math.max(crossing, ((at - places.homeOf(at)) & mask) - ahead);
  }
  return crossing;
}
