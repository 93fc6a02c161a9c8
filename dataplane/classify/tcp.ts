import type { Arena } from '../frames/arena';
import {
  C_ISN_A,
  C_ISN_B,
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
  S_PROTO,
  S_SRC_IS_B,
  S_TCP_FLAGS,
} from '../frames/layout';
import { PROTO_TCP, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../headers/numbers';
import type { ConnectionEnd, ConnectionStart } from './ports';

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
 * Whether a bare SYN opens another connection on the 5-tuple of `connection`: its sequence number is new for its sender.
 * It is not when the sender has not been heard before (two SYNs that cross open one connection), nor when it precedes
 * what was heard (a SYN overtaken by what follows it).
 */
export function opensAnother(arena: Arena, slot: number, connection: number): boolean {
  const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
  const state = arena.u32[(connection + C_STATE) >>> 2];
  const heard = arena.u32[(connection + (fromB ? C_PACKETS_BA : C_PACKETS_AB)) >>> 2];
  const isOpener = (state & CS_SYN) !== 0 && fromB === ((state & CS_B_INITIATES) !== 0);
  if (isOpener) return arena.u32[(connection + C_SYN_SEQ) >>> 2] !== segmentSeq(arena, slot);
  if (heard === 0) return false;
  const initial = arena.u32[(connection + (fromB ? C_ISN_B : C_ISN_A)) >>> 2];
  // Where it is not known, none but plain segments were heard of the sender: the connection has only just begun.
  return initial !== 0 && initial !== segmentSeq(arena, slot);
}

/** How the connection is first seen whose first frame is in a slot. */
export function startOf(arena: Arena, slot: number): ConnectionStart {
  if (arena.u8[slot + S_PROTO] !== PROTO_TCP) return 'first-packet';
  return isBareSyn(arena, slot) ? 'syn' : 'midstream';
}

/**
 * Moves a connection's TCP state by the segment in a slot. Returns whether this segment closed it: the second FIN, or
 * the first RST. It then lingers for stragglers. Until an end's FIN, its `C_FIN_*` holds its initial sequence number.
 */
export function followTcp(arena: Arena, slot: number, connection: number): boolean {
  const flags = arena.u8[slot + S_TCP_FLAGS];
  if (flags === 0) return false;
  const at = (connection + C_STATE) >>> 2;
  const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
  const before = arena.u32[at];
  const seq = segmentSeq(arena, slot);
  const own = (connection + (fromB ? C_ISN_B : C_ISN_A)) >>> 2;
  if (arena.u32[own] === 0) arena.u32[own] = (flags & TCP_SYN) !== 0 ? seq : seq - 1;
  if ((flags & (TCP_SYN | TCP_FIN | TCP_RST)) === 0) return false;
  let state = before;
  if (isBareSyn(arena, slot) && (state & CS_SYN) === 0 && fromB === ((state & CS_B_INITIATES) !== 0)) {
    state |= CS_SYN;
    arena.u32[(connection + C_SYN_SEQ) >>> 2] = seq;
  }
  if ((flags & (TCP_SYN | TCP_ACK)) === (TCP_SYN | TCP_ACK)) state |= CS_SYN_ACK;
  if ((flags & TCP_FIN) !== 0) state |= fromB ? CS_FIN_B : CS_FIN_A;
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
