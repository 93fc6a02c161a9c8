import { parseAddress } from '../../../dataplane/classify/addresses';
import { FRAME_MAX } from '../../../dataplane/frames/layout';
import { internetChecksum } from '../../../dataplane/functions/checksum-update';
import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_VLAN,
  PROTO_ICMP,
  PROTO_ICMPV6,
  PROTO_SCTP,
  PROTO_TCP,
  PROTO_UDP,
  TCP_SYN,
} from '../../../dataplane/headers/numbers';
import { copyAsEthernet } from '../../../dataplane/packet-ports/capture/ethernet';
import { openCapture } from '../../../dataplane/packet-ports/capture/reader';
import { FlowgridError } from '../../../domain/base/errors';
import type { FiveTuple } from '../../../interface/cli/programs';

const TTL = 64;
/** Made-up, locally administered addresses: no part of what an IP flow is known by. */
const MACS = [0x02, 0xf1, 0x6d, 0, 0, 2, 0x02, 0xf1, 0x6d, 0, 0, 1];

/**
 * The frame with which a connection would begin: TCP SYN, a datagram, an echo request. `vlan` 0: untagged.
 *
 * @throws FlowgridError `usage` for addresses that are none, or of two IP versions.
 */
export function firstFrameOf({ proto, a, aPort, b, bPort }: FiveTuple, vlan = 0): Uint8Array {
  const [source, destination] = [parseAddress(a), parseAddress(b)];
  const isV6 = a.includes(':');
  if (source === undefined || destination === undefined || isV6 !== b.includes(':')) {
    throw new FlowgridError('usage', `${a} and ${b} are no two addresses of one IP version`, {
      remedy: 'for example tcp 10.0.0.1:1234 10.0.0.2:80, or udp [2001:db8::1]:53 [2001:db8::2]:4000',
    });
  }
  const body = transportOf(proto, aPort, bPort);
  const tag = vlan === 0 ? [] : [ETHERTYPE_VLAN >> 8, ETHERTYPE_VLAN & 0xff, vlan >> 8, vlan & 0xff];
  const type = isV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
  const header = isV6 ? ipv6(proto, source, destination, body.length) : ipv4(proto, source, destination, body.length);
  return Uint8Array.from([...MACS, ...tag, type >> 8, type & 0xff, ...header, ...body]);
}

/** A frame of a capture as it would enter the grid. @throws FlowgridError `not-found` when there is no such frame. */
export function frameOf(capture: string, number: number): Uint8Array {
  const reader = openCapture(capture);
  try {
    for (let n = 0; n <= number; n++) {
      if (reader.next()) continue;
      throw new FlowgridError('not-found', `${capture} has ${n} frames and no frame ${number}`, {
        remedy: 'frames are counted from 0',
      });
    }
    const bytes = new Uint8Array(FRAME_MAX);
    return bytes.slice(0, copyAsEthernet(reader.record, bytes, 0, FRAME_MAX));
  } finally {
    reader.close();
  }
}

function transportOf(proto: number, from: number, to: number): Uint8Array {
  const length = { [PROTO_TCP]: 20, [PROTO_SCTP]: 12 }[proto] ?? 8;
  const body = new Uint8Array(length);
  if (proto === PROTO_ICMP) body[0] = 8;
  else if (proto === PROTO_ICMPV6) body[0] = 128;
  else {
    body.set([from >> 8, from & 0xff, to >> 8, to & 0xff]);
    if (proto === PROTO_TCP) body.set([5 << 4, TCP_SYN], 12);
    if (proto === PROTO_UDP) body[5] = length;
  }
  return body;
}

/** `address`: 16 bytes, an IPv4 address in the last four. */
function ipv4(proto: number, source: Uint8Array, destination: Uint8Array, length: number): number[] {
  const total = 20 + length;
  const addresses = [...source.subarray(12), ...destination.subarray(12)];
  const header = Uint8Array.of(0x45, 0, total >> 8, total & 0xff, 0, 0, 0, 0, TTL, proto, 0, 0, ...addresses);
  const sum = internetChecksum(header, 0, header.length);
  header.set([sum >> 8, sum & 0xff], 10);
  return [...header];
}

function ipv6(proto: number, source: Uint8Array, destination: Uint8Array, length: number): number[] {
  return [0x60, 0, 0, 0, length >> 8, length & 0xff, proto, TTL, ...source, ...destination];
}
