import { clusterOf, nodeOf, nodeRef, NODE_REF_COUNT, type Micros, type NodeRef } from '../../../domain/base/ids';
import type { Arena } from '../../frames/arena';
import {
  DESCRIPTOR_MAX,
  DF_REVERSE,
  D_CHECKSUM,
  D_COUNT,
  D_FIXED,
  D_FLAGS,
  D_FLOW_TYPE,
  D_LIST,
  D_MACS,
  D_MARKER,
  D_SEQUENCE,
  D_SIGNATURE,
  FRAME_MIN,
  MARKER_V1,
  N_KEY,
  N_KEYS,
  N_KEY_PREVIOUS,
  N_MAC,
  N_PREVIOUS_UNTIL,
  SF_END,
  SF_HOLD,
  SF_START,
  SIGNED_FRAME_BYTES,
  SLOT_STRIDE,
  S_DESCRIPTOR,
  S_DESC_LEN,
  S_FLAGS,
  S_FROM,
  S_LEN,
  S_OFF,
  S_REASON,
  S_REVERSE,
  S_SEQ,
  S_TO,
} from '../../frames/layout';
import { reason } from '../../frames/reasons';
import { sipHash24 } from './sip-hash';

const NO_MEMBER = reason('no-member');
const OVERSIZE = reason('oversize');
const BAD_LENGTH = reason('bad-length');
const BAD_MARKER = reason('bad-marker');
const BAD_CHECKSUM = reason('bad-checksum');
const BAD_SIGNATURE = reason('bad-signature');
const UNKNOWN_SENDER = reason('unknown-sender');
const CONTROL_FRAME = reason('control-frame');
const LOOPED = reason('looped');

/** Bytes of a slot before its frame area. */
const SLOT_HEADER = 512;
/** What a signature is computed over, assembled; dead between calls. */
const MESSAGE = new Uint8Array(DESCRIPTOR_MAX + 2 + SIGNED_FRAME_BYTES);
const SIGNATURE = new Uint32Array(2);

/** Twin of kernel `seal`; see {@link Kernels.seal}. */
export function seal(arena: Arena, self: NodeRef, list: number, n: number): void {
  const { u16, u32 } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    if (u16[(slot + S_REASON) >>> 1] === 0) u16[(slot + S_REASON) >>> 1] = sealFrame(arena, self, slot);
  }
}

function sealFrame(arena: Arena, self: NodeRef, slot: number): number {
  const { u8, u16, u32, view } = arena;
  const to = u16[(slot + S_TO) >>> 1] & (NODE_REF_COUNT - 1);
  const start = u32[(slot + S_OFF) >>> 2];
  const length = u32[(slot + S_LEN) >>> 2];
  const added = u16[(slot + S_DESC_LEN) >>> 1];
  if (to === 0) return NO_MEMBER;
  if (added < D_FIXED || added > DESCRIPTOR_MAX || length < FRAME_MIN) return BAD_LENGTH;
  if (!fits(start, length + added)) return OVERSIZE;

  const frame = slot + start;
  const descriptor = slot + S_DESCRIPTOR;
  u8.copyWithin(descriptor + D_MACS, frame, frame + 12);
  u8.copyWithin(frame, arena.node(to) + N_MAC, arena.node(to) + N_MAC + 6);
  u8.copyWithin(frame + 6, arena.node(self) + N_MAC, arena.node(self) + N_MAC + 6);
  const tail = frame + length;
  u8.copyWithin(tail, descriptor, descriptor + added);
  u8.fill(0, tail + D_CHECKSUM, tail + D_MACS);
  appendSigned(u8, frame, length, added);
  sign(arena, arena.node(self) + N_KEY, frame, length, added);
  view.setUint32(tail + D_SIGNATURE, SIGNATURE[1]);
  view.setUint32(tail + D_SIGNATURE + 4, SIGNATURE[0]);
  view.setUint16(tail + D_CHECKSUM, checksum(u8, tail, added));
  u32[(slot + S_LEN) >>> 2] = length + added;
  return 0;
}

/** Twin of kernel `open`; see {@link Kernels.open}. */
export function open(arena: Arena, self: NodeRef, list: number, n: number, now: Micros): void {
  const { u16, u32 } = arena;
  for (let i = 0; i < n; i++) {
    const slot = arena.slot(u32[(list >>> 2) + i]);
    if (u16[(slot + S_REASON) >>> 1] !== 0) continue;
    const verified = verify(arena, slot, now);
    u16[(slot + S_REASON) >>> 1] = verified !== 0 ? verified : strip(arena, self, slot);
  }
}

/** Checks a received frame without changing anything; 0 if its descriptor is believed. */
function verify(arena: Arena, slot: number, now: Micros): number {
  const { u8, view } = arena;
  const total = arena.u32[(slot + S_LEN) >>> 2];
  const start = arena.u32[(slot + S_OFF) >>> 2];
  const frame = slot + start;
  if (total < FRAME_MIN + D_FIXED) return BAD_LENGTH;
  if (!fits(start, total)) return OVERSIZE;
  const added = u8[frame + total - 1];
  const length = total - added;
  if (added < D_FIXED || added > DESCRIPTOR_MAX || length < FRAME_MIN) return BAD_LENGTH;
  const tail = frame + length;
  if (D_FIXED + 2 * u8[tail + D_COUNT] !== added) return BAD_LENGTH;
  if (view.getUint16(tail + D_MARKER) !== MARKER_V1) return BAD_MARKER;
  if (checksum(u8, tail, added) !== 0) return BAD_CHECKSUM;
  const from = sender(u8, arena.nodeTable, frame);
  if (from === 0) return UNKNOWN_SENDER;
  const node = arena.node(from);
  appendSigned(u8, frame, length, added);
  sign(arena, node + N_KEY, frame, length, added);
  if (signed(arena, tail)) return 0;
  if (u8[node + N_KEYS] < 2 || !(now < arena.f64[(node + N_PREVIOUS_UNTIL) >>> 3])) return BAD_SIGNATURE;
  sign(arena, node + N_KEY_PREVIOUS, frame, length, added);
  return signed(arena, tail) ? 0 : BAD_SIGNATURE;
}

/** The node whose MAC the frame's source is, if it is in the node table with a key; else 0. */
function sender(u8: Uint8Array, nodeTable: number, frame: number): NodeRef {
  const cluster = u8[frame + 10];
  const node = u8[frame + 11];
  if (cluster === 0 || node === 0 || node > 127) return 0;
  const entry = nodeTable + 64 * nodeRef(cluster, node);
  if (u8[entry + N_KEYS] === 0) return 0;
  for (let i = 0; i < 6; i++) if (u8[frame + 6 + i] !== u8[entry + N_MAC + i]) return 0;
  return nodeRef(cluster, node);
}

/** Saves and removes a believed descriptor; the reason why the frame then goes no further, or 0. */
function strip(arena: Arena, self: NodeRef, slot: number): number {
  const { u8, u16, u32, view } = arena;
  const total = u32[(slot + S_LEN) >>> 2];
  const frame = slot + u32[(slot + S_OFF) >>> 2];
  const added = u8[frame + total - 1];
  const descriptor = slot + S_DESCRIPTOR;
  u8.copyWithin(descriptor, frame + total - added, frame + total);
  u8.fill(0, descriptor + D_CHECKSUM, descriptor + D_MACS);
  const flags = u8[descriptor + D_FLAGS];
  const own = element(u8, descriptor, clusterOf(self));
  const hold = own >= 0 && (own & 0x7f) !== 0 && (own & 0x7f) !== nodeOf(self);
  u32[(slot + S_LEN) >>> 2] = total - added;
  u16[(slot + S_DESC_LEN) >>> 1] = added;
  u32[(slot + S_SEQ) >>> 2] = view.getUint32(descriptor + D_SEQUENCE);
  u8[slot + S_REVERSE] = flags & DF_REVERSE ? 1 : 0;
  u16[(slot + S_FROM) >>> 1] = nodeRef(u8[frame + 10], u8[frame + 11]);
  u16[(slot + S_FLAGS) >>> 1] =
    (u16[(slot + S_FLAGS) >>> 1] & ~(SF_START | SF_END | SF_HOLD)) |
    (flags & (SF_START | SF_END)) |
    (hold ? SF_HOLD : 0);
  u8.copyWithin(frame, descriptor + D_MACS, descriptor + D_MACS + 12);
  if (view.getUint16(descriptor + D_FLOW_TYPE) === 0) return CONTROL_FRAME;
  return own >= 0x80 ? LOOPED : 0;
}

/** The second byte of the first element of `cluster`; −1 if the list has none. */
function element(u8: Uint8Array, descriptor: number, cluster: number): number {
  const end = descriptor + D_LIST + 2 * u8[descriptor + D_COUNT];
  for (let at = descriptor + D_LIST; at < end; at += 2) if (u8[at] === cluster) return u8[at + 1];
  return -1;
}

/** Whether a frame and what is signed behind it lie within the slot. */
function fits(start: number, length: number): boolean {
  return start >= SLOT_HEADER && start + length + 2 + SIGNED_FRAME_BYTES <= SLOT_STRIDE;
}

/**
 * Writes the frame's length and its first bytes behind the MACs after the descriptor, as the compiled kernels do to
 * have in one piece what is signed.
 */
function appendSigned(u8: Uint8Array, frame: number, length: number, added: number): void {
  const behind = frame + length + added;
  const signedBytes = Math.min(SIGNED_FRAME_BYTES, length - 12);
  u8[behind] = length >>> 8;
  u8[behind + 1] = length & 0xff;
  for (let i = 0; i < signedBytes; i++) u8[behind + 2 + i] = u8[frame + 12 + i];
}

/** Computes into SIGNATURE what the frame of `length` bytes with the descriptor behind it is signed with under `key`. */
function sign(arena: Arena, key: number, frame: number, length: number, added: number): void {
  const { u8 } = arena;
  const size = added + 2 + Math.min(SIGNED_FRAME_BYTES, length - 12);
  for (let i = 0; i < size; i++) MESSAGE[i] = u8[frame + length + i];
  for (let i = D_CHECKSUM; i < D_MACS; i++) MESSAGE[i] = 0;
  sipHash24(u8, key, MESSAGE, 0, size, SIGNATURE);
}

function signed(arena: Arena, tail: number): boolean {
  const { view } = arena;
  return view.getUint32(tail + D_SIGNATURE) === SIGNATURE[1] && view.getUint32(tail + D_SIGNATURE + 4) === SIGNATURE[0];
}

/** Internet checksum (RFC 1071) of `length` bytes at `at`. */
export function checksum(u8: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i + 1 < length; i += 2) sum += (u8[at + i] << 8) | u8[at + i + 1];
  if (length & 1) sum += u8[at + length - 1] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}
