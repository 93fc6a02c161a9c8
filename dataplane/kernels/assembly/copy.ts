import { PACKED_FIELDS, SEALED_FIELDS, SLOT_STRIDE, S_DESCRIPTOR, S_DESC_LEN, S_LEN, S_OFF } from './layout';
import { Memory } from './memory';

/** Bytes of a slot before its frame area. */
const SLOT_HEADER: u32 = 512;
/** From this many bytes on, a call of the engine's own copy is worth it. */
const LONG: u32 = 1024;

/** Kernel `copySlot`. */
export function copySlot(source: u32, target: u32): void {
  const from = Wide.slot(source);
  const to = Wide.slot(target);
  const frame = load<u32>(from, S_OFF);
  memory.copy(to, from, SLOT_HEADER);
  memory.copy(to + frame, from + frame, load<u32>(from, S_LEN));
}

/** Kernel `copySealed`. */
export function copySealed(source: u32, target: u32): void {
  const from = Wide.slot(source);
  const to = Wide.slot(target);
  const frame = load<u32>(from, S_OFF);
  Wide.copy(to, from, SEALED_FIELDS);
  Wide.copy(to + frame, from + frame, load<u32>(from, S_LEN));
}

/** Kernel `pack`. */
export function pack(slot: u32, to: usize): u32 {
  const from = Wide.slot(slot);
  const descriptor = Wide.size(<u32>load<u16>(from, S_DESC_LEN));
  const length = load<u32>(from, S_LEN);
  Wide.copy(to, from, PACKED_FIELDS);
  Wide.copy(to + PACKED_FIELDS, from + S_DESCRIPTOR, descriptor);
  Wide.copy(to + PACKED_FIELDS + descriptor, from + load<u32>(from, S_OFF), length);
  return PACKED_FIELDS + descriptor + Wide.size(length);
}

/** Kernel `unpack`. */
export function unpack(from: usize, slot: u32): void {
  const to = Wide.slot(slot);
  const descriptor = Wide.size(<u32>load<u16>(from, S_DESC_LEN));
  Wide.copy(to, from, PACKED_FIELDS);
  Wide.copy(to + S_DESCRIPTOR, from + PACKED_FIELDS, descriptor);
  Wide.copy(to + load<u32>(from, S_OFF), from + PACKED_FIELDS + descriptor, load<u32>(from, S_LEN));
}

/** Memory in whole vectors of 16 bytes. */
class Wide {
  /** Address of a slot by its number. */
  @inline static slot(number: u32): usize {
    return Memory.firstSlot() + <usize>number * SLOT_STRIDE;
  }

  /** Rounded up to whole vectors. */
  @inline static size(length: u32): u32 {
    return (length + 15) & ~15;
  }

  /** Copies `length` bytes, rounded up to whole vectors. */
  @inline static copy(to: usize, from: usize, length: u32): void {
    if (length >= LONG) {
      memory.copy(to, from, Wide.size(length));
      return;
    }
    for (let i: u32 = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
  }
}
