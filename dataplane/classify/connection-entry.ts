import type { Micros } from '../../domain/base/ids';
import type { Arena } from '../frames/arena';
import {
  C_BYTES_AB,
  C_BYTES_BA,
  C_FLOW,
  C_HASH,
  C_ID,
  C_LAST,
  C_LATER_AB,
  C_LATER_BA,
  C_PACKETS_AB,
  C_PACKETS_BA,
  C_STATE,
  CS_B_INITIATES,
  CS_FLOW_REVERSED,
  F_CONNS,
  HASH_TOMBSTONE,
  S_CONN,
  S_FLOW,
  S_LEN,
  S_REASON,
  S_REVERSE,
  S_SRC_IS_B,
} from '../frames/layout';

/**
 * What the classifier reads and writes in connection entries. Slots, connections and flows are addresses in the shared
 * memory (`frames/layout.ts`).
 */

/** Whether frames from end B of the key run in their flow's direction. */
export function isTurned(state: number): boolean {
  return ((state & CS_B_INITIATES) !== 0) !== ((state & CS_FLOW_REVERSED) !== 0);
}

/** Whether the entry still holds the connection of that identity. */
export function isLive({ u32 }: Arena, connection: number, id: number): boolean {
  if (connection === 0) return false;
  return u32[(connection + C_HASH) >>> 2] > HASH_TOMBSTONE && u32[(connection + C_ID) >>> 2] === id;
}

/** Adds bits (`CS_…`) to a connection's state. */
export function setState({ u32 }: Arena, connection: number, bits: number): void {
  u32[(connection + C_STATE) >>> 2] |= bits;
}

/** Gives a new connection its flow, and counts it there. */
export function bind({ u32 }: Arena, connection: number, flow: number): void {
  u32[(connection + C_FLOW) >>> 2] = flow;
  u32[(flow + F_CONNS) >>> 2]++;
}

/** Counts a frame in its connection. */
export function count(arena: Arena, slot: number, connection: number, nowUs: Micros): void {
  const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
  arena.u32[(connection + (fromB ? C_PACKETS_BA : C_PACKETS_AB)) >>> 2]++;
  countBytes(arena, slot, connection, nowUs);
}

/** Counts a later fragment, which is no packet of its own, in its connection. */
export function countLaterFragment(arena: Arena, slot: number, connection: number, nowUs: Micros): void {
  const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
  arena.u32[(connection + (fromB ? C_LATER_BA : C_LATER_AB)) >>> 2]++;
  countBytes(arena, slot, connection, nowUs);
}

function countBytes(arena: Arena, slot: number, connection: number, nowUs: Micros): void {
  const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
  arena.f64[(connection + (fromB ? C_BYTES_BA : C_BYTES_AB)) >>> 3] += arena.u32[(slot + S_LEN) >>> 2];
  arena.f64[(connection + C_LAST) >>> 3] = nowUs;
}

/** Writes into the slot what the kernel writes for known connections, and lets it go on. */
export function markKnown(arena: Arena, slot: number, connection: number): void {
  const state = arena.u32[(connection + C_STATE) >>> 2];
  arena.u32[(slot + S_CONN) >>> 2] = connection;
  arena.u32[(slot + S_FLOW) >>> 2] = arena.u32[(connection + C_FLOW) >>> 2];
  arena.u8[slot + S_REVERSE] = (arena.u8[slot + S_SRC_IS_B] === 1) !== isTurned(state) ? 1 : 0;
  arena.u16[(slot + S_REASON) >>> 1] = 0;
}
