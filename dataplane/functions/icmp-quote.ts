import { updateChecksum } from './checksum-update';
import { type FrameView, PROTO_ICMP, PROTO_TCP, PROTO_UDP, PROTO_UDPLITE } from './frame-view';

/** Where the packet stands that an ICMP error quotes; offsets in the frame. */
export interface Quoted {
  ip: number;
  l4: number;
  proto: number;
}

/**
 * Finds the IPv4 packet that an ICMP error quotes (RFC 792: header and at least 8 bytes).
 * @returns `into`, or undefined when there is none to read, or only a later fragment.
 */
export function quotedPacketAt(frame: FrameView, into: Quoted): Quoted | undefined {
  const ip = frame.l4 + 8;
  const headerLength = (frame.u8(ip) & 15) * 4;
  if (frame.u8(ip) >>> 4 !== 4 || headerLength < 20) return undefined;
  if ((frame.u16(ip + 6) & 0x1fff) !== 0 || ip + headerLength + 8 > frame.length) return undefined;
  into.ip = ip;
  into.l4 = ip + headerLength;
  into.proto = frame.u8(ip + 9);
  return into;
}

/**
 * Overwrites an address (4 bytes of `source`) of the quoted packet, correcting the quoted header's checksum, the quoted
 * transport checksum where it is there, and the error's own, which covers all of them.
 */
export function replaceQuotedAddress(frame: FrameView, quoted: Quoted, at: number, source: Uint8Array): void {
  for (let i = 0; i < 4; i += 2) {
    const before = frame.u16(at + i);
    const after = (source[i] << 8) | source[i + 1];
    replaceInQuote(frame, at + i, after);
    correctInQuote(frame, quoted.ip + 10, before, after);
    if (quoted.proto !== PROTO_ICMP) correctInQuote(frame, quotedChecksumAt(frame, quoted), before, after);
  }
}

/** Overwrites a port (or ICMP identifier) of the quoted packet, correcting checksums as above. */
export function replaceQuotedPort(frame: FrameView, quoted: Quoted, at: number, port: number): void {
  const before = frame.u16(at);
  replaceInQuote(frame, at, port);
  correctInQuote(frame, quotedChecksumAt(frame, quoted), before, port);
}

/** Every change inside the quotation changes the error's own checksum. */
function replaceInQuote(frame: FrameView, at: number, word: number): void {
  frame.replace16(at, word, frame.transportChecksumAt(false), 0);
}

function correctInQuote(frame: FrameView, checksumAt: number, before: number, after: number): void {
  if (checksumAt === 0) return;
  replaceInQuote(frame, checksumAt, updateChecksum(frame.u16(checksumAt), before, after));
}

/** The quoted transport checksum, if the quotation is long enough to have it and it is in use; else 0. */
function quotedChecksumAt(frame: FrameView, quoted: Quoted): number {
  const within: Readonly<Record<number, number>> = {
    [PROTO_TCP]: 16,
    [PROTO_UDP]: 6,
    [PROTO_UDPLITE]: 6,
    [PROTO_ICMP]: 2,
    33: 6,
  };
  const offset = within[quoted.proto];
  if (offset === undefined || quoted.l4 + offset + 2 > frame.length) return 0;
  const at = quoted.l4 + offset;
  return quoted.proto === PROTO_UDP && frame.u16(at) === 0 ? 0 : at;
}
