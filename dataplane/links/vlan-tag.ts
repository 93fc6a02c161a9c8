import type { Arena } from '../frames/arena';
import { FRAME_MIN, S_LEN, S_OFF } from '../frames/layout';
import { ETHERTYPE_VLAN } from '../headers/numbers';

/** The C-VLAN tag of IEEE 802.1Q (clause 9) on frames in slots: both addresses, 0x8100, priority and VLAN ID. */

/** What {@link vlanAt} returns for a frame that is in no VLAN: without a tag, with a priority tag, or with a service tag. */
export const UNTAGGED = 0;
/** … and for one that ends before it has said so. */
export const CUT = -1;

const ADDRESSES = 12;
const TAG = 4;
const VID_MASK = 0xfff;

/** The VLAN ID of the outermost tag of the frame in the slot at `slot`, {@link UNTAGGED} or {@link CUT}. */
export function vlanAt(arena: Arena, slot: number): number {
  const { u8, u32 } = arena;
  const length = u32[(slot + S_LEN) >>> 2];
  if (length < FRAME_MIN) return CUT;
  const at = slot + u32[(slot + S_OFF) >>> 2] + ADDRESSES;
  if (((u8[at] << 8) | u8[at + 1]) !== ETHERTYPE_VLAN) return UNTAGGED;
  if (length < FRAME_MIN + TAG) return CUT;
  return ((u8[at + 2] << 8) | u8[at + 3]) & VID_MASK;
}

/** Puts a tag in front of what the frame has, priority 0. The frame begins four bytes earlier, for which a slot has room. */
export function pushTag(arena: Arena, slot: number, vlan: number): void {
  const { u8, u32 } = arena;
  const off = u32[(slot + S_OFF) >>> 2] - TAG;
  const frame = slot + off;
  for (let i = 0; i < ADDRESSES; i++) u8[frame + i] = u8[frame + TAG + i];
  u8[frame + ADDRESSES] = ETHERTYPE_VLAN >> 8;
  u8[frame + ADDRESSES + 1] = ETHERTYPE_VLAN & 0xff;
  u8[frame + ADDRESSES + 2] = vlan >> 8;
  u8[frame + ADDRESSES + 3] = vlan & 0xff;
  u32[(slot + S_OFF) >>> 2] = off;
  u32[(slot + S_LEN) >>> 2] += TAG;
}

/** Takes the outermost tag away. The frame begins four bytes later. */
export function popTag(arena: Arena, slot: number): void {
  const { u8, u32 } = arena;
  const off = u32[(slot + S_OFF) >>> 2] + TAG;
  const frame = slot + off;
  for (let i = ADDRESSES - 1; i >= 0; i--) u8[frame + i] = u8[frame - TAG + i];
  u32[(slot + S_OFF) >>> 2] = off;
  u32[(slot + S_LEN) >>> 2] -= TAG;
}
