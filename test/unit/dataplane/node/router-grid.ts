import type { StaticRoute, Topology, TopologyCluster } from '../../../../domain/topology/topology';
import { bytes16, checksum, put16 } from '../mtu/packets';
import { cluster, TestGrid, type Left, type TestGridOptions } from './test-grid';

/** West and east at INODE clusters 1 and 3, north at 3 too, behind which 198.51.100.0/24 lies by a router. */
export const [WEST, EAST, NORTH] = [1, 4, 5];
export const MAC_OF: Readonly<Record<number, string>> = {
  [WEST]: '02:f1:60:01:ff:01',
  [EAST]: '02:f1:60:03:ff:04',
  [NORTH]: '02:f1:60:03:ff:05',
};

const ADDRESSES: Readonly<Record<number, readonly string[]>> = {
  [WEST]: ['10.1.0.1/24', '2001:db8:1::1/64'],
  [EAST]: ['10.2.0.1/24', '2001:db8:2::1/64'],
  [NORTH]: ['10.3.0.1/24', '2001:db8:3::1/64'],
};

const ROUTES: readonly StaticRoute[] = [
  { prefix: '198.51.100.0/24', via: '10.3.0.254', network: NORTH },
  { prefix: '198.51.0.0/16', via: '10.2.0.254', network: EAST },
  { prefix: '2001:db8:9::/48', via: 'fe80::254', network: NORTH },
];

export interface RouterGridOptions {
  readonly inodes?: number;
  readonly middle?: Partial<TopologyCluster>;
  readonly more?: Partial<TestGridOptions>;
  /** MTUs by network. */
  readonly mtus?: Readonly<Record<number, number>>;
}

/** A grid between three layer-3 networks. */
export function routerGrid({ inodes = 1, middle = {}, more = {}, mtus = {} }: RouterGridOptions = {}): TestGrid {
  const network = (id: number, at: number): Topology['networks'][number] => ({
    id,
    name: `EN-${id}`,
    cluster: at,
    tagged: false,
    router: { mac: MAC_OF[id]!, addresses: ADDRESSES[id]!, ...(mtus[id] === undefined ? {} : { mtu: mtus[id] }) },
  });
  return new TestGrid({
    clusters: [cluster(1, inodes, { role: 'inode' }), cluster(2, 2, middle), cluster(3, inodes, { role: 'inode' })],
    networks: [network(WEST, 1), network(EAST, 3), network(NORTH, 3)],
    routes: ROUTES,
    paths: [
      { id: 1, name: 'to-east', from: [WEST], to: EAST, clusters: [1, 2, 3] },
      { id: 2, name: 'to-north', from: [WEST], to: NORTH, clusters: [1, 2, 3] },
      { id: 3, name: 'to-west', from: [EAST, NORTH], to: WEST, clusters: [3, 2, 1] },
    ],
    policies: [
      {
        id: 1,
        name: 'all',
        flowType: 9,
        typeName: 'other',
        match: {},
        paths: ['to-east', 'to-north', 'to-west'],
        criteria: 'static',
      },
    ],
    ...more,
  });
}

export interface IpOptions {
  readonly from: string;
  readonly to: string;
  readonly fromMac: string;
  readonly toMac: string;
  readonly proto?: number;
  readonly hops?: number;
  readonly id?: number;
  /** Whether the packet may be cut; of IPv4. */
  readonly mayBeCut?: boolean;
  readonly body?: Uint8Array;
}

/** An IPv4 or IPv6 packet in a frame; by default a datagram. Checksums of ICMP and ICMPv6 are filled in. */
export function ipFrame({
  from,
  to,
  fromMac,
  toMac,
  proto = 17,
  hops = 64,
  id = 7,
  mayBeCut = false,
  body = datagram(),
}: IpOptions): Uint8Array {
  const [source, destination] = [addressBytes(from), addressBytes(to)];
  const isV6 = source.length === 16;
  const payload = body.slice();
  if (proto === 1) put16(payload, 2, checksum(payload));
  if (proto === 58)
    put16(
      payload,
      2,
      checksum(Uint8Array.of(...source, ...destination, 0, 0, ...bytes16(payload.length), 0, 0, 0, 58), payload),
    );
  const header = isV6
    ? Uint8Array.of(0x60, 0, 0, 0, ...bytes16(payload.length), proto, hops, ...source, ...destination)
    : Uint8Array.of(
        0x45,
        0,
        ...bytes16(20 + payload.length),
        ...bytes16(id),
        mayBeCut ? 0 : 0x40,
        0,
        hops,
        proto,
        0,
        0,
        ...source,
        ...destination,
      );
  if (!isV6) put16(header, 10, checksum(header));
  return Uint8Array.of(
    ...macBytes(toMac),
    ...macBytes(fromMac),
    ...(isV6 ? [0x86, 0xdd] : [8, 0]),
    ...header,
    ...payload,
  );
}

export function datagram(fromPort = 4000, toPort = 53, text = 'a question'): Uint8Array {
  const payload = new TextEncoder().encode(text);
  return Uint8Array.of(...bytes16(fromPort), ...bytes16(toPort), ...bytes16(8 + payload.length), 0, 0, ...payload);
}

export function arpFrame(
  operation: number,
  sender: { mac: string; ip: string },
  target: { mac: string; ip: string },
): Uint8Array {
  const to = target.mac === '' ? 'ff:ff:ff:ff:ff:ff' : target.mac;
  const targetMac = target.mac === '' ? new Uint8Array(6) : macBytes(target.mac);
  return Uint8Array.of(
    ...macBytes(to),
    ...macBytes(sender.mac),
    ...[8, 6, 0, 1, 8, 0, 6, 4, 0, operation],
    ...macBytes(sender.mac),
    ...addressBytes(sender.ip),
    ...targetMac,
    ...addressBytes(target.ip),
  );
}

/** A neighbour advertisement (type 136) or solicitation (135) with the sender's MAC address as its option. */
export function discoveryFrame(
  type: 135 | 136,
  sender: { mac: string; ip: string },
  to: { mac: string; ip: string },
  target: string,
  flags = type === 136 ? 0x60 : 0,
): Uint8Array {
  const option = type === 135 ? 1 : 2;
  const body = Uint8Array.of(
    type,
    0,
    0,
    0,
    flags,
    0,
    0,
    0,
    ...addressBytes(target),
    option,
    1,
    ...macBytes(sender.mac),
  );
  return ipFrame({ from: sender.ip, to: to.ip, fromMac: sender.mac, toMac: to.mac, proto: 58, hops: 255, body });
}

export function macBytes(text: string): Uint8Array {
  return Uint8Array.from(text.split(':').map((byte) => parseInt(byte, 16)));
}

export function macText(bytes: Uint8Array, at: number): string {
  return Array.from(bytes.subarray(at, at + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Text of an address to bytes: written for tests, apart from the product's. */
export function addressBytes(text: string): Uint8Array {
  if (!text.includes(':')) return Uint8Array.from(text.split('.').map(Number));
  const [head = '', tail = ''] = text.split('::');
  const groups = (half: string): number[] => (half === '' ? [] : half.split(':').map((group) => parseInt(group, 16)));
  const missing = 8 - groups(head).length - groups(tail).length;
  return Uint8Array.from(
    [...groups(head), ...new Array<number>(missing).fill(0), ...groups(tail)].flatMap((group) => bytes16(group)),
  );
}

/** Sends a frame in, and tells what left for it. */
export function send(g: TestGrid, network: number, bytes: Uint8Array): Left[] {
  const before = g.left.length;
  g.inject(network, bytes);
  g.settle();
  return g.left.slice(before);
}

/** What leaves while so many hello rounds pass. */
export function during(g: TestGrid, ms: number): Left[] {
  const before = g.left.length;
  for (let passed = 0; passed < ms; passed += g.topology.timing.helloMs) g.beat();
  return g.left.slice(before);
}
