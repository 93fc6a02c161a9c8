import { readFileSync } from 'node:fs';

/** Link types of capture files (tcpdump.org's registry). */
const ETHERNET = 1;
const RAW = 101;
const LINUX_COOKED = 113;

/**
 * The frames of a capture file as Ethernet frames, read in the plainest way, for tests of what stands above the capture
 * reader: pcap and pcapng, both byte orders, no options. Raw IP and cooked frames get an Ethernet header of zeros.
 */
export function captureFrames(path: string): Uint8Array[] {
  const bytes = new Uint8Array(readFileSync(path));
  const view = new DataView(bytes.buffer);
  return view.getUint32(0) === 0x0a0d0d0a ? pcapngFrames(bytes, view) : pcapFrames(bytes, view);
}

function pcapFrames(bytes: Uint8Array, view: DataView): Uint8Array[] {
  const little = bytes[0] === 0xd4 || bytes[0] === 0x4d;
  const link = view.getUint32(20, little) & 0xffff;
  const frames: Uint8Array[] = [];
  for (let at = 24; at + 16 <= bytes.length;) {
    const length = view.getUint32(at + 8, little);
    if (at + 16 + length > bytes.length) break;
    frames.push(asEthernet(bytes.subarray(at + 16, at + 16 + length), link));
    at += 16 + length;
  }
  return frames;
}

function pcapngFrames(bytes: Uint8Array, view: DataView): Uint8Array[] {
  const little = bytes[8] === 0x4d;
  const links: number[] = [];
  const frames: Uint8Array[] = [];
  for (let at = 0; at + 12 <= bytes.length; at += view.getUint32(at + 4, little)) {
    const type = view.getUint32(at, little);
    if (type === 1) links.push(view.getUint16(at + 8, little));
    if (type !== 6) continue;
    const length = view.getUint32(at + 20, little);
    frames.push(asEthernet(bytes.subarray(at + 28, at + 28 + length), links[view.getUint32(at + 8, little)]));
  }
  return frames;
}

function asEthernet(bytes: Uint8Array, link: number): Uint8Array {
  if (link === ETHERNET) return bytes;
  if (link === LINUX_COOKED) return join(bytes.subarray(14, 16), bytes.subarray(16));
  if (link === RAW) return join(Uint8Array.of(...(bytes[0] >>> 4 === 6 ? [0x86, 0xdd] : [0x08, 0x00])), bytes);
  throw new Error(`link type ${link} is not read here`);
}

function join(type: Uint8Array, rest: Uint8Array): Uint8Array {
  const frame = new Uint8Array(14 + rest.length);
  frame.set(type, 12);
  frame.set(rest, 14);
  return frame;
}
