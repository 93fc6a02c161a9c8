import type { Arena } from '../frames/arena';
import { S_FRAGMENT, S_IP, S_L4, S_LEN, S_OFF, S_PROTO, S_TCP_FLAGS } from '../frames/layout';
import { updateChecksum } from '../functions/checksum-update';
import { FRAGMENT_LATER, PROTO_TCP, TCP_SYN } from '../headers/numbers';

/** TCP option kinds (RFC 9293): end of list, no operation, maximum segment size. */
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const MSS_LENGTH = 4;
const TCP_HEADER = 20;
/** Headers that a segment of the announced size has besides its bytes: fixed IP and TCP headers (RFC 6691). */
const HEADERS_IPV4 = 40;
const HEADERS_IPV6 = 60;

/** Whether a parsed frame opens or accepts a TCP connection: then it may announce a segment size. */
export function announcesMss(arena: Arena, slot: number): boolean {
  const { u8 } = arena;
  return (
    u8[slot + S_PROTO] === PROTO_TCP &&
    (u8[slot + S_TCP_FLAGS] & TCP_SYN) !== 0 &&
    u8[slot + S_FRAGMENT] !== FRAGMENT_LATER
  );
}

/**
 * Lowers the segment size that a SYN announces to what a packet of `mtu` bytes holds, and corrects the TCP checksum for
 * it (RFC 1624). What announces less, or nothing, stays as it is: the defaults always fit.
 *
 * @param slot address of a frame for which {@link announcesMss} holds
 * @returns whether the frame was changed
 */
export function clampMss(arena: Arena, slot: number, mtu: number): boolean {
  const { u8, u16, u32 } = arena;
  const frame = slot + u32[(slot + S_OFF) >>> 2];
  const tcp = frame + u16[(slot + S_L4) >>> 1];
  const at = mssAt(u8, tcp, frame + u32[(slot + S_LEN) >>> 2]);
  if (at === 0) return false;
  const most = mtu - (u8[slot + S_IP] === 6 ? HEADERS_IPV6 : HEADERS_IPV4);
  const before = (u8[at] << 8) | u8[at + 1];
  if (before <= most) return false;
  u8[at] = most >>> 8;
  u8[at + 1] = most & 0xff;
  // Behind an odd number of bytes the two bytes belong to the low and the high half of neighbouring words.
  const isOdd = ((at - tcp) & 1) !== 0;
  const checksum = (u8[tcp + 16] << 8) | u8[tcp + 17];
  const corrected = updateChecksum(checksum, isOdd ? swapped(before) : before, isOdd ? swapped(most) : most);
  u8[tcp + 16] = corrected >>> 8;
  u8[tcp + 17] = corrected & 0xff;
  return true;
}

/** Where the value of the MSS option stands; 0 = there is none that can be read. */
function mssAt(u8: Uint8Array, tcp: number, frameEnd: number): number {
  if (tcp + TCP_HEADER > frameEnd) return 0;
  const end = Math.min(frameEnd, tcp + 4 * (u8[tcp + 12] >>> 4));
  for (let at = tcp + TCP_HEADER; at < end && u8[at] !== OPTION_END;) {
    if (u8[at] === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? u8[at + 1] : 0;
    if (length < 2 || at + length > end) return 0;
    if (u8[at] === OPTION_MSS) return length === MSS_LENGTH ? at + 2 : 0;
    at += length;
  }
  return 0;
}

function swapped(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
