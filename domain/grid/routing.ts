import { parseAddress, type AddressRange } from '../base/address-range';
import type { ExternalNetwork, StaticRoute } from '../topology/topology';

/** Routes that a grid may have. */
export const ROUTES_MAX = 4096;

/** Least MTU of a layer-3 network: so long an answer of the router's may be (RFC 1812); and what IPv6 needs (RFC 8200). */
const MTU_MIN = 576;
const MTU_MIN_IPV6 = 1280;

/** Something wrong in how networks are routed: of a network, one of its addresses, or a route, each by its place. */
export interface RoutingProblem {
  /** ID of the network, or place of the route among all. */
  readonly network?: number;
  readonly address?: number;
  readonly route?: number;
  /** The member of the network or the route that is wrong. */
  readonly member: 'mac' | 'mtu' | 'addresses' | 'tagged' | 'prefix' | 'via' | 'network';
  readonly what: string;
  readonly remedy: string;
}

/** An address of the router on a network, and the prefix that it makes reachable there. */
export interface ConnectedPrefix {
  readonly network: number;
  readonly address: readonly number[];
  readonly bits: number;
}

/** Reads `192.0.2.1/24`: an address and the length of its prefix; undefined for anything else. */
export function parseInterfaceAddress(text: string): AddressRange | undefined {
  const [address = '', length = '', more] = text.split('/');
  const host = parseAddress(address, 'host');
  if (host === undefined || more !== undefined || !/^\d{1,3}$/.test(length)) return undefined;
  const bits = Number(length);
  return bits <= 8 * host.bytes.length ? { bytes: host.bytes, bits } : undefined;
}

/** The prefixes of the networks' own addresses, in the order of the networks; addresses that cannot be read are left out. */
export function connectedPrefixes(networks: readonly ExternalNetwork[]): ConnectedPrefix[] {
  return networks.flatMap(({ id, router }) =>
    (router?.addresses ?? []).flatMap((text) => {
      const read = parseInterfaceAddress(text);
      return read === undefined ? [] : [{ network: id, address: read.bytes, bits: read.bits }];
    }),
  );
}

/** Whether an address begins with the first `bits` bits of another. */
export function isUnder(address: readonly number[], prefix: readonly number[], bits: number): boolean {
  if (address.length !== prefix.length) return false;
  return prefix.every((byte, i) => {
    const counted = Math.min(8, Math.max(0, bits - 8 * i));
    return ((byte ^ address[i]!) & (0xff00 >>> counted) & 0xff) === 0;
  });
}

/** fe80::/10 (RFC 4291): an address that means something on one network alone. */
export function isLinkLocal(bytes: readonly number[]): boolean {
  return bytes.length === 16 && bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

/** What is wrong in how networks and routes are set up, in the order of networks and then routes. */
export function routingProblems(
  networks: readonly ExternalNetwork[],
  routes: readonly StaticRoute[],
): RoutingProblem[] {
  return [...networkProblems(networks, routes), ...routeProblems(networks, routes)];
}

function networkProblems(networks: readonly ExternalNetwork[], routes: readonly StaticRoute[]): RoutingProblem[] {
  const problems: RoutingProblem[] = [];
  const before: (ConnectedPrefix & { readonly text: string; readonly name: string })[] = [];
  for (const { id, name, tagged, bridge, router } of networks) {
    if (router === undefined) continue;
    const tell = (member: RoutingProblem['member'], what: string, remedy: string, address?: number): void => {
      const place = address === undefined ? { network: id } : { network: id, address };
      problems.push({ ...place, member, what: `network ${name}: ${what}`, remedy });
    };
    if (!isStationMac(router.mac))
      tell('mac', `${router.mac} is no MAC address of one station`, 'write it as 02:00:5e:00:53:01, or leave it out');
    // A route by a link-local next hop needs no IPv6 address of the router there.
    const leadsIpv6 = routes.some(({ network, prefix }) => network === id && prefix.includes(':'));
    const hasIpv6 = leadsIpv6 || router.addresses.some((text) => parseInterfaceAddress(text)?.bytes.length === 16);
    const least = hasIpv6 ? MTU_MIN_IPV6 : MTU_MIN;
    if (router.mtu !== undefined && !(Number.isInteger(router.mtu) && router.mtu >= least)) {
      const what = `an MTU of ${router.mtu} is less than the ${least} of ${hasIpv6 ? 'IPv6' : 'a router'}`;
      tell('mtu', what, `give it at least ${least}, or leave it out`);
    }
    if (tagged)
      tell(
        'tagged',
        'a layer-3 network has no VLAN tags',
        'leave "tagged" out, and give each VLAN a network of its own',
      );
    if (bridge !== undefined)
      tell(
        'network',
        'a layer-3 network is in no bridge domain',
        'take it out of bridgeDomains: a router passes no broadcasts',
      );
    if (router.addresses.length === 0)
      tell('addresses', 'a layer-3 network needs an address', 'write "addresses: [192.0.2.1/24]"');
    router.addresses.forEach((text, place) => {
      const read = parseInterfaceAddress(text);
      if (read === undefined)
        return tell(
          'addresses',
          `${text} is no address with a prefix`,
          'write it as 192.0.2.1/24 or 2001:db8::1/64',
          place,
        );
      const flaw = flawOfAddress(read);
      if (flaw !== undefined)
        return tell(
          'addresses',
          `${text} is ${flaw}, and no station's address`,
          'give it one of the hosts of its prefix',
          place,
        );
      const mine = { network: id, address: read.bytes, bits: read.bits, text, name };
      const other = before.find((each) => overlaps(each, mine));
      if (other !== undefined) {
        const what = `${text} overlaps ${other.text} of network ${other.name}`;
        tell('addresses', what, 'give each network a prefix of its own', place);
      }
      before.push(mine);
    });
  }
  return problems;
}

/** Link-local prefixes are each network's own; two addresses of one network may share a prefix, but not be the same. */
function overlaps(a: ConnectedPrefix, b: ConnectedPrefix): boolean {
  if (a.network === b.network) return a.address.length === b.address.length && isUnder(a.address, b.address, 128);
  if (isLinkLocal(a.address) && isLinkLocal(b.address)) return false;
  return isUnder(a.address, b.address, Math.min(a.bits, b.bits));
}

function flawOfAddress({ bytes, bits }: AddressRange): string | undefined {
  if (bytes.every((byte) => byte === 0)) return 'the unspecified address';
  if (bytes.length === 16) {
    if (bytes[0] === 0xff) return 'a group';
    return bytes.slice(0, 15).every((byte) => byte === 0) ? 'the loopback address' : undefined;
  }
  if (bytes[0] === 127) return 'a loopback address';
  if (bytes[0]! >= 224 || bytes[0] === 0) return 'a group, or reserved';
  if (bits > 30) return undefined;
  const host = bytes.reduce((value, byte) => value * 256 + byte, 0) % 2 ** (32 - bits);
  if (host === 0) return 'the name of its prefix';
  return host === 2 ** (32 - bits) - 1 ? 'the broadcast address of its prefix' : undefined;
}

function routeProblems(networks: readonly ExternalNetwork[], routes: readonly StaticRoute[]): RoutingProblem[] {
  const problems: RoutingProblem[] = [];
  const connected = connectedPrefixes(networks);
  const taken = new Map<string, number>();
  if (routes.length > ROUTES_MAX) {
    const what = `there are ${routes.length} routes, more than ${ROUTES_MAX}`;
    problems.push({ route: ROUTES_MAX, member: 'prefix', what, remedy: 'join neighbouring prefixes' });
  }
  routes.forEach(({ prefix, via, network }, route) => {
    const tell = (member: RoutingProblem['member'], what: string, remedy: string): void => {
      problems.push({ route, member, what: `route ${prefix}: ${what}`, remedy });
    };
    const range = prefix.includes('/') ? parseAddress(prefix, 'net') : undefined;
    if (range === undefined) {
      return tell(
        'prefix',
        'this is no prefix, or bits are set behind its length',
        'write it as 198.51.100.0/24 or 2001:db8::/32',
      );
    }
    const key = `${range.bytes.join()}/${range.bits}`;
    if (taken.has(key)) tell('prefix', 'there is a route for this prefix already', 'leave one of the two out');
    taken.set(key, route);
    const own = connected.find(({ address, bits }) => bits === range.bits && isUnder(address, range.bytes, range.bits));
    if (own !== undefined && !isLinkLocal(own.address))
      tell('prefix', `network ${nameOf(networks, own.network)} has this prefix itself`, 'leave the route out');
    problems.push(...viaProblems({ prefix, via, network, route, version: range.bytes.length }, networks, connected));
  });
  return problems;
}

interface Via extends StaticRoute {
  readonly route: number;
  /** Bytes of the prefix's addresses. */
  readonly version: number;
}

function viaProblems(
  { prefix, via, network, route, version }: Via,
  networks: readonly ExternalNetwork[],
  connected: readonly ConnectedPrefix[],
): RoutingProblem[] {
  const problem = (member: 'via' | 'network', what: string, remedy: string): RoutingProblem[] => [
    { route, member, what: `route ${prefix}: ${what}`, remedy },
  ];
  const target = networks.find(({ id }) => id === network);
  if (target === undefined) return problem('network', `there is no network ${network}`, 'name one of the networks');
  if (target.router === undefined)
    return problem(
      'network',
      `network ${target.name} is no layer-3 network`,
      'write "mode: layer-3" and its addresses there',
    );
  const hop = parseAddress(via, 'host');
  if (hop === undefined || hop.bytes.length !== version)
    return problem('via', `${via} is no address of the prefix's IP version`, 'name the next router by its address');
  if (connected.some(({ address }) => address.length === version && isUnder(hop.bytes, address, 128)))
    return problem('via', `${via} is the router itself`, 'name the next router by its address');
  if (isLinkLocal(hop.bytes)) return [];
  const own = connected.filter((each) => each.network === network);
  if (own.some(({ address, bits }) => isUnder(hop.bytes, address, bits))) return [];
  const near = (target.router?.addresses ?? []).join(', ');
  return problem(
    'via',
    `${via} is on none of the prefixes of network ${target.name} (${near})`,
    'name a router on that network',
  );
}

function nameOf(networks: readonly ExternalNetwork[], id: number): string {
  return networks.find((network) => network.id === id)?.name ?? String(id);
}

/** Six bytes, not a group's, not all zero. */
function isStationMac(text: string): boolean {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(text) || text === '00:00:00:00:00:00') return false;
  return (Number.parseInt(text.slice(0, 2), 16) & 1) === 0;
}
