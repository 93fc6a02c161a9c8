/** The C-VLAN tag of IEEE 802.1Q (clause 9): EtherType 0x8100, then priority (3 bits), drop eligible (1), VLAN ID (12). */

const ETHERTYPE_VLAN = 0x8100;
/** Both addresses and the EtherType, or length. */
export const ETHERNET_BYTES = 14;
const ADDRESS_BYTES = 12;
const TAG_BYTES = 4;
const VID_MASK = 0xfff;

/** The VLAN ID that a tag carries which tells a priority only (table 9-2). */
export const NO_VLAN = 0;
/** The highest ID that a VLAN can have: 4095 is reserved (table 9-2). */
export const VLAN_MAX = 4094;

/** The 16 bits behind the EtherType of the outermost tag; undefined = the frame has none. */
export function outerTag(frame: Uint8Array): number | undefined {
  return word(frame, ADDRESS_BYTES) === ETHERTYPE_VLAN ? word(frame, ADDRESS_BYTES + 2) : undefined;
}

/** Whether a frame ends before the EtherType that it must have, behind its tag if it has one. */
export function isCut(frame: Uint8Array): boolean {
  return frame.length < ETHERNET_BYTES || (outerTag(frame) !== undefined && frame.length < ETHERNET_BYTES + TAG_BYTES);
}

/** The VLAN ID of a tag's 16 bits. */
export function vlanOf(tag: number): number {
  return tag & VID_MASK;
}

/** A copy without the outermost tag, if there is one. What is behind it stays, be it a tag. */
export function untagged(frame: Uint8Array): Uint8Array {
  if (outerTag(frame) === undefined) return frame.slice();
  const bytes = new Uint8Array(frame.length - TAG_BYTES);
  bytes.set(frame.subarray(0, ADDRESS_BYTES));
  bytes.set(frame.subarray(ADDRESS_BYTES + TAG_BYTES), ADDRESS_BYTES);
  return bytes;
}

/** A copy whose outermost tag names the VLAN; the priority is that of the tag it has, or the lowest. */
export function taggedFor(vlan: number, frame: Uint8Array): Uint8Array {
  const tag = ((outerTag(frame) ?? 0) & ~VID_MASK) | vlan;
  const bare = untagged(frame);
  const bytes = new Uint8Array(bare.length + TAG_BYTES);
  bytes.set(bare.subarray(0, ADDRESS_BYTES));
  bytes.set([ETHERTYPE_VLAN >> 8, ETHERTYPE_VLAN & 0xff, tag >> 8, tag & 0xff], ADDRESS_BYTES);
  bytes.set(bare.subarray(ADDRESS_BYTES), ADDRESS_BYTES + TAG_BYTES);
  return bytes;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
