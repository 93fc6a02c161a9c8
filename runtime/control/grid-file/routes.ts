import { parseAddress } from '../../../domain/base/address-range';
import type { ClusterId } from '../../../domain/base/ids';
import { connectedPrefixes, isLinkLocal, isUnder, routingProblems } from '../../../domain/grid/routing';
import { routerMac } from '../../../domain/link/mac';
import type { ExternalNetwork, FlowPath, RouterInterface, StaticRoute } from '../../../domain/topology/topology';
import type { Networks } from './networks';
import type { Paths } from './paths';
import type { Reader, Value } from './reader';

const MODES = ['layer-2', 'layer-3'] as const;

/** Where the members of a layer-3 network are written. */
export interface RouterPlaces {
  readonly at: Value;
  readonly mac: Value;
  readonly mtu: Value;
  readonly addresses: Value;
}

/** Reads `mode`, `addresses` and `mac` of a network, and takes its MTU where it is given; nothing for one in layer-2 mode. */
export function readRouter(
  reader: Reader,
  members: { readonly mode: Value } & RouterPlaces,
  what: string,
  cluster: ClusterId,
  { id, mtu }: { readonly id: number; readonly mtu: number },
): { readonly router?: RouterInterface } {
  const isUnsaid = reader.isAbsent(members.mode) || reader.isAbsent(members.addresses);
  const mode = reader.choice(members.mode, `${what}: mode`, MODES, isUnsaid ? 'layer-2' : 'layer-3');
  if (mode === 'layer-2') {
    for (const name of ['addresses', 'mac'] as const) {
      if (reader.isAbsent(members[name])) continue;
      reader.problem(members[name], `${what}: "${name}" is for a router`, 'add "mode: layer-3", or leave them out');
    }
    return {};
  }
  const addresses = reader
    .items(members.addresses)
    .map((item) => reader.text(item, `${what}: an address`).toLowerCase());
  // Unknown clusters and IDs out of range are told where they are read.
  const own = cluster === 0 || id < 1 || id > 255 ? '02:00:00:00:00:01' : routerMac(cluster, id);
  const mac = reader.text(members.mac, `${what}: mac`, own).toLowerCase();
  return { router: { mac, addresses, ...(reader.isAbsent(members.mtu) ? {} : { mtu }) } };
}

/** Routes, and where each is written. */
export interface Routes {
  readonly routes: readonly StaticRoute[];
  readonly places: readonly Value[];
}

/** Reads `routes`: a list of `{ prefix, via, network }`, the network left out where the next hop's address tells it. */
export function readRoutes(reader: Reader, section: Value, { names, networks }: Networks): Routes {
  const places = reader.items(section);
  const routes = places.map((item): StaticRoute => {
    const members = reader.members(item, 'a route', ['prefix', 'via', 'network']);
    const prefix = reader.text(members.prefix ?? item, 'route: prefix').toLowerCase();
    const via = reader.text(members.via ?? item, `route ${prefix}: via`).toLowerCase();
    if (!reader.isAbsent(members.network))
      return { prefix, via, network: names.id(members.network, `route ${prefix}: network`) };
    return { prefix, via, network: networkOf(reader, members.via ?? item, prefix, via, networks) };
  });
  return { routes, places };
}

/** The network that has the next hop on one of its prefixes. */
function networkOf(
  reader: Reader,
  at: Value,
  prefix: string,
  via: string,
  networks: readonly ExternalNetwork[],
): number {
  const hop = parseAddress(via, 'host')?.bytes;
  if (hop === undefined || isLinkLocal(hop)) {
    const what = hop === undefined ? `${via} is no address` : `${via} is on every network`;
    reader.problem(
      at,
      `route ${prefix}: ${what}`,
      hop === undefined ? 'name the next router by its address' : 'say on which: "network: EN-1"',
    );
    return 0;
  }
  const found = connectedPrefixes(networks).find(({ address, bits }) => isUnder(hop, address, bits));
  if (found !== undefined) return found.network;
  const what = `route ${prefix}: ${via} is on no prefix of a layer-3 network`;
  reader.problem(at, what, 'name a router on one of them, or give a network an address of its prefix');
  return 0;
}

/** What is wrong in networks' addresses and in routes, told where it is written. */
export function checkRouting(
  reader: Reader,
  networks: readonly ExternalNetwork[],
  placesOf: ReadonlyMap<number, RouterPlaces>,
  { routes, places }: Routes,
): void {
  // A network that could not be found has been told of.
  const known = routes.filter(({ network }) => network !== 0);
  for (const { network, address, route, member, what, remedy } of routingProblems(networks, known)) {
    if (route !== undefined) {
      const item = places[routes.indexOf(known[route]!)];
      const { [member]: value, at } = memberValues(reader, item);
      reader.problem(value ?? at, what, remedy);
      continue;
    }
    const written = placesOf.get(network ?? 0);
    const listed = member === 'addresses' ? reader.items(written?.addresses)[address ?? 0] : undefined;
    const own = member === 'mac' || member === 'mtu' ? written?.[member] : undefined;
    reader.problem(listed ?? own ?? written?.at, what, remedy);
  }
}

function memberValues(reader: Reader, item: Value): { readonly [member: string]: Value } {
  const values = reader.named(item, 'a route').map(({ name, value }) => [name, value] as const);
  return { ...Object.fromEntries(values), at: item };
}

/**
 * A path leads between layer-3 networks or between others: a router and a bridge address frames differently. And to each
 * network that packets are routed to a path leads.
 */
export function checkRoutedPaths(
  reader: Reader,
  networks: readonly ExternalNetwork[],
  placesOf: ReadonlyMap<number, RouterPlaces>,
  { routes, places }: Routes,
  paths: Paths,
): void {
  const routed = new Set(networks.filter(({ router }) => router !== undefined).map(({ id }) => id));
  const nameOf = (id: number): string => networks.find((network) => network.id === id)?.name ?? String(id);
  for (const path of paths.paths) checkEndsAlike(reader, path, paths.places.get(path.id), routed, nameOf);
  if (routed.size === 0) return;
  const reached = new Set(paths.paths.filter(({ from }) => from.some((id) => routed.has(id))).map(({ to }) => to));
  routes.forEach(({ prefix, network }, i) => {
    if (!routed.has(network) || reached.has(network)) return;
    const what = `route ${prefix} leads to network ${nameOf(network)}, to which no path does`;
    reader.problem(places[i], what, `add a path "to: ${nameOf(network)}" from another layer-3 network`);
  });
  for (const id of routed) {
    if (reached.has(id) || paths.paths.some(({ from }) => from.includes(id))) continue;
    const what = `no path begins or ends at layer-3 network ${nameOf(id)}`;
    reader.problem(placesOf.get(id)?.at, what, `add a path "to: ${nameOf(id)}", or leave the network out`);
  }
}

function checkEndsAlike(
  reader: Reader,
  { name, from, to }: FlowPath,
  at: Value,
  routed: ReadonlySet<number>,
  nameOf: (id: number) => string,
): void {
  const other = from.find((id) => id !== 0 && to !== 0 && routed.has(id) !== routed.has(to));
  if (other === undefined) return;
  const [layer3, layer2] = routed.has(to) ? [to, other] : [other, to];
  const what = `path ${name} joins ${nameOf(layer3)}, which is routed, to ${nameOf(layer2)}, which is bridged`;
  reader.problem(at, what, `say "mode: layer-3" at both, with addresses, or at neither`);
}
