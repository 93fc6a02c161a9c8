/** Frames for the classifier's tests: Ethernet (VLAN), IPv4, TCP, UDP, ICMP, fragments. Checksums are zero: nobody looks. */
export interface Ends {
  readonly from: string;
  readonly to: string;
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly vlan?: number;
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export interface Segment extends Ends {
  readonly flags: number;
  readonly seq?: number;
  readonly ack?: number;
  readonly text?: string | Uint8Array;
}

export interface FragmentPlace {
  readonly id: number;
  /** Offset in units of 8 bytes. */
  readonly offset: number;
  readonly more: boolean;
}

/** The same ends the other way. */
export function answer<T extends Ends>(ends: T): T {
  return { ...ends, from: ends.to, to: ends.from, fromPort: ends.toPort, toPort: ends.fromPort };
}

export function tcp(segment: Segment): Uint8Array {
  const payload = bytesOf(segment.text ?? '');
  const body = new Uint8Array(20 + payload.length);
  const view = new DataView(body.buffer);
  view.setUint16(0, segment.fromPort ?? 0);
  view.setUint16(2, segment.toPort ?? 0);
  view.setUint32(4, (segment.seq ?? 0) >>> 0);
  view.setUint32(8, (segment.ack ?? 0) >>> 0);
  body[12] = 5 << 4;
  body[13] = segment.flags;
  body.set(payload, 20);
  return ipv4(6, segment, body);
}

export function udp(ends: Ends, text: string | Uint8Array = '', fragment?: FragmentPlace): Uint8Array {
  const payload = bytesOf(text);
  const body = new Uint8Array(8 + payload.length);
  const view = new DataView(body.buffer);
  view.setUint16(0, ends.fromPort ?? 0);
  view.setUint16(2, ends.toPort ?? 0);
  view.setUint16(4, body.length);
  body.set(payload, 8);
  return ipv4(17, ends, body, fragment);
}

/** A later fragment: bytes without a transport header. */
export function later(ends: Ends, fragment: FragmentPlace, length = 40): Uint8Array {
  return ipv4(17, ends, new Uint8Array(length).fill(0x55), fragment);
}

/** An ICMP message; errors quote the IP packet of `quoted`. */
export function icmp(ends: Ends, type: number, quoted: Uint8Array = new Uint8Array(0), code = 0): Uint8Array {
  const body = new Uint8Array(8 + Math.max(0, Math.min(quoted.length - 14, 28)));
  body[0] = type;
  body[1] = code;
  body.set(quoted.subarray(14, 14 + body.length - 8), 8);
  return ipv4(1, ends, body);
}

/** A frame that is not IP. */
export function arp(from: number, to: number): Uint8Array {
  const frame = new Uint8Array(42);
  frame.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 6]);
  return frame;
}

function ipv4(proto: number, ends: Ends, body: Uint8Array, fragment?: FragmentPlace): Uint8Array {
  const link = ends.vlan === undefined ? 14 : 18;
  const frame = new Uint8Array(link + 20 + body.length);
  const view = new DataView(frame.buffer);
  frame.set([2, 0, ...address(ends.to), 2, 0, ...address(ends.from)]);
  if (ends.vlan !== undefined) {
    view.setUint16(12, 0x8100);
    view.setUint16(14, ends.vlan);
  }
  view.setUint16(link - 2, 0x0800);
  frame[link] = 0x45;
  view.setUint16(link + 2, 20 + body.length);
  view.setUint16(link + 4, fragment?.id ?? 1);
  if (fragment !== undefined) view.setUint16(link + 6, (fragment.more ? 0x2000 : 0) | fragment.offset);
  frame[link + 8] = 64;
  frame[link + 9] = proto;
  frame.set(address(ends.from), link + 12);
  frame.set(address(ends.to), link + 16);
  frame.set(body, link + 20);
  return frame;
}

function address(text: string): number[] {
  return text.split('.').map(Number);
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? Uint8Array.from(text, (character) => character.charCodeAt(0)) : text;
}
