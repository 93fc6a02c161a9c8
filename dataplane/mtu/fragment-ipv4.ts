import type { Arena } from '../frames/arena';
import { S_FLAGS, S_FRAME_NO, S_L3, S_LEN, SF_END, SF_START } from '../frames/layout';
import { NO_FRAME_NUMBER } from '../frames/slots';
import { updateChecksum } from '../functions/checksum-update';
import { ipHeaderAt } from '../layer3/forwarding';

const MORE_FRAGMENTS = 0x2000;
const OFFSET_MASK = 0x1fff;
const OPTION_END = 0;
const OPTION_NOP = 1;
/** An option with this bit goes into every fragment, one without into the first alone (RFC 791). */
const OPTION_COPIED = 0x80;

/** Where fragments come from: copies of a whole frame with all that is known about it. */
export interface FragmentSource {
  readonly arena: Arena;
  /** A copy of the frame in `slot`, by number; −1 when no slot is free. */
  copyOf(slot: number): number;
  free(slot: number): void;
}

/**
 * Cuts the IPv4 packet of a frame into fragments of at most `mtu` bytes (RFC 791, section 3.2): the frame's slot becomes
 * the first one, the others are new. The packet may be a fragment itself. Header checksums are corrected, not made
 * anew, so that a wrong one stays wrong.
 *
 * @param slot number of a parsed frame whose IPv4 header stands right behind its link header and whose packet is longer
 *   than `mtu`
 * @param total bytes of the packet, its header included
 * @returns the fragments' slots in order, `slot` first; undefined when slots ran out: then the frame is as it was
 */
export function fragmentIpv4(source: FragmentSource, slot: number, total: number, mtu: number): number[] | undefined {
  const { arena } = source;
  const { u8 } = arena;
  const original = arena.slot(slot);
  const ip = ipHeaderAt(arena, original);
  const header = 4 * (u8[ip] & 15);
  const chunk = (mtu - header) & ~7;
  const fragments = [slot];
  for (let at = chunk; at < total - header; at += chunk) {
    const copy = source.copyOf(slot);
    if (copy < 0) {
      for (const made of fragments.slice(1)) source.free(made);
      return undefined;
    }
    fragments.push(copy);
  }
  const field = word(u8, ip + 6);
  fragments.forEach((each, i) => {
    const isLast = i === fragments.length - 1;
    const from = i * chunk;
    const length = isLast ? total - header - from : chunk;
    const offset = (field & OFFSET_MASK) + (from >>> 3);
    const flags = (field & ~OFFSET_MASK) | (isLast ? 0 : MORE_FRAGMENTS);
    shape(arena, arena.slot(each), { from, length, field: flags | offset, isFirst: i === 0, isLast });
  });
  return fragments;
}

interface Shape {
  /** Place of the fragment's bytes in the packet's payload, and their number. */
  readonly from: number;
  readonly length: number;
  /** Flags and offset as they stand in the header. */
  readonly field: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** Makes a whole frame one of its fragments. */
function shape(arena: Arena, slot: number, { from, length, field, isFirst, isLast }: Shape): void {
  const { u8, u16, u32 } = arena;
  const l3 = u16[(slot + S_L3) >>> 1];
  const ip = ipHeaderAt(arena, slot);
  const header = 4 * (u8[ip] & 15);
  if (from > 0) u8.copyWithin(ip + header, ip + header + from, ip + header + from + length);
  u32[(slot + S_LEN) >>> 2] = l3 + header + length;
  replace(u8, ip, 2, header + length);
  replace(u8, ip, 6, field);
  const flags = u16[(slot + S_FLAGS) >>> 1];
  u16[(slot + S_FLAGS) >>> 1] = flags & ~(isFirst ? 0 : SF_START) & ~(isLast ? 0 : SF_END);
  if (isFirst) return;
  u32[(slot + S_FRAME_NO) >>> 2] = NO_FRAME_NUMBER;
  leaveOutOptions(u8, ip, header);
}

/** Writes "no operation" over the options that belong into the first fragment alone. */
function leaveOutOptions(u8: Uint8Array, ip: number, header: number): void {
  for (let at = 20; at < header && u8[ip + at] !== OPTION_END;) {
    const kind = u8[ip + at];
    const length = kind === OPTION_NOP ? 1 : at + 1 < header ? u8[ip + at + 1] : 0;
    if (length === 0 || at + length > header) return;
    if ((kind & OPTION_COPIED) === 0) for (let i = 0; i < length; i++) replaceByte(u8, ip, at + i, OPTION_NOP);
    at += length;
  }
}

function replaceByte(u8: Uint8Array, ip: number, at: number, value: number): void {
  const before = word(u8, ip + (at & ~1));
  replace(u8, ip, at & ~1, (at & 1) === 0 ? (value << 8) | (before & 0xff) : (before & 0xff00) | value);
}

/** Writes a word of the header and corrects the header's checksum for it. */
function replace(u8: Uint8Array, ip: number, at: number, value: number): void {
  const checksum = updateChecksum(word(u8, ip + 10), word(u8, ip + at), value);
  u8[ip + at] = value >>> 8;
  u8[ip + at + 1] = value & 0xff;
  u8[ip + 10] = checksum >>> 8;
  u8[ip + 11] = checksum & 0xff;
}

function word(u8: Uint8Array, at: number): number {
  return (u8[at] << 8) | u8[at + 1];
}
