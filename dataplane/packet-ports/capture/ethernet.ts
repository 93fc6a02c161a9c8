import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MIN, isVlanTag } from '../../headers/numbers';
import {
  LINK_ETHERNET,
  LINK_IPV4,
  LINK_IPV6,
  LINK_LOOP,
  LINK_NULL,
  LINK_RAW,
  LINK_RAW_12,
  LINK_RAW_14,
  LINK_SLL,
  LINK_SLL2,
} from './link-types';
import type { CaptureRecord } from './record';

/**
 * Captures of other link types travel through the grid as Ethernet frames: the bytes from the network header on are
 * unchanged, the addresses in front of them are made up (locally administered, 02:f1:6c…6f) such that the record can be
 * made again from the frame.
 */
export const ETHERNET_HEADER = 14;
const SLL_HEADER = 16;
const SLL2_HEADER = 20;
const FAMILY_HEADER = 4;
/** Local experimental EtherType (IEEE 802): what cannot be carried otherwise. */
const TYPE_OPAQUE = 0x88b5;
const SLL_LLC = 4;
const FAMILY_INET = 2;
/** AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS. */
const FAMILIES_INET6 = new Set([10, 24, 28, 30]);

/** Third byte of a made-up address. */
const MADE_FOR_RAW = 0x6c;
const MADE_FOR_SLL = 0x6d;
const MADE_FOR_SHORT_ADDRESS = 0x6e;
const MADE_FOR_OPAQUE = 0x6f;

/** Length of the record's link header, −1 if the record is cut before its end or cannot be carried as Ethernet. */
function linkHeader(record: CaptureRecord): number {
  const size = linkHeaderSize(record.linkType);
  if (size > record.capLen) return -1;
  const family = record.linkType === LINK_NULL || record.linkType === LINK_LOOP;
  return family && familyType(record) === 0 ? -1 : size;
}

function linkHeaderSize(linkType: number): number {
  switch (linkType) {
    case LINK_RAW:
    case LINK_RAW_12:
    case LINK_RAW_14:
    case LINK_IPV4:
    case LINK_IPV6:
      return 0;
    case LINK_NULL:
    case LINK_LOOP:
      return FAMILY_HEADER;
    case LINK_SLL:
      return SLL_HEADER;
    case LINK_SLL2:
      return SLL2_HEADER;
    default:
      return Infinity;
  }
}

/** Length of the record's bytes as an Ethernet frame. */
export function ethernetLength(record: CaptureRecord): number {
  if (record.linkType === LINK_ETHERNET) return record.capLen;
  return ETHERNET_HEADER + record.capLen - Math.max(0, linkHeader(record));
}

/**
 * Writes the record as an Ethernet frame to `target` at `at`, its first `room` bytes at most. Returns the number of bytes
 * written. Records of unknown link types, or cut within their link header, go whole behind EtherType 0x88b5.
 */
export function copyAsEthernet(record: CaptureRecord, target: Uint8Array, at: number, room: number): number {
  const { data, offset, capLen } = record;
  if (record.linkType === LINK_ETHERNET) return copy(data, offset, Math.min(capLen, room), target, at);
  const header = linkHeader(record);
  if (header === -1) writeOpaque(record, target, at);
  else if (record.linkType === LINK_SLL) writeCooked(record, target, at, COOKED_1);
  else if (record.linkType === LINK_SLL2) writeCooked(record, target, at, COOKED_2);
  else writeRaw(target, at, header === FAMILY_HEADER ? familyType(record) : rawType(record));
  const skipped = Math.max(0, header);
  const count = Math.min(capLen - skipped, room - ETHERNET_HEADER);
  return ETHERNET_HEADER + copy(data, offset + skipped, count, target, at + ETHERNET_HEADER);
}

function copy(source: Uint8Array, from: number, count: number, target: Uint8Array, at: number): number {
  target.set(source.subarray(from, from + count), at);
  return count;
}

function writeAddress(target: Uint8Array, at: number, made: number, a: number, b: number, c: number): void {
  target[at] = 0x02;
  target[at + 1] = 0xf1;
  target[at + 2] = made;
  target[at + 3] = a;
  target[at + 4] = b;
  target[at + 5] = c;
}

function write16(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 8;
  target[at + 1] = value & 0xff;
}

function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

function writeRaw(target: Uint8Array, at: number, type: number): void {
  writeAddress(target, at, MADE_FOR_RAW, 0, 0, 2);
  writeAddress(target, at + 6, MADE_FOR_RAW, 0, 0, 1);
  write16(target, at + 12, type);
}

/** Raw IP tells its version itself; anything else is announced as IPv4, and found malformed. */
function rawType(record: CaptureRecord): number {
  if (record.linkType === LINK_IPV4) return ETHERTYPE_IPV4;
  if (record.linkType === LINK_IPV6) return ETHERTYPE_IPV6;
  return record.capLen > 0 && record.data[record.offset] >>> 4 === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
}

/** EtherType for the address family before the packet, in the byte order of whoever captured it; 0 = not IP. */
function familyType(record: CaptureRecord): number {
  const { data, offset } = record;
  const little = data[offset] | (data[offset + 1] << 8);
  const big = (data[offset + 2] << 8) | data[offset + 3];
  const family = little !== 0 ? little : big;
  if (family === FAMILY_INET) return ETHERTYPE_IPV4;
  return FAMILIES_INET6.has(family) ? ETHERTYPE_IPV6 : 0;
}

/** Where Linux cooked headers of each version hold what both hold. */
interface CookedPlaces {
  readonly type: number;
  readonly hardware: number;
  /** The packet type's (low) byte. */
  readonly kind: number;
  /** The address length's (low) byte. */
  readonly size: number;
  readonly address: number;
  readonly length: number;
}
const COOKED_1: CookedPlaces = { kind: 1, hardware: 2, size: 5, address: 6, type: 14, length: SLL_HEADER };
const COOKED_2: CookedPlaces = { type: 0, hardware: 8, kind: 10, size: 11, address: 12, length: SLL2_HEADER };

function writeCooked(record: CaptureRecord, target: Uint8Array, at: number, places: CookedPlaces): void {
  const { data, offset } = record;
  const hardware = offset + places.hardware;
  writeAddress(target, at, MADE_FOR_SLL, data[offset + places.kind], data[hardware], data[hardware + 1]);
  const size = data[offset + places.size];
  const address = offset + places.address;
  if (size === 6) copy(data, address, 6, target, at + 6);
  else writeAddress(target, at + 6, MADE_FOR_SHORT_ADDRESS, size, data[address], data[address + 1]);
  const type = read16(data, offset + places.type);
  const length = Math.min(record.capLen - places.length, ETHERTYPE_MIN - 1);
  write16(target, at + 12, type < ETHERTYPE_MIN ? length : type);
}

function writeOpaque(record: CaptureRecord, target: Uint8Array, at: number): void {
  writeAddress(target, at, MADE_FOR_OPAQUE, 0, record.linkType >>> 8, record.linkType & 0xff);
  writeAddress(target, at + 6, MADE_FOR_OPAQUE, 1, record.linkType >>> 8, record.linkType & 0xff);
  write16(target, at + 12, TYPE_OPAQUE);
}

/**
 * The bytes that stand for an Ethernet frame in a capture of another link type; undefined where that has no form for it
 * (no IP on a raw link). VLAN tags are lost where the link type has none. Linux cooked headers come back with packet type,
 * hardware type and address as they were; the interface number of version 2 is 0.
 */
export function fromEthernet(frame: Uint8Array, linkType: number): Uint8Array | undefined {
  if (linkType === LINK_ETHERNET) return frame;
  if (frame.length < ETHERNET_HEADER) return undefined;
  if (read16(frame, 12) === TYPE_OPAQUE && frame[2] === MADE_FOR_OPAQUE) {
    return read16(frame, 4) === linkType ? frame.subarray(ETHERNET_HEADER) : undefined;
  }
  if (linkType === LINK_SLL) return cooked(frame, COOKED_1);
  if (linkType === LINK_SLL2) return cooked(frame, COOKED_2);
  let at = 12;
  while (isVlanTag(read16(frame, at)) && at + 6 <= frame.length) at += 4;
  const type = read16(frame, at);
  const packet = frame.subarray(at + 2);
  const version = type === ETHERTYPE_IPV4 ? 4 : type === ETHERTYPE_IPV6 ? 6 : 0;
  if (version === 0 || (linkType === LINK_IPV4 && version === 6) || (linkType === LINK_IPV6 && version === 4))
    return undefined;
  if (linkHeaderSize(linkType) === 0) return packet;
  if (linkType !== LINK_NULL && linkType !== LINK_LOOP) return undefined;
  const record = new Uint8Array(FAMILY_HEADER + packet.length);
  record[linkType === LINK_NULL ? 0 : 3] = version === 4 ? FAMILY_INET : 30;
  record.set(packet, FAMILY_HEADER);
  return record;
}

function cooked(frame: Uint8Array, places: CookedPlaces): Uint8Array {
  const record = new Uint8Array(places.length + frame.length - ETHERNET_HEADER);
  const made = frame[1] === 0xf1 && frame[2] === MADE_FOR_SLL;
  const short = frame[7] === 0xf1 && frame[8] === MADE_FOR_SHORT_ADDRESS;
  const type = read16(frame, 12);
  // Hardware type 1 is Ethernet; packet type 0 is "to us".
  write16(record, places.hardware, made ? read16(frame, 4) : 1);
  record[places.kind] = made ? frame[3] : 0;
  record[places.size] = short ? frame[9] : 6;
  record.set(short ? frame.subarray(10, 12) : frame.subarray(6, 12), places.address);
  write16(record, places.type, type < ETHERTYPE_MIN ? SLL_LLC : type);
  record.set(frame.subarray(ETHERNET_HEADER), places.length);
  return record;
}
