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
  D_SEQUENCE,
  D_SIGNATURE,
  FRAME_MIN,
  MARKER_V1,
  N_KEY,
  N_KEYS,
  N_KEY_PREVIOUS,
  N_MAC,
  N_PREVIOUS_UNTIL,
  REASON_BAD_CHECKSUM,
  REASON_BAD_LENGTH,
  REASON_BAD_MARKER,
  REASON_BAD_SIGNATURE,
  REASON_CONTROL_FRAME,
  REASON_LOOPED,
  REASON_NO_MEMBER,
  REASON_OVERSIZE,
  REASON_UNKNOWN_SENDER,
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
} from './layout';
import { Memory } from './memory';
import { fold, onesSum, Pair, sip } from './sip';

/** Bytes of a slot before its frame area. */
const SLOT_HEADER: u32 = 512;
/** What a signature covers begins with marker, checksum and signature, of which only the marker counts. */
const MASK_0: u64 = 0xffff;
const MASK_1: u64 = 0xffffffff00000000;
/** 02:f1:60:00, as the grid's MAC addresses begin, is checked against the node table; a node's MAC is 6 bytes. */
const MAC_MASK: u64 = 0xffffffffffff;

/**
 * Kernel `seal`, in two passes: the first lays out what is signed, the second signs it. Signing at once would load
 * words that span fresh stores, and wait for them.
 */
export function seal(self: u32, list: usize, n: u32): void {
  const slots = Memory.firstSlot();
  const own = Memory.node(self);
  const ownMac = load<u64>(own, N_MAC) & MAC_MASK;
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    if (!load<u16>(slot, S_REASON)) store<u16>(slot, <u16>Trailer.append(slot, ownMac), S_REASON);
  }
  const k0 = load<u64>(own, N_KEY);
  const k1 = load<u64>(own, N_KEY + 8);
  const both0 = i64x2.splat(k0);
  const both1 = i64x2.splat(k1);
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    if (load<u16>(slot, S_REASON)) continue;
    const length = Sealed.signed(slot, <u32>load<u16>(slot, S_DESC_LEN));
    const tail = Sealed.tail(slot, <u32>load<u16>(slot, S_DESC_LEN));
    const other = i + 1 < n ? Memory.slotAt(slots, list, i + 1) : slot;
    const added = <u32>load<u16>(other, S_DESC_LEN);
    if (other === slot || load<u16>(other, S_REASON) || Sealed.signed(other, added) !== length) {
      Trailer.finish(slot, tail, bswap<u64>(sip(k0, k1, tail, length, MASK_0, MASK_1)));
      continue;
    }
    const hashes = Pair.sip(both0, both1, tail, Sealed.tail(other, added), length, MASK_0, MASK_1);
    const signatures = Pair.swapped(hashes);
    Trailer.finish(slot, tail, i64x2.extract_lane(signatures, 0));
    Trailer.finish(other, Sealed.tail(other, added), i64x2.extract_lane(signatures, 1));
    i++;
  }
}

/** A frame with its descriptor appended, `added` bytes of it. */
class Sealed {
  /** Where the descriptor begins. */
  @inline static tail(slot: usize, added: u32): usize {
    return slot + load<u32>(slot, S_OFF) + load<u32>(slot, S_LEN) - added;
  }

  /** The descriptor's length, as its last byte says. */
  @inline static added(slot: usize): u32 {
    return <u32>load<u8>(slot + load<u32>(slot, S_OFF) + load<u32>(slot, S_LEN) - 1);
  }

  /** The node table's entry of the sender, whom the source MAC names. */
  @inline static sender(slot: usize): usize {
    const frame = slot + load<u32>(slot, S_OFF);
    return Memory.node(((<u32>load<u8>(frame, 10)) << 7) | (<u32>load<u8>(frame, 11)));
  }

  /** Bytes of the message that is signed: the descriptor, the frame's length, and its first bytes. */
  @inline static signed(slot: usize, added: u32): u32 {
    return added + 2 + min<u32>(load<u32>(slot, S_LEN) - added - 12, SIGNED_FRAME_BYTES);
  }
}

/** What is laid out behind a frame, and what is written into it. Static methods, because they can be marked for inlining. */
class Trailer {
  /** Writes signature, in network order, and checksum. */
  @inline static finish(slot: usize, tail: usize, signature: u64): void {
    const sum = onesSum(tail, <u32>load<u16>(slot, S_DESC_LEN)) + (signature & 0xffffffff) + (signature >> 32);
    store<u64>(tail, signature, D_SIGNATURE);
    store<u16>(tail, <u16>~fold(sum), D_CHECKSUM);
  }

  /** Addresses the frame and appends the unsigned descriptor, and behind it the rest of what is signed. */
  @inline static append(slot: usize, ownMac: u64): u32 {
    const to = (<u32>load<u16>(slot, S_TO)) & 0x7fff;
    const start = load<u32>(slot, S_OFF);
    const length = load<u32>(slot, S_LEN);
    const added = <u32>load<u16>(slot, S_DESC_LEN);
    if (!to) return REASON_NO_MEMBER;
    if (added < D_FIXED || added > DESCRIPTOR_MAX || length < FRAME_MIN) return REASON_BAD_LENGTH;
    if (start < SLOT_HEADER || start + length + added + 2 + SIGNED_FRAME_BYTES > SLOT_STRIDE) return REASON_OVERSIZE;
    const frame = slot + start;
    const descriptor = slot + S_DESCRIPTOR;
    const macLow = load<u64>(frame);
    const macHigh = load<u32>(frame, 8);
    const nextMac = load<u64>(Memory.node(to), N_MAC) & MAC_MASK;
    store<u64>(frame, nextMac | (ownMac << 48));
    store<u32>(frame, <u32>(ownMac >> 16), 8);
    store<u64>(descriptor, macLow, D_MACS);
    store<u32>(descriptor, macHigh, D_MACS + 8);
    const tail = frame + length;
    store<u64>(tail, load<u64>(descriptor) & MASK_0);
    store<u64>(tail, macLow << 32, 8);
    store<u64>(tail, (macLow >> 32) | ((<u64>macHigh) << 32), 16);
    Trailer.copyFrom24(tail, descriptor, added);
    Trailer.appendSigned(frame, length, added);
    store<u32>(slot, length + added, S_LEN);
    return 0;
  }

  /** Copies a descriptor but for its first 24 bytes; the last words lie over the end of those before. */
  @inline static copyFrom24(to: usize, from: usize, length: u32): void {
    v128.store(to, v128.load(from, 24), 24);
    for (let i: u32 = 40; i + 16 <= length; i += 16) v128.store(to + i, v128.load(from + i));
    v128.store(to + length - 16, v128.load(from + length - 16));
  }

  /** Writes the frame's length and the first bytes behind its MACs after the descriptor, so that the message is in one piece. */
  @inline static appendSigned(frame: usize, length: u32, added: u32): void {
    const behind = frame + length + added;
    store<u16>(behind, bswap<u16>(<u16>length));
    const size = Trailer.signedBytes(length);
    const from = frame + 12;
    const to = behind + 2;
    if (size === SIGNED_FRAME_BYTES) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      v128.store(to, v128.load(from, 32), 32);
      v128.store(to, v128.load(from, 48), 48);
      return;
    }
    if (size < 8) {
      for (let i: u32 = 0; i < size; i++) store<u8>(to + i, load<u8>(from + i));
      return;
    }
    // Whole words, the last of them over the end of the one before.
    for (let i: u32 = 0; i + 8 <= size; i += 8) store<u64>(to + i, load<u64>(from + i));
    store<u64>(to + size - 8, load<u64>(from + size - 8));
  }

  /** Bytes of the frame that are signed. */
  @inline static signedBytes(length: u32): u32 {
    return min<u32>(length - 12, SIGNED_FRAME_BYTES);
  }
}

/** Kernel `open`, in two passes as {@link seal}, after one that only fetches what another core wrote. */
export function open(self: u32, list: usize, n: u32, nowUs: f64): void {
  const slots = Memory.firstSlot();
  touchEnds(slots, list, n);
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    if (!load<u16>(slot, S_REASON)) store<u16>(slot, <u16>inspect(slot), S_REASON);
  }
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    if (load<u16>(slot, S_REASON)) continue;
    const added = Sealed.added(slot);
    const tail = Sealed.tail(slot, added);
    const sender = Sealed.sender(slot);
    const length = Sealed.signed(slot, added);
    const other = i + 1 < n ? Memory.slotAt(slots, list, i + 1) : slot;
    if (other === slot || load<u16>(other, S_REASON) || Sealed.signed(other, Sealed.added(other)) !== length) {
      const hash = sip(load<u64>(sender, N_KEY), load<u64>(sender, N_KEY + 8), tail, length, MASK_0, MASK_1);
      judge(self, slot, hash, nowUs);
      continue;
    }
    const tail2 = Sealed.tail(other, Sealed.added(other));
    const sender2 = Sealed.sender(other);
    const k0 = Pair.words(sender + N_KEY, sender2 + N_KEY);
    const k1 = Pair.words(sender + N_KEY + 8, sender2 + N_KEY + 8);
    const hashes = Pair.sip(k0, k1, tail, tail2, length, MASK_0, MASK_1);
    judge(self, slot, i64x2.extract_lane(hashes, 0), nowUs);
    judge(self, other, i64x2.extract_lane(hashes, 1), nowUs);
    i++;
  }
}

/** Strips a frame whose message hashes to `hash` under its sender's key, if it is signed so. */
function judge(self: u32, slot: usize, hash: u64, nowUs: f64): void {
  const added = Sealed.added(slot);
  const frame = slot + load<u32>(slot, S_OFF);
  const total = load<u32>(slot, S_LEN);
  const tail = frame + total - added;
  const claimed = bswap<u64>(load<u64>(tail, D_SIGNATURE));
  const genuine =
    hash === claimed || isSignedBefore(Sealed.sender(slot), tail, Sealed.signed(slot, added), claimed, nowUs);
  const from = ((<u32>load<u8>(frame, 10)) << 7) | (<u32>load<u8>(frame, 11));
  store<u16>(slot, <u16>(genuine ? strip(self, slot, frame, total, added, from) : REASON_BAD_SIGNATURE), S_REASON);
}

/**
 * Touches both ends of every frame and where its descriptor will be saved, so that the cache misses overlap: what comes
 * from another core's cache takes longest.
 */
function touchEnds(slots: usize, list: usize, n: u32): void {
  let touched: u64 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const slot = Memory.slotAt(slots, list, i);
    const start = load<u32>(slot, S_OFF);
    // Lengths are judged later; what they claim is touched only inside of the slot.
    const end = min<u32>(start + load<u32>(slot, S_LEN), SLOT_STRIDE - 4);
    touched += <u64>load<u32>(slot, S_DESCRIPTOR) + <u64>load<u32>(slot + min<u32>(start, end));
    touched += <u64>load<u32>(slot + end);
  }
  Memory.keep(touched, list);
}

/** All checks but the signature; lays out the rest of what is signed behind the frame. */
function inspect(slot: usize): u32 {
  const start = load<u32>(slot, S_OFF);
  const frame = slot + start;
  const total = load<u32>(slot, S_LEN);
  if (total < FRAME_MIN + D_FIXED) return REASON_BAD_LENGTH;
  if (start < SLOT_HEADER || start + total + 2 + SIGNED_FRAME_BYTES > SLOT_STRIDE) return REASON_OVERSIZE;
  const added = <u32>load<u8>(frame + total - 1);
  if (added < D_FIXED || added > DESCRIPTOR_MAX || total - added < FRAME_MIN || added > total) return REASON_BAD_LENGTH;
  const tail = frame + total - added;
  if (D_FIXED + 2 * <u32>load<u8>(tail, D_COUNT) !== added) return REASON_BAD_LENGTH;
  if (Memory.big16(tail) !== MARKER_V1) return REASON_BAD_MARKER;
  if (fold(onesSum(tail, added)) !== 0xffff) return REASON_BAD_CHECKSUM;
  const cluster = <u32>load<u8>(frame, 10);
  const node = <u32>load<u8>(frame, 11);
  if (!cluster || node - 1 >= 127) return REASON_UNKNOWN_SENDER;
  const sender = load<u64>(Memory.node((cluster << 7) | node), N_MAC);
  const mac = (<u64>load<u32>(frame, 6)) | ((<u64>load<u16>(frame, 10)) << 32);
  if ((sender & MAC_MASK) !== mac || ((sender >> 48) & 0xff) === 0) return REASON_UNKNOWN_SENDER;
  Trailer.appendSigned(frame, total - added, added);
  return 0;
}

/** Whether the signature is right under the sender's previous key, while that still counts. */
function isSignedBefore(sender: usize, tail: usize, length: u32, claimed: u64, nowUs: f64): bool {
  if (load<u8>(sender, N_KEYS) < 2 || !(nowUs < load<f64>(sender, N_PREVIOUS_UNTIL))) return false;
  const k0 = load<u64>(sender, N_KEY_PREVIOUS);
  return sip(k0, load<u64>(sender, N_KEY_PREVIOUS + 8), tail, length, MASK_0, MASK_1) === claimed;
}

/** Saves and removes a believed descriptor; the reason why the frame then goes no further, or 0. */
function strip(self: u32, slot: usize, frame: usize, total: u32, added: u32, from: u32): u32 {
  const tail = frame + total - added;
  const descriptor = slot + S_DESCRIPTOR;
  const word2 = load<u64>(tail, 16);
  store<u64>(descriptor, load<u64>(tail) & MASK_0);
  store<u64>(descriptor, load<u64>(tail, 8) & MASK_1, 8);
  store<u64>(descriptor, word2, 16);
  Trailer.copyFrom24(descriptor, tail, added);
  store<u64>(frame, (<u64>load<u32>(tail, D_MACS)) | (word2 << 32));
  store<u32>(frame, <u32>(word2 >> 32), 8);

  const flags = <u32>load<u8>(tail, D_FLAGS);
  const own = element(tail, self >> 7);
  const hold = own !== NO_ELEMENT && (own & 0x7f) !== 0 && (own & 0x7f) !== (self & 0x7f);
  const kept = (<u32>load<u16>(slot, S_FLAGS)) & ~(SF_START | SF_END | SF_HOLD);
  store<u16>(slot, <u16>(kept | (flags & (SF_START | SF_END)) | (hold ? SF_HOLD : 0)), S_FLAGS);
  store<u32>(slot, total - added, S_LEN);
  store<u16>(slot, <u16>added, S_DESC_LEN);
  store<u32>(slot, bswap<u32>(load<u32>(tail, D_SEQUENCE)), S_SEQ);
  store<u8>(slot, flags & DF_REVERSE ? 1 : 0, S_REVERSE);
  store<u16>(slot, <u16>from, S_FROM);
  if (load<u16>(tail, D_FLOW_TYPE) === 0) return REASON_CONTROL_FRAME;
  return own !== NO_ELEMENT && own & 0x80 ? REASON_LOOPED : 0;
}

const NO_ELEMENT: u32 = 0xffffffff;

/** The second byte of the first element of `cluster`. */
function element(descriptor: usize, cluster: u32): u32 {
  const end = descriptor + D_LIST + 2 * <u32>load<u8>(descriptor, D_COUNT);
  for (let at = descriptor + D_LIST; at < end; at += 2) if (<u32>load<u8>(at) === cluster) return <u32>load<u8>(at, 1);
  return NO_ELEMENT;
}
