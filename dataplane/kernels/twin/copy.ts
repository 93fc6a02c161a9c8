import type { Arena } from '../../frames/arena';
import { PACKED_FIELDS, SEALED_FIELDS, S_DESCRIPTOR, S_DESC_LEN, S_LEN, S_OFF } from '../../frames/layout';

/** Bytes of a slot before its frame area: what is known about the frame, and its descriptor. */
const SLOT_HEADER = 512;

/** Twin of kernel `copySlot`; see {@link Kernels.copySlot}. */
export function copySlot(arena: Arena, source: number, target: number): void {
  const { u8, u32 } = arena;
  const from = arena.slot(source);
  const to = arena.slot(target);
  const frame = u32[(from + S_OFF) >>> 2];
  u8.copyWithin(to, from, from + SLOT_HEADER);
  u8.copyWithin(to + frame, from + frame, from + frame + u32[(from + S_LEN) >>> 2]);
}

/** Twin of kernel `copySealed`; see {@link Kernels.copySealed}. */
export function copySealed(arena: Arena, source: number, target: number): void {
  const { u8, u32 } = arena;
  const from = arena.slot(source);
  const to = arena.slot(target);
  const frame = u32[(from + S_OFF) >>> 2];
  u8.copyWithin(to, from, from + SEALED_FIELDS);
  u8.copyWithin(to + frame, from + frame, from + frame + wide(u32[(from + S_LEN) >>> 2]));
}

/** Twin of kernel `pack`; see {@link Kernels.pack}. */
export function pack(arena: Arena, slot: number, to: number): number {
  const { u8, u16, u32 } = arena;
  const from = arena.slot(slot);
  const frame = from + u32[(from + S_OFF) >>> 2];
  const descriptor = wide(u16[(from + S_DESC_LEN) >>> 1]);
  const length = wide(u32[(from + S_LEN) >>> 2]);
  u8.copyWithin(to, from, from + PACKED_FIELDS);
  u8.copyWithin(to + PACKED_FIELDS, from + S_DESCRIPTOR, from + S_DESCRIPTOR + descriptor);
  u8.copyWithin(to + PACKED_FIELDS + descriptor, frame, frame + length);
  return PACKED_FIELDS + descriptor + length;
}

/** Twin of kernel `unpack`; see {@link Kernels.unpack}. */
export function unpack(arena: Arena, from: number, slot: number): void {
  const { u8, u16, u32 } = arena;
  const to = arena.slot(slot);
  const frame = to + u32[(from + S_OFF) >>> 2];
  const packed = from + PACKED_FIELDS + wide(u16[(from + S_DESC_LEN) >>> 1]);
  u8.copyWithin(to, from, from + PACKED_FIELDS);
  u8.copyWithin(to + S_DESCRIPTOR, from + PACKED_FIELDS, packed);
  u8.copyWithin(frame, packed, packed + wide(u32[(from + S_LEN) >>> 2]));
}

/** Rounded up to whole vectors of the compiled kernels. */
function wide(length: number): number {
  return (length + 15) & ~15;
}
