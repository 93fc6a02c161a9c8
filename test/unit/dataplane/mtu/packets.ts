/** Packets with all checksums right, so that other readers can judge what becomes of them. */

export interface PacketOptions {
  readonly version?: 4 | 6;
  readonly dontFragment?: boolean;
  /** VLAN IDs, outermost first. */
  readonly vlans?: readonly number[];
  /** Hosts are numbered: 10.0.0.n, or 2001:db8::n. */
  readonly from: number;
  readonly to: number;
  readonly id?: number;
  /** IPv4 options, a multiple of four bytes. */
  readonly options?: readonly number[];
  /** A fragment: more to come, and its offset in bytes. */
  readonly more?: boolean;
  readonly offset?: number;
}

export interface TcpOptions extends PacketOptions {
  readonly flags: number;
  readonly tcpOptions?: readonly number[];
  readonly payload?: Uint8Array;
  readonly fromPort?: number;
  readonly toPort?: number;
}

/** A frame with a TCP segment; `tcpOptions` is padded to four bytes. */
export function tcpPacket(options: TcpOptions): Uint8Array {
  const { flags, tcpOptions = [], payload = new Uint8Array(0), fromPort = 40_000, toPort = 80 } = options;
  const header = 20 + 4 * Math.ceil(tcpOptions.length / 4);
  const segment = new Uint8Array(header + payload.length);
  put16(segment, 0, fromPort);
  put16(segment, 2, toPort);
  segment[12] = (header / 4) << 4;
  segment[13] = flags;
  put16(segment, 14, 65_535);
  segment.set(tcpOptions, 20);
  segment.set(payload, header);
  return packet(6, 16, segment, options);
}

/** A frame with a UDP datagram. */
export function udpPacket(options: PacketOptions & { readonly payload: Uint8Array }): Uint8Array {
  const datagram = new Uint8Array(8 + options.payload.length);
  put16(datagram, 0, 5000);
  put16(datagram, 2, 53);
  put16(datagram, 4, datagram.length);
  datagram.set(options.payload, 8);
  return packet(17, 6, datagram, options);
}

/** A frame with a packet of any protocol whose checksum stands at `checksumAt` of `body`. */
export function packet(proto: number, checksumAt: number, body: Uint8Array, options: PacketOptions): Uint8Array {
  const { version = 4, from, to } = options;
  const pseudo = Uint8Array.of(...address(version, from), ...address(version, to), 0, proto, ...bytes16(body.length));
  const sum = proto === 1 ? checksum(body) : checksum(pseudo, body);
  put16(body, checksumAt, sum);
  const ip = version === 4 ? ipv4Header(proto, body.length, options) : ipv6Header(proto, body.length, options);
  const tags = (options.vlans ?? []).flatMap((vlan) => [0x81, 0, ...bytes16(vlan)]);
  const type = version === 4 ? [8, 0] : [0x86, 0xdd];
  return Uint8Array.of(...mac(to), ...mac(from), ...tags, ...type, ...ip, ...body);
}

export function mac(host: number): number[] {
  return [2, 0, 0, 0, 0, host];
}

function ipv4Header(proto: number, length: number, options: PacketOptions): Uint8Array {
  const { from, to, dontFragment = false, id = 1, options: extra = [], more = false, offset = 0 } = options;
  const header = new Uint8Array(20 + extra.length);
  header[0] = 0x40 | (header.length / 4);
  put16(header, 2, header.length + length);
  put16(header, 4, id);
  put16(header, 6, (dontFragment ? 0x4000 : 0) | (more ? 0x2000 : 0) | (offset >> 3));
  header[8] = 64;
  header[9] = proto;
  header.set(address(4, from), 12);
  header.set(address(4, to), 16);
  header.set(extra, 20);
  put16(header, 10, checksum(header));
  return header;
}

function ipv6Header(proto: number, length: number, { from, to }: PacketOptions): Uint8Array {
  const header = new Uint8Array(40);
  header[0] = 0x60;
  put16(header, 4, length);
  header[6] = proto;
  header[7] = 64;
  header.set(address(6, from), 8);
  header.set(address(6, to), 24);
  return header;
}

export function address(version: 4 | 6, host: number): number[] {
  if (version === 4) return [10, 0, 0, host];
  return [0x20, 1, 0x0d, 0xb8, ...new Array<number>(11).fill(0), host];
}

/** Internet checksum over parts, each padded to an even number of bytes: written for tests, apart from the product's. */
export function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function bytes16(value: number): [number, number] {
  return [value >>> 8, value & 0xff];
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes.set(bytes16(value), at);
}

/** `length` bytes that differ by `seed`. */
export function payload(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7) & 0xff);
}
