import { internetChecksum } from '../../../../dataplane/functions/checksum-update';
import { parseAddress } from '../../../../dataplane/classify/addresses';

/** A packet of a test, in words. */
export interface PacketText {
  readonly proto?: 'tcp' | 'udp' | 'icmp';
  readonly from: string;
  readonly to: string;
  readonly sourcePort?: number;
  readonly port?: number;
  /** TCP flags: S, A, F, R, P. */
  readonly flags?: string;
  readonly seq?: number;
  readonly payload?: string | Uint8Array;
  /** ICMP type, code and identifier. */
  readonly icmp?: readonly [type: number, code: number, id: number];
}

const FLAGS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, A: 16 };
const NUMBERS = { tcp: 6, udp: 17, icmp: 1 } as const;

/** Builds an Ethernet frame with all checksums right. */
export function packet(text: PacketText): Uint8Array {
  const payload =
    typeof text.payload === 'string' ? Buffer.from(text.payload, 'latin1') : (text.payload ?? new Uint8Array(0));
  const transport = transportOf(text, payload);
  const v6 = text.from.includes(':');
  const ip = v6 ? ipv6(text, transport) : ipv4(text, transport);
  const frame = new Uint8Array(14 + ip.length);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, v6 ? 0x86 : 8, v6 ? 0xdd : 0]);
  frame.set(ip, 14);
  return frame;
}

function transportOf(text: PacketText, payload: Uint8Array): Uint8Array {
  const kind = text.proto ?? 'tcp';
  const header = { tcp: 20, udp: 8, icmp: 8 }[kind];
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(payload, header);
  if (kind === 'icmp') {
    const [type, code, id] = text.icmp ?? [8, 0, 1];
    view.setUint8(0, type);
    view.setUint8(1, code);
    view.setUint16(4, id);
    view.setUint16(2, internetChecksum(bytes, 0, bytes.length));
    return bytes;
  }
  view.setUint16(0, text.sourcePort ?? 40000);
  view.setUint16(2, text.port ?? 80);
  if (kind === 'tcp') {
    view.setUint32(4, text.seq ?? 1);
    view.setUint8(12, 5 << 4);
    view.setUint8(
      13,
      [...(text.flags ?? 'A')].reduce((sum, flag) => sum | FLAGS[flag], 0),
    );
    view.setUint16(14, 65535);
  } else {
    view.setUint16(4, bytes.length);
  }
  view.setUint16(kind === 'tcp' ? 16 : 6, pseudoChecksum(text, NUMBERS[kind], bytes) || 0xffff);
  return bytes;
}

/** Checksum with the pseudo-header of the addresses. */
function pseudoChecksum(text: PacketText, proto: number, transport: Uint8Array): number {
  const pseudo = new Uint8Array(40 + transport.length);
  pseudo.set(parseAddress(text.from)!, 0);
  pseudo.set(parseAddress(text.to)!, 16);
  pseudo[35] = transport.length & 255;
  pseudo[34] = transport.length >>> 8;
  pseudo[39] = proto;
  pseudo.set(transport, 40);
  return internetChecksum(pseudo, 0, pseudo.length);
}

function ipv4(text: PacketText, transport: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20 + transport.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, bytes.length);
  view.setUint8(8, 64);
  view.setUint8(9, NUMBERS[text.proto ?? 'tcp']);
  bytes.set(parseAddress(text.from)!.subarray(12), 12);
  bytes.set(parseAddress(text.to)!.subarray(12), 16);
  view.setUint16(10, internetChecksum(bytes, 0, 20));
  bytes.set(transport, 20);
  return bytes;
}

function ipv6(text: PacketText, transport: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(40 + transport.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, transport.length);
  view.setUint8(6, NUMBERS[text.proto ?? 'tcp']);
  view.setUint8(7, 64);
  bytes.set(parseAddress(text.from)!, 8);
  bytes.set(parseAddress(text.to)!, 24);
  bytes.set(transport, 40);
  return bytes;
}

/** Whether every checksum of an untagged IPv4 or IPv6 frame is right, computed anew. */
export function checksumsHold(frame: Uint8Array): boolean {
  const v6 = frame[12] === 0x86;
  const l4 = v6 ? 54 : 14 + (frame[14] & 15) * 4;
  const proto = v6 ? frame[20] : frame[23];
  if (!v6 && internetChecksum(frame, 14, l4 - 14) !== 0) return false;
  const transport = frame.subarray(l4);
  if (proto === 1) return internetChecksum(transport, 0, transport.length) === 0;
  if (proto === 17 && transport[6] === 0 && transport[7] === 0) return !v6;
  const pseudo = new Uint8Array(40 + transport.length);
  pseudo.set(v6 ? frame.subarray(22, 38) : frame.subarray(26, 30), 0);
  pseudo.set(v6 ? frame.subarray(38, 54) : frame.subarray(30, 34), 16);
  pseudo[34] = transport.length >>> 8;
  pseudo[35] = transport.length & 255;
  pseudo[39] = proto;
  pseudo.set(transport, 40);
  return internetChecksum(pseudo, 0, pseudo.length) === 0;
}
