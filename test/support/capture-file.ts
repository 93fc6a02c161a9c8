import { readFileSync } from 'node:fs';

/** One record of a capture file. */
export interface CapturedFrame {
  /** Index of the interface (pcapng) or 0. */
  readonly interfaceId: number;
  readonly linkType: number;
  /** Seconds since 1970. */
  readonly time: number;
  readonly bytes: Buffer;
}

/**
 * A second, small reader of pcap and pcapng, which shares nothing with the one under test: whole files only, up to the
 * first record that is cut.
 */
export function readCaptureFile(path: string): { frames: CapturedFrame[]; interfaces: string[] } {
  const file = readFileSync(path);
  const magic = file.length >= 4 ? file.readUInt32BE(0) : 0;
  return magic === 0x0a0d0d0a ? readPcapng(file) : readPcap(file);
}

function readPcap(file: Buffer): { frames: CapturedFrame[]; interfaces: string[] } {
  const magic = file.readUInt32LE(0);
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  const nano = magic === 0xa1b23c4d || magic === 0x4d3cb2a1;
  const u32 = (at: number): number => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const linkType = u32(20) & 0xffff;
  const frames: CapturedFrame[] = [];
  for (let at = 24; at + 16 <= file.length;) {
    const captured = u32(at + 8);
    if (at + 16 + captured > file.length) break;
    const time = u32(at) + u32(at + 4) / (nano ? 1e9 : 1e6);
    frames.push({ interfaceId: 0, linkType, time, bytes: file.subarray(at + 16, at + 16 + captured) });
    at += 16 + captured;
  }
  return { frames, interfaces: [''] };
}

interface Interface {
  readonly linkType: number;
  readonly unitsPerSecond: number;
  readonly name: string;
}

function readPcapng(file: Buffer): { frames: CapturedFrame[]; interfaces: string[] } {
  const frames: CapturedFrame[] = [];
  let interfaces: Interface[] = [];
  let little = true;
  for (let at = 0; at + 12 <= file.length;) {
    const type = file.readUInt32LE(at);
    if (type === 0x0a0d0d0a) {
      little = file.readUInt32LE(at + 8) === 0x1a2b3c4d;
      interfaces = [];
    }
    const u16 = (offset: number): number => (little ? file.readUInt16LE(offset) : file.readUInt16BE(offset));
    const u32 = (offset: number): number => (little ? file.readUInt32LE(offset) : file.readUInt32BE(offset));
    const length = u32(at + 4);
    if (length < 12 || at + length > file.length) break;
    const block = u32(at);
    if (block === 1) {
      interfaces.push({ linkType: u16(at + 8), ...readOptions(file, at + 16, at + length - 4, u16) });
    } else if (block === 6) {
      const id = u32(at + 8);
      const { linkType, unitsPerSecond } = interfaces[id]!;
      const captured = u32(at + 20);
      const time = (u32(at + 12) * 2 ** 32 + u32(at + 16)) / unitsPerSecond;
      frames.push({ interfaceId: id, linkType, time, bytes: file.subarray(at + 28, at + 28 + captured) });
    } else if (block === 3) {
      const captured = Math.min(u32(at + 8), length - 16);
      frames.push({
        interfaceId: 0,
        linkType: interfaces[0]!.linkType,
        time: 0,
        bytes: file.subarray(at + 12, at + 12 + captured),
      });
    }
    at += length;
  }
  return { frames, interfaces: interfaces.map((each) => each.name) };
}

function readOptions(
  file: Buffer,
  from: number,
  end: number,
  u16: (at: number) => number,
): { unitsPerSecond: number; name: string } {
  let unitsPerSecond = 1e6;
  let name = '';
  for (let at = from; at + 4 <= end;) {
    const code = u16(at);
    const length = u16(at + 2);
    if (code === 0) break;
    if (code === 2) name = file.toString('utf8', at + 4, at + 4 + length);
    if (code === 9) {
      const resolution = file[at + 4]!;
      unitsPerSecond = (resolution & 0x80) !== 0 ? 2 ** (resolution & 0x7f) : 10 ** resolution;
    }
    at += 4 + ((length + 3) & ~3);
  }
  return { unitsPerSecond, name };
}

const ETHERNET = 1;

/** Where the network packet starts in a record, by link type; 0 for Ethernet, which is compared whole. */
function networkOffset(linkType: number): number {
  if (linkType === 113) return 16;
  if (linkType === 276) return 20;
  if (linkType === 0 || linkType === 108) return 4;
  return 0;
}

/** What must come through unchanged: the whole Ethernet frame, or for other link types the packet from its IP header on. */
export function comparable(frame: CapturedFrame): Buffer {
  return frame.bytes.subarray(networkOffset(frame.linkType));
}

/** The part of a frame that left a grid (always Ethernet) that {@link comparable} of `original` must equal. */
export function comparableOut(out: Buffer, originalLinkType: number): Buffer {
  return originalLinkType === ETHERNET ? out : out.subarray(14);
}

/**
 * A key that all frames of one flow and direction share: addresses, protocol and ports where they can be read, for
 * fragments the IP identification instead of the ports, for anything else the MAC addresses and EtherType.
 */
export function directionKey(packet: Buffer, linkType: number): string {
  let at = 0;
  let etherType = -1;
  if (linkType === ETHERNET) {
    if (packet.length < 14) return 'short';
    at = 12;
    etherType = packet.readUInt16BE(at);
    while ((etherType === 0x8100 || etherType === 0x88a8) && packet.length >= at + 6) {
      at += 4;
      etherType = packet.readUInt16BE(at);
    }
    at += 2;
    if (etherType !== 0x0800 && etherType !== 0x86dd) return `l2 ${packet.toString('hex', 0, 14)}`;
  }
  return ipKey(packet.subarray(at)) ?? `l2 ${packet.toString('hex', 0, Math.min(14, packet.length))}`;
}

function ipKey(ip: Buffer): string | undefined {
  if (ip.length < 20) return undefined;
  if (ip[0]! >> 4 === 4) {
    const header = (ip[0]! & 15) * 4;
    const base = `${ip.toString('hex', 12, 20)} ${ip[9]}`;
    if ((ip.readUInt16BE(6) & 0x3fff) !== 0) return `${base} fragment ${ip.readUInt16BE(4)}`;
    return `${base} ${portsOf(ip, ip[9]!, header)}`;
  }
  if (ip[0]! >> 4 !== 6 || ip.length < 40) return undefined;
  const base = `${ip.toString('hex', 8, 40)} ${ip[6]}`;
  return `${base} ${portsOf(ip, ip[6]!, 40)}`;
}

function portsOf(ip: Buffer, proto: number, at: number): string {
  const hasPorts = proto === 6 || proto === 17 || proto === 132;
  return hasPorts && ip.length >= at + 4 ? ip.toString('hex', at, at + 4) : '';
}

/** The sequence number of a segment that carries SYN (untagged IPv4 without fragments); undefined for anything else. */
export function synOf(packet: Buffer, linkType: number): number | undefined {
  const at = linkType === ETHERNET ? 14 : 0;
  if (linkType === ETHERNET && (packet.length < 14 || packet.readUInt16BE(12) !== 0x0800)) return undefined;
  if (packet.length < at + 20 || packet[at]! >> 4 !== 4 || packet[at + 9] !== 6) return undefined;
  const tcp = at + (packet[at]! & 15) * 4;
  if (packet.length < tcp + 14 || (packet[tcp + 13]! & 0x02) === 0) return undefined;
  return packet.readUInt32BE(tcp + 4);
}
