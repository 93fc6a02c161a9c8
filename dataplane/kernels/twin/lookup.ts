import { mix32 } from '../../../domain/base/hash';
import type { Arena } from '../../frames/arena';
import {
  CONN_SIZE,
  CS_B_INITIATES,
  CS_FLOW_REVERSED,
  CS_SLOW,
  C_BYTES_AB,
  C_BYTES_BA,
  C_FLOW,
  C_HASH,
  C_KEY,
  C_LAST,
  C_PACKETS_AB,
  C_PACKETS_BA,
  C_STATE,
  D_FLOW_ID,
  FLOW_SIZE,
  FS_TOMBSTONE,
  F_ID,
  F_STATE,
  KEY_SIZE,
  S_CONN,
  S_DESCRIPTOR,
  S_FLOW,
  S_HASH,
  S_KEY,
  S_LEN,
  S_PROTO,
  S_REASON,
  S_REVERSE,
  S_SRC_IS_B,
  S_TCP_FLAGS,
  S_TIME,
  T_ENTRIES,
  T_MASK,
  T_REACH,
} from '../../frames/layout';
import { reason } from '../../frames/reasons';
import { PROTO_TCP, TCP_FIN, TCP_RST, TCP_SYN } from '../../headers/numbers';

const NEW_CONNECTION = reason('new-connection');
const TCP_CONTROL = reason('tcp-control');
const SLOW_CONNECTION = reason('slow-connection');
const UNKNOWN_FLOW = reason('unknown-flow');
const CONTROL_FLAGS = TCP_SYN | TCP_FIN | TCP_RST;

/** Twin of kernel `lookupConnections`; see {@link Kernels.lookupConnections}. */
export function lookupConnections(arena: Arena, table: number, list: number, n: number): void {
  const { u8, u16, u32 } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    if (u16[(slot + S_REASON) >>> 1] !== 0) continue;
    const entry = findConnection(u32, table, slot);
    const state = entry === 0 ? 0 : u32[(entry + C_STATE) >>> 2];
    u32[(slot + S_CONN) >>> 2] = entry;
    u32[(slot + S_FLOW) >>> 2] = entry === 0 ? 0 : u32[(entry + C_FLOW) >>> 2];
    u8[slot + S_REVERSE] = direction(u8[slot + S_SRC_IS_B], state);
    if (u8[slot + S_PROTO] === PROTO_TCP && (u8[slot + S_TCP_FLAGS] & CONTROL_FLAGS) !== 0) {
      u16[(slot + S_REASON) >>> 1] = TCP_CONTROL;
    } else if (entry === 0) {
      u16[(slot + S_REASON) >>> 1] = NEW_CONNECTION;
    } else if ((state & CS_SLOW) !== 0) {
      u16[(slot + S_REASON) >>> 1] = SLOW_CONNECTION;
    } else {
      countConnection(arena, slot, entry);
    }
  }
}

/** Twin of kernel `lookupFlows`; see {@link Kernels.lookupFlows}. */
export function lookupFlows(arena: Arena, table: number, list: number, n: number): void {
  const { u16, u32, view } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    if (u16[(slot + S_REASON) >>> 1] !== 0) continue;
    const entry = findFlow(u32, table, view.getUint32(slot + S_DESCRIPTOR + D_FLOW_ID));
    u32[(slot + S_FLOW) >>> 2] = entry;
    if (entry === 0) u16[(slot + S_REASON) >>> 1] = UNKNOWN_FLOW;
  }
}

/** 0 if the frame goes from its flow's initiator to the responder, 1 the other way. */
function direction(sourceIsB: number, state: number): number {
  const turned = ((state & CS_B_INITIATES) !== 0 ? 1 : 0) ^ ((state & CS_FLOW_REVERSED) !== 0 ? 1 : 0);
  return sourceIsB ^ turned;
}

function countConnection(arena: Arena, slot: number, entry: number): void {
  const { u32, f64 } = arena;
  const fromB = arena.u8[slot + S_SRC_IS_B] !== 0;
  u32[(entry + (fromB ? C_PACKETS_BA : C_PACKETS_AB)) >>> 2]++;
  f64[(entry + (fromB ? C_BYTES_BA : C_BYTES_AB)) >>> 3] += u32[(slot + S_LEN) >>> 2];
  f64[(entry + C_LAST) >>> 3] = f64[(slot + S_TIME) >>> 3];
}

function findConnection(u32: Uint32Array, table: number, slot: number): number {
  const entries = u32[(table + T_ENTRIES) >>> 2];
  const mask = u32[(table + T_MASK) >>> 2];
  const reach = u32[(table + T_REACH) >>> 2];
  const hash = u32[(slot + S_HASH) >>> 2];
  for (let way = 0, place = hash & mask; way <= reach; way++, place = (place + 1) & mask) {
    const entry = entries + CONN_SIZE * place;
    const found = u32[(entry + C_HASH) >>> 2];
    if (found === hash && sameKey(u32, (entry + C_KEY) >>> 2, (slot + S_KEY) >>> 2)) return entry;
    if (found === 0) return 0;
  }
  return 0;
}

function sameKey(u32: Uint32Array, a: number, b: number): boolean {
  for (let i = 0; i < KEY_SIZE >>> 2; i++) if (u32[a + i] !== u32[b + i]) return false;
  return true;
}

function findFlow(u32: Uint32Array, table: number, id: number): number {
  const entries = u32[(table + T_ENTRIES) >>> 2];
  const mask = u32[(table + T_MASK) >>> 2];
  const reach = u32[(table + T_REACH) >>> 2];
  for (let way = 0, place = mix32(id) & mask; way <= reach; way++, place = (place + 1) & mask) {
    const entry = entries + FLOW_SIZE * place;
    const state = u32[(entry + F_STATE) >>> 2];
    if (state === 0) return 0;
    if (state !== FS_TOMBSTONE && u32[(entry + F_ID) >>> 2] === id) return entry;
  }
  return 0;
}
