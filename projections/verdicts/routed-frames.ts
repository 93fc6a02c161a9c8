import type { TapRecord } from '../../domain/seams/tap';
import { ipHeaderAt, word } from './headers';

/**
 * What a router changes of a frame, so that what leaves can be judged to the byte: its addresses on the cable, one hop of
 * its packet, and the checksum that follows from that.
 */

const MACS = 12;

/** A frame that enters at a layer-3 network, as it has to leave, without its MAC addresses. */
export function asRouted(record: TapRecord): TapRecord {
  const { bytes } = withoutMacs(record);
  const ip = ipHeaderAt(bytes);
  if (ip === 0) return { ...record, bytes };
  if (bytes[ip]! >>> 4 === 6) {
    bytes[ip + 7]! -= 1;
    return { ...record, bytes };
  }
  bytes[ip + 8]! -= 1;
  bytes.fill(0, ip + 10, ip + 12);
  const sum = headerChecksum(bytes, ip);
  bytes[ip + 10] = sum >>> 8;
  bytes[ip + 11] = sum & 0xff;
  return { ...record, bytes };
}

/** A frame without its MAC addresses, which are another's on each network. */
export function withoutMacs(record: TapRecord): TapRecord {
  return { ...record, bytes: Uint8Array.from(record.bytes).fill(0, 0, Math.min(MACS, record.bytes.length)) };
}

/** `02:f1:60:01:ff:02`: whom a frame is from on its cable. */
export function sourceMac({ bytes }: TapRecord): string {
  return Array.from(bytes.subarray(6, MACS), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function headerChecksum(bytes: Uint8Array, ip: number): number {
  let sum = 0;
  for (let at = ip; at < ip + 4 * (bytes[ip]! & 15); at += 2) sum += word(bytes, at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
