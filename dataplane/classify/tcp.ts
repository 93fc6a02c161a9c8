import type { Arena } from '../frames/arena';
import {
  C_FIN_A,
  C_FIN_B,
  C_PACKETS_AB,
  C_PACKETS_BA,
  C_STATE,
  C_SYN_SEQ,
  CS_B_INITIATES,
  CS_CLOSED,
  CS_FIN_A,
  CS_FIN_B,
  CS_RST,
  CS_SYN,
  CS_SYN_ACK,
  S_L4,
  S_OFF,
  S_PAYLOAD_LEN,
  S_SRC_IS_B,
  S_TCP_FLAGS,
} from '../frames/layout';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../headers/numbers';
import type { ConnectionEnd } from './ports';

/** Sequence number of the TCP segment in a slot. */
export function segmentSeq(arena: Arena, slot: number): number {
  return arena.view.getUint32(transport(arena, slot) + 4, false);
}

/** Acknowledgement number of the TCP segment in a slot. */
export function segmentAck(arena: Arena, slot: number): number {
  return arena.view.getUint32(transport(arena, slot) + 8, false);
}

function transport(arena: Arena, slot: number): number {
  return slot + arena.u32[(slot + S_OFF) >>> 2] + arena.u16[(slot + S_L4) >>> 1];
}

/** A SYN without ACK: what an initiator sends first. False where the header is cut before its flags. */
export function isBareSyn(arena: Arena, slot: number): boolean {
  return (arena.u8[slot + S_TCP_FLAGS] & (TCP_SYN | TCP_ACK | TCP_RST)) === TCP_SYN;
}

/**
 * Whether a bare SYN opens another connection on the 5-tuple of `connection`: its sequence number is new, and its sender
 * has been heard before (two SYNs that cross open one connection).
 */
export function opensAnother(arena: Arena, slot: number, connection: number): boolean {
  const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
  const state = arena.u32[(connection + C_STATE) >>> 2];
  const heard = arena.u32[(connection + (fromB ? C_PACKETS_BA : C_PACKETS_AB)) >>> 2];
  const opened = (state & CS_SYN) !== 0 && fromB === ((state & CS_B_INITIATES) !== 0);
  if (opened) return arena.u32[(connection + C_SYN_SEQ) >>> 2] !== segmentSeq(arena, slot);
  return heard > 0;
}

/**
 * Moves a connection's TCP state by the segment in a slot. Returns whether this segment closed it: the second FIN, or
 * the first RST. It then lingers for stragglers.
 */
export function followTcp(arena: Arena, slot: number, connection: number): boolean {
  const flags = arena.u8[slot + S_TCP_FLAGS];
  if ((flags & (TCP_SYN | TCP_FIN | TCP_RST)) === 0) return false;
  const at = (connection + C_STATE) >>> 2;
  const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
  const before = arena.u32[at];
  let state = before;
  if (isBareSyn(arena, slot) && (state & CS_SYN) === 0 && fromB === ((state & CS_B_INITIATES) !== 0)) {
    state |= CS_SYN;
    arena.u32[(connection + C_SYN_SEQ) >>> 2] = segmentSeq(arena, slot);
  }
  if ((flags & (TCP_SYN | TCP_ACK)) === (TCP_SYN | TCP_ACK)) state |= CS_SYN_ACK;
  if ((flags & TCP_FIN) !== 0) {
    state |= fromB ? CS_FIN_B : CS_FIN_A;
    const after = segmentSeq(arena, slot) + arena.u16[(slot + S_PAYLOAD_LEN) >>> 1] + 1;
    arena.u32[(connection + (fromB ? C_FIN_B : C_FIN_A)) >>> 2] = after;
  }
  if ((flags & TCP_RST) !== 0) state |= CS_RST;
  if ((state & CS_RST) !== 0 || (state & (CS_FIN_A | CS_FIN_B)) === (CS_FIN_A | CS_FIN_B)) state |= CS_CLOSED;
  arena.u32[at] = state;
  return (state & ~before & CS_CLOSED) !== 0;
}

/** How a connection ended by its state, `otherwise` if it was still open. */
export function endOf(state: number, otherwise: ConnectionEnd): ConnectionEnd {
  if ((state & CS_RST) !== 0) return 'rst';
  return (state & (CS_FIN_A | CS_FIN_B)) === (CS_FIN_A | CS_FIN_B) ? 'fin' : otherwise;
}
