import { parseAddress } from '../../domain/base/address-range';
import { isLinkLocal, parseInterfaceAddress } from '../../domain/grid/routing';
import type { ExternalNetwork, Topology } from '../../domain/topology/topology';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../headers/numbers';
import { PrefixTable, type Prefix } from './prefix-table';

/** Network IDs, 0 included. */
const NETWORKS = 256;
const LINK_LOCAL = [0xfe, 0x80, 0, 0, 0, 0, 0, 0];

/** An IP version, as `S_IP` has it. */
export type IpVersion = 4 | 6;

/** The router on one network: who it is there. */
export interface RouterPort {
  readonly network: number;
  readonly mac: Uint8Array;
  /** Its addresses, one behind the other; of IPv6 the link-local one is among them if there is any. */
  readonly ipv4: Uint8Array;
  readonly ipv6: Uint8Array;
  /** Bits of the prefix of each IPv4 address. */
  readonly bits4: readonly number[];
  /** Where among them the one stands that it speaks from, negative = it has none; of IPv6 to neighbours, and to others. */
  readonly source4: number;
  readonly neighbourSource6: number;
  readonly source6: number;
  /** Bytes of the longest packet that the network takes; Infinity where that is not known. */
  readonly mtu: number;
}

/** Where packets go next. */
export interface Hop {
  readonly network: number;
  /** The next router's address; undefined: the destination is on the network itself. */
  readonly via: Uint8Array | undefined;
}

/** How a topology's layer-3 networks route, derived once: longest prefixes, own addresses, next hops. */
export class Routing {
  /** Whether there is a layer-3 network. */
  readonly isOn: boolean;
  /** The least MTU of the layer-3 networks; Infinity where none is known. */
  readonly narrowest: number;
  private readonly ports: (RouterPort | undefined)[] = new Array<undefined>(NETWORKS).fill(undefined);
  private readonly hops: Hop[] = [];
  private readonly all: Tables;
  private readonly byNetwork: (Tables | undefined)[] = new Array<undefined>(NETWORKS).fill(undefined);
  private readonly own: Tables;
  /** Broadcast addresses and names of IPv4 prefixes. */
  private readonly nobodys: Tables;

  constructor({ networks, routes = [] }: Pick<Topology, 'networks' | 'routes'>) {
    const routed = networks.filter(({ router }) => router !== undefined);
    this.isOn = routed.length > 0;
    const prefixes: OnNetwork[] = [];
    const own: OnNetwork[] = [];
    const nobodys: Prefix[] = [];
    for (const network of routed) {
      const port = portOf(network);
      this.ports[network.id] = port;
      for (const { bytes, bits } of addressesOf(network)) {
        own.push({ network: network.id, bytes, bits: 8 * bytes.length, value: network.id });
        if (bytes.length === 4 && bits <= 30) nobodys.push(...endsOf(bytes, bits));
        if (!isLinkLocal(bytes)) prefixes.push(this.hop(network.id, bytes, bits, undefined));
      }
    }
    for (const { prefix, via, network } of routes) {
      const range = parseAddress(prefix, 'net');
      const next = parseAddress(via, 'host');
      if (range === undefined || next === undefined || this.ports[network] === undefined) continue;
      prefixes.push(this.hop(network, range.bytes, range.bits, Uint8Array.from(next.bytes)));
    }
    this.narrowest = Math.min(...routed.map(({ router }) => router?.mtu ?? Infinity));
    this.all = new Tables(prefixes);
    this.own = new Tables(own);
    this.nobodys = new Tables(nobodys);
    for (const { id } of routed) this.byNetwork[id] = new Tables(prefixes.filter(({ network }) => network === id));
  }

  /** The router on a network; undefined where the network is bridged. */
  port(network: number): RouterPort | undefined {
    return this.ports[network];
  }

  /** MTU of a network; Infinity where it is not known, or the network is bridged. */
  mtuOf(network: number): number {
    const port = this.ports[network];
    return port === undefined ? Infinity : port.mtu;
  }

  /** The network by which packets to the address at `at` leave; 0 = there is no route. */
  networkFor(version: number, bytes: Uint8Array, at: number): number {
    const hop = this.all.find(version, bytes, at);
    return hop < 0 ? 0 : this.hops[hop].network;
  }

  /** The next hop for the address at `at` among the routes by one network; undefined = none of them holds it. */
  hopBy(network: number, version: number, bytes: Uint8Array, at: number): Hop | undefined {
    const hop = this.byNetwork[network]?.find(version, bytes, at) ?? -1;
    return hop < 0 ? undefined : this.hops[hop];
  }

  /** The network on which the router has the address at `at`; 0 = it is somebody else's. */
  ownNetwork(version: number, bytes: Uint8Array, at: number): number {
    return Math.max(0, this.own.find(version, bytes, at));
  }

  /** Whether the address at `at` is a prefix's first or last, which no host has: a router passes nothing on to it (RFC 2644). */
  isNobodys(version: number, bytes: Uint8Array, at: number): boolean {
    return version === 4 && this.nobodys.find(version, bytes, at) >= 0;
  }

  /** As {@link networkFor}, for the destination of the packet in an untagged frame; 0 also where it holds none. */
  networkOfFrame(u8: Uint8Array, frame: number, length: number): number {
    const etherType = (u8[frame + 12] << 8) | u8[frame + 13];
    if (etherType === ETHERTYPE_IPV4 && length >= 34) return this.networkFor(4, u8, frame + 30);
    return etherType === ETHERTYPE_IPV6 && length >= 54 ? this.networkFor(6, u8, frame + 38) : 0;
  }

  private hop(network: number, bytes: readonly number[], bits: number, via: Uint8Array | undefined): OnNetwork {
    this.hops.push({ network, via });
    return { network, bytes, bits, value: this.hops.length - 1 };
  }
}

/** The first and the last address of an IPv4 prefix. */
function endsOf(bytes: readonly number[], bits: number): Prefix[] {
  const mask = (i: number): number => 0xff >>> Math.min(8, Math.max(0, bits - 8 * i));
  return [
    { bytes: bytes.map((byte, i) => byte & ~mask(i)), bits: 32, value: 0 },
    { bytes: bytes.map((byte, i) => byte | mask(i)), bits: 32, value: 0 },
  ];
}

interface OnNetwork extends Prefix {
  readonly network: number;
}

/** A table for each IP version. */
class Tables {
  private readonly ipv4: PrefixTable;
  private readonly ipv6: PrefixTable;

  constructor(prefixes: readonly Prefix[]) {
    this.ipv4 = new PrefixTable(
      32,
      prefixes.filter(({ bytes }) => bytes.length === 4),
    );
    this.ipv6 = new PrefixTable(
      128,
      prefixes.filter(({ bytes }) => bytes.length === 16),
    );
  }

  find(version: number, bytes: Uint8Array, at: number): number {
    return (version === 4 ? this.ipv4 : this.ipv6).find(bytes, at);
  }
}

function portOf(network: ExternalNetwork): RouterPort {
  const addresses = addressesOf(network).map(({ bytes }) => bytes);
  const ipv4 = addresses.filter(({ length }) => length === 4);
  const ipv6 = addresses.filter(({ length }) => length === 16);
  return {
    network: network.id,
    mac: macOfText(network.router?.mac ?? ''),
    mtu: network.router?.mtu ?? Infinity,
    ipv4: Uint8Array.from(ipv4.flat()),
    bits4: addressesOf(network).flatMap(({ bytes, bits }) => (bytes.length === 4 ? [bits] : [])),
    ipv6: Uint8Array.from(ipv6.flat()),
    source4: ipv4.length === 0 ? -1 : 0,
    neighbourSource6: 16 * ipv6.findIndex(isLinkLocal),
    source6:
      ipv6.length === 0
        ? -1
        : 16 *
          Math.max(
            0,
            ipv6.findIndex((bytes) => !isLinkLocal(bytes)),
          ),
  };
}

/** The addresses that are given, and the link-local one that follows from the MAC address where IPv6 lacks one. */
function addressesOf({ router }: ExternalNetwork): { readonly bytes: readonly number[]; readonly bits: number }[] {
  if (router === undefined) return [];
  const given = router.addresses.flatMap((text) => parseInterfaceAddress(text) ?? []);
  const ipv6 = given.filter(({ bytes }) => bytes.length === 16);
  if (ipv6.length === 0 || ipv6.some(({ bytes }) => isLinkLocal(bytes))) return given;
  return [...given, { bytes: linkLocalOf(macOfText(router.mac)), bits: 64 }];
}

/** fe80::/64 and the modified EUI-64 of a MAC address (RFC 4291, appendix A). */
function linkLocalOf(mac: Uint8Array): number[] {
  const [a, b, c, d, e, f] = mac;
  return [...LINK_LOCAL, a ^ 2, b, c, 0xff, 0xfe, d, e, f];
}

function macOfText(text: string): Uint8Array {
  return Uint8Array.from(text.split(':').map((byte) => Number.parseInt(byte, 16)));
}
