import {
  DF_FLOOD,
  DF_REPLICA,
  D_COUNT,
  D_FLAGS,
  D_LIST,
  FS_FULL_ROUTE,
  F_EMITTER,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_STATE,
  SENDERS_MAX,
  SF_MULTICAST,
  S_DESCRIPTOR,
  S_FLAGS,
  S_FLOW,
  S_FRAGMENT,
  S_FROM,
  S_LEN,
  S_REASON,
  S_REVERSE,
  S_TO,
} from './layout';
import { Memory } from './memory';

/** S_FRAGMENT of a datagram's first fragment. */
const FIRST_FRAGMENT: u32 = 1;
const NOT_ALL: u32 = 0xffffffff;

/*
 * Loops without an early end: a batch is nearly always ordinary as a whole, and the frames' cache misses overlap.
 */

/** Kernel `areKnown`. */
export function areKnown(self: u32, list: usize, n: u32): u32 {
  const slots = Memory.firstSlot();
  let odd: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    const flow: usize = load<u32>(slot, S_FLOW);
    odd |= (<u32>load<u16>(slot, S_REASON)) | ((<u32>load<u16>(slot, S_FLAGS)) & SF_MULTICAST);
    odd |= <u32>(<u32>load<u8>(slot, S_FRAGMENT) === FIRST_FRAGMENT);
    odd |= (<u32>(flow === 0)) | ((<u32>load<u16>(flow, F_EMITTER)) ^ self);
  }
  return <u32>(odd === 0);
}

/** Kernel `arePlain`. */
export function arePlain(list: usize, n: u32): u32 {
  const slots = Memory.firstSlot();
  let odd: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    odd |= (<u32>load<u16>(slot, S_REASON)) | ((<u32>load<u8>(slot, S_DESCRIPTOR + D_FLAGS)) & DF_FLOOD);
  }
  return <u32>(odd === 0);
}

/** Kernel `survey`. */
export function survey(self: u32, list: usize, n: u32, out: usize): u32 {
  const slots = Memory.firstSlot();
  let odd: u32 = 0;
  let bytes: u32 = 0;
  let senders: u32 = 0;
  let last: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    const flow: usize = load<u32>(slot, S_FLOW);
    const from = <u32>load<u16>(slot, S_FROM);
    odd |= <u32>load<u16>(slot, S_REASON);
    odd |= from ^ (<u32>load<u16>(flow + (load<u8>(slot, S_REVERSE) ? F_NEXT_FWD : F_NEXT_REV)));
    odd |= named(slot + S_DESCRIPTOR, self >> 7) ^ ((<u32>load<u16>(flow, F_EMITTER)) & 0x7f);
    bytes += load<u32>(slot, S_LEN);
    if (from !== 0 && from !== last) {
      last = from;
      senders = addSender(out, senders, from);
    }
  }
  store<u32>(out, bytes);
  store<u32>(out, senders, 4);
  return <u32>(odd === 0 && senders <= SENDERS_MAX);
}

/** The node that the first element of a cluster names; NOT_ALL when the list has none. */
function named(descriptor: usize, cluster: u32): u32 {
  const end = descriptor + D_LIST + 2 * <u32>load<u8>(descriptor, D_COUNT);
  for (let at = descriptor + D_LIST; at < end; at += 2) {
    if (<u32>load<u8>(at) === cluster) return (<u32>load<u8>(at, 1)) & 0x7f;
  }
  return NOT_ALL;
}

/** Puts a sender behind the `count` that are known, unless it is one of them; the new count, at most SENDERS_MAX + 1. */
function addSender(out: usize, count: u32, from: u32): u32 {
  const known = min<u32>(count, SENDERS_MAX);
  for (let i: u32 = 0; i < known; i++) if (load<u32>(out + 4 * i, 8) === from) return count;
  if (count >= SENDERS_MAX) return SENDERS_MAX + 1;
  store<u32>(out + 4 * count, from, 8);
  return count + 1;
}

/** Kernel `divide`. */
export function divide(self: u32, list: usize, n: u32, emitting: usize, shadowing: usize): u32 {
  const slots = Memory.firstSlot();
  let odd: u32 = 0;
  let emits: u32 = 0;
  let shadows: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    const number = load<u32>(list + 4 * i);
    const own = <u32>(<u32>load<u16>(<usize>load<u32>(slot, S_FLOW), F_EMITTER) === self);
    odd |= <u32>load<u16>(slot, S_REASON);
    store<u32>(emitting + 4 * emits, number);
    store<u32>(shadowing + 4 * shadows, number);
    emits += own;
    shadows += own ^ 1;
  }
  return odd === 0 ? emits : NOT_ALL;
}

/** Kernel `haveHops`. */
export function haveHops(list: usize, n: u32): u32 {
  const slots = Memory.firstSlot();
  let odd: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    odd |= (<u32>load<u16>(slot, S_REASON)) | (<u32>(load<u16>(slot, S_TO) === 0));
    odd |= (<u32>load<u8>(slot, S_DESCRIPTOR + D_FLAGS)) & DF_REPLICA;
  }
  return <u32>(odd === 0);
}

/** Kernel `areLeaving`. */
export function areLeaving(self: u32, list: usize, n: u32): u32 {
  const slots = Memory.firstSlot();
  let odd: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    const descriptor = slot + S_DESCRIPTOR;
    const last = descriptor + D_LIST + 2 * <u32>load<u8>(descriptor, D_COUNT) - 2;
    odd |= (<u32>load<u8>(last)) ^ (self >> 7);
    odd |= (<u32>load<u8>(descriptor, D_FLAGS)) & DF_REPLICA;
    odd |= ~load<u32>(<usize>load<u32>(slot, S_FLOW), F_STATE) & FS_FULL_ROUTE;
  }
  return <u32>(odd === 0);
}
