import {
  CONN_SIZE,
  CS_B_INITIATES,
  CS_FLOW_REVERSED,
  CS_SLOW,
  C_BYTES_AB,
  C_BYTES_BA,
  C_FLOW,
  C_HASH,
  C_LAST,
  C_PACKETS_AB,
  C_PACKETS_BA,
  C_STATE,
  D_FLOW_ID,
  FLOW_SIZE,
  FS_TOMBSTONE,
  F_ID,
  F_PACKETS_FWD,
  F_STATE,
  PROTO_TCP,
  REASON_NEW_CONNECTION,
  REASON_SLOW_CONNECTION,
  REASON_TCP_CONTROL,
  REASON_UNKNOWN_FLOW,
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
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
  T_ENTRIES,
  T_MASK,
  T_REACH,
} from './layout';
import { Memory, Mix } from './memory';

/**
 * Kernel `lookupConnections`: touches both cache lines of every frame's first place, so that the misses overlap, then
 * compares and counts.
 */
export function lookupConnections(table: usize, list: usize, n: u32): void {
  const slots = Memory.firstSlot();
  const entries: usize = load<u32>(table, T_ENTRIES);
  const mask = load<u32>(table, T_MASK);
  let touched: u64 = 0;
  let next: u32 = 0;
  for (; next + 4 <= n; next += 4) {
    touched += Connection.touch(entries, mask, slots, list, next);
    touched += Connection.touch(entries, mask, slots, list, next + 1);
    touched += Connection.touch(entries, mask, slots, list, next + 2);
    touched += Connection.touch(entries, mask, slots, list, next + 3);
  }
  for (; next < n; next++) touched += Connection.touch(entries, mask, slots, list, next);
  Memory.keep(touched, list);
  const reach = load<u32>(table, T_REACH);
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    if (load<u16>(slot, S_REASON)) continue;
    const hash = load<u32>(slot, S_HASH);
    let entry = entries + <usize>(hash & mask) * CONN_SIZE;
    if (load<u32>(entry, C_HASH) !== hash || !Connection.hasKeyOf(entry, slot)) {
      entry = findConnection(entries, mask, reach, slot, hash);
    }
    const state = entry ? load<u32>(entry, C_STATE) : 0;
    const fromB = <u32>load<u8>(slot, S_SRC_IS_B);
    store<u32>(slot, <u32>entry, S_CONN);
    store<u32>(slot, entry ? load<u32>(entry, C_FLOW) : 0, S_FLOW);
    store<u8>(
      slot,
      <u8>(fromB ^ (<u32>((state & CS_B_INITIATES) !== 0)) ^ (<u32>((state & CS_FLOW_REVERSED) !== 0))),
      S_REVERSE,
    );
    if (load<u8>(slot, S_PROTO) === PROTO_TCP && load<u8>(slot, S_TCP_FLAGS) & (TCP_SYN | TCP_FIN | TCP_RST)) {
      store<u16>(slot, <u16>REASON_TCP_CONTROL, S_REASON);
    } else if (!entry) {
      store<u16>(slot, <u16>REASON_NEW_CONNECTION, S_REASON);
    } else if (state & CS_SLOW) {
      store<u16>(slot, <u16>REASON_SLOW_CONNECTION, S_REASON);
    } else {
      const packets = entry + (fromB ? C_PACKETS_BA : C_PACKETS_AB);
      const bytes = entry + (fromB ? C_BYTES_BA : C_BYTES_AB);
      store<u32>(packets, load<u32>(packets) + 1);
      store<f64>(bytes, load<f64>(bytes) + <f64>load<u32>(slot, S_LEN));
      store<u64>(entry, load<u64>(slot, S_TIME), C_LAST);
    }
  }
}

class Connection {
  /** Brings in both lines of the first place of a batch's `i`-th frame. */
  @inline static touch(entries: usize, mask: u32, slots: usize, list: usize, i: u32): u64 {
    const entry = entries + <usize>(load<u32>(Memory.slotAt(slots, list, i), S_HASH) & mask) * CONN_SIZE;
    return <u64>load<u32>(entry, C_HASH) + <u64>load<u32>(entry, C_PACKETS_AB);
  }

  /** Whether an entry has the key of a slot. */
  @inline static hasKeyOf(entry: usize, slot: usize): bool {
    const first = v128.xor(v128.load(entry), v128.load(slot, S_KEY));
    const second = v128.xor(v128.load(entry, 16), v128.load(slot, S_KEY + 16));
    const third = v128.xor(v128.load(entry, 32), v128.load(slot, S_KEY + 32));
    return !v128.any_true(v128.or(v128.or(first, second), third));
  }
}

function findConnection(entries: usize, mask: u32, reach: u32, slot: usize, hash: u32): usize {
  let place = hash & mask;
  for (let way: u32 = 0; way <= reach; way++) {
    const entry = entries + <usize>place * CONN_SIZE;
    const found = load<u32>(entry, C_HASH);
    if (found === hash && Connection.hasKeyOf(entry, slot)) return entry;
    if (found === 0) return 0;
    place = (place + 1) & mask;
  }
  return 0;
}

/** Kernel `lookupFlows`, in two passes as {@link lookupConnections}. */
export function lookupFlows(table: usize, list: usize, n: u32): void {
  const slots = Memory.firstSlot();
  const entries: usize = load<u32>(table, T_ENTRIES);
  const mask = load<u32>(table, T_MASK);
  let touched: u64 = 0;
  let next: u32 = 0;
  for (; next + 4 <= n; next += 4) {
    touched += Flows.touch(entries, mask, slots, list, next);
    touched += Flows.touch(entries, mask, slots, list, next + 1);
    touched += Flows.touch(entries, mask, slots, list, next + 2);
    touched += Flows.touch(entries, mask, slots, list, next + 3);
  }
  for (; next < n; next++) touched += Flows.touch(entries, mask, slots, list, next);
  Memory.keep(touched, list);
  const reach = load<u32>(table, T_REACH);
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    if (load<u16>(slot, S_REASON)) continue;
    const entry = findFlow(entries, mask, reach, bswap<u32>(load<u32>(slot, S_DESCRIPTOR + D_FLOW_ID)));
    store<u32>(slot, <u32>entry, S_FLOW);
    if (!entry) store<u16>(slot, <u16>REASON_UNKNOWN_FLOW, S_REASON);
  }
}

class Flows {
  /** As {@link Connection.touch}, by the flow ID of the frame's descriptor. */
  @inline static touch(entries: usize, mask: u32, slots: usize, list: usize, i: u32): u64 {
    const id = bswap<u32>(load<u32>(Memory.slotAt(slots, list, i), S_DESCRIPTOR + D_FLOW_ID));
    const entry = entries + <usize>(Mix.mix32(id) & mask) * FLOW_SIZE;
    return <u64>load<u32>(entry, F_ID) + <u64>load<u32>(entry, F_PACKETS_FWD);
  }
}

function findFlow(entries: usize, mask: u32, reach: u32, id: u32): usize {
  let place = Mix.mix32(id) & mask;
  for (let way: u32 = 0; way <= reach; way++) {
    const entry = entries + <usize>place * FLOW_SIZE;
    const state = load<u32>(entry, F_STATE);
    if (state === 0) return 0;
    if (load<u32>(entry, F_ID) === id && state !== FS_TOMBSTONE) return entry;
    place = (place + 1) & mask;
  }
  return 0;
}
