/** Frames for tests: Ethernet, IPv4, UDP or TCP. Checksums are left zero where nothing verifies them. */
export interface UdpFrame {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly payload: Uint8Array;
}

export function udp({ from, to, fromPort, toPort, payload }: UdpFrame): Uint8Array {
  const body = new Uint8Array(8 + payload.length);
  const view = new DataView(body.buffer);
  view.setUint16(0, fromPort);
  view.setUint16(2, toPort);
  view.setUint16(4, body.length);
  body.set(payload, 8);
  return ipv4(17, from, to, body);
}

/** TCP flag bits. */
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

export function tcp(
  frame: UdpFrame & { readonly flags: number; readonly seq?: number; readonly ack?: number },
): Uint8Array {
  const body = new Uint8Array(20 + frame.payload.length);
  const view = new DataView(body.buffer);
  view.setUint16(0, frame.fromPort);
  view.setUint16(2, frame.toPort);
  view.setUint32(4, frame.seq ?? 0);
  view.setUint32(8, frame.ack ?? 0);
  body[12] = 5 << 4;
  body[13] = frame.flags;
  view.setUint16(14, 65535);
  body.set(frame.payload, 20);
  return ipv4(6, frame.from, frame.to, body);
}

function ipv4(proto: number, from: string, to: string, body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(34 + body.length);
  const view = new DataView(frame.buffer);
  frame.set(macFor(to), 0);
  frame.set(macFor(from), 6);
  view.setUint16(12, 0x0800);
  frame[14] = 0x45;
  view.setUint16(16, 20 + body.length);
  frame[22] = 64;
  frame[23] = proto;
  frame.set(from.split('.').map(Number), 26);
  frame.set(to.split('.').map(Number), 30);
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(24, ~sum & 0xffff);
  frame.set(body, 34);
  return frame;
}

/** An IPv4 frame cut in two behind 24 bytes of its payload, as datagram `id`. */
export function fragmentsOf(frame: Uint8Array, id: number): [first: Uint8Array, later: Uint8Array] {
  const cut = 34 + 24;
  const part = (body: Uint8Array, place: number): Uint8Array => {
    const made = new Uint8Array(34 + body.length);
    made.set(frame.subarray(0, 34));
    made.set(body, 34);
    const view = new DataView(made.buffer);
    view.setUint16(16, 20 + body.length);
    view.setUint16(18, id);
    view.setUint16(20, place);
    return made;
  };
  return [part(frame.subarray(34, cut), 0x2000), part(frame.subarray(cut), 24 / 8)];
}

/** A router's word that an IPv4 packet did not arrive, quoting it. */
export function icmpUnreachable(router: string, packet: Uint8Array): Uint8Array {
  const body = new Uint8Array(8 + 28);
  body[0] = 3;
  body[1] = 3;
  body.set(packet.subarray(14, 14 + 28), 8);
  return ipv4(1, router, [...packet.subarray(26, 30)].join('.'), body);
}

function macFor(address: string): Uint8Array {
  return Uint8Array.of(0x06, 0, ...address.split('.').map(Number));
}

/** A payload of `length` bytes that begins with a number. */
export function numbered(n: number, length = 24): Uint8Array {
  const payload = new Uint8Array(length);
  new DataView(payload.buffer).setUint32(0, n);
  return payload;
}

/** The number that {@link numbered} put in, of a UDP frame. */
export function numberIn(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(42);
}

/** The running number that the tally function wrote last. */
export function tallyIn(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(frame.length - 8);
}
