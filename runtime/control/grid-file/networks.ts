import type { ClusterSettings } from '../../../domain/cluster/events';
import { LINK_MTU_MAX, LINK_MTU_MIN } from '../../../domain/link/kinds';
import type { CaptureEntry, CaptureInterface, CaptureRule, CaptureSides } from '../../../domain/grid/settings';
import { LINK_PROTOCOLS, type ExternalNetwork, type LinkProtocol } from '../../../domain/topology/topology';
import { readMatch } from './match';
import { Names } from './names';
import type { Reader, Value } from './reader';
import { readRouter, type RouterPlaces } from './routes';

const EXTERNAL_MTU = 1_500;

export interface Networks {
  readonly names: Names;
  readonly networks: readonly ExternalNetwork[];
  /** The largest MTU of any external network: what internal links must carry besides the descriptor. */
  readonly mtu: number;
  /** Where the layer-3 ones are written, by ID. */
  readonly routers: ReadonlyMap<number, RouterPlaces>;
}

const MEMBERS = ['id', 'cluster', 'tagged', 'mtu', 'linkControl', 'mode', 'addresses', 'mac'] as const;

/** Reads `networks`: name → the INODE cluster through which it connects ([0048]). */
export function readNetworks(
  reader: Reader,
  section: Value,
  clusters: { readonly names: Names; readonly settings: readonly ClusterSettings[] },
): Networks {
  const names = new Names(reader, 'network');
  const networks: ExternalNetwork[] = [];
  const routers = new Map<number, RouterPlaces>();
  let largest = 0;
  for (const { name, key, value } of reader.named(section, 'networks')) {
    const members = reader.members(value, `network ${name}`, MEMBERS);
    const id = reader.integer(members.id, `network ${name}: id`, [1, 255], names.nextFree());
    names.define(name, id, members.id ?? key);
    const cluster = clusters.names.id(members.cluster ?? value, `network ${name}: cluster`);
    const role = clusters.settings.find((candidate) => candidate.id === cluster)?.role;
    if (role !== undefined && role !== 'inode') {
      const what = `network ${name} connects through ${clusters.names.nameOf(cluster)}, which is no INODE cluster`;
      reader.problem(members.cluster, what, 'name a cluster of role inode');
    }
    const tagged = reader.flag(members.tagged, `network ${name}: tagged`, false);
    const filters = readLinkControl(reader, members.linkControl, `network ${name}: linkControl`);
    const mtu = reader.integer(members.mtu, `network ${name}: mtu`, [LINK_MTU_MIN, LINK_MTU_MAX], EXTERNAL_MTU);
    largest = Math.max(largest, mtu);
    const router = readRouter(reader, members, `network ${name}`, cluster, { id, mtu });
    if (router.router !== undefined) routers.set(id, { ...members, at: key });
    networks.push({ id, name, cluster, tagged, ...(filters.length === 0 ? {} : { filters }), ...router });
  }
  if (networks.length === 0) {
    reader.problem(section ?? reader.root, 'a grid needs external networks', 'add a "networks" section');
  }
  return { names, networks: networks.sort((a, b) => a.id - b.id), mtu: largest, routers };
}

const POLICIES = ['pass', 'filter'] as const;

/** Reads `linkControl`: `pass` or `filter`, for all protocols or for each by name. Returns those that are filtered. */
function readLinkControl(reader: Reader, value: Value, what: string): LinkProtocol[] {
  if (!reader.isMap(value)) {
    return reader.choice(value, what, POLICIES, 'pass') === 'filter' ? [...LINK_PROTOCOLS] : [];
  }
  const members = reader.members(value, what, LINK_PROTOCOLS);
  return LINK_PROTOCOLS.filter(
    (protocol) => reader.choice(members[protocol], `${what}: ${protocol}`, POLICIES, 'pass') === 'filter',
  );
}

/** Reads `capture`: where replayed traffic enters, by default and by match. */
export function readCapture(
  reader: Reader,
  section: Value,
  networks: Names,
): { readonly entry: CaptureEntry | null; readonly file: string | undefined; readonly bridges: readonly Value[] } {
  if (reader.isAbsent(section)) return { entry: null, file: undefined, bridges: [] };
  const members = reader.members(section, 'capture', [
    'file',
    'initiator',
    'responder',
    'bridge',
    'rules',
    'interfaces',
  ]);
  const sides = readSides(reader, members, networks, 'capture');
  const rules = reader.items(members.rules).map((rule): CaptureRule => {
    const parts = reader.members(rule, 'a capture rule', ['match', 'initiator', 'responder']);
    return { match: readMatch(reader, parts.match, networks), ...readSides(reader, parts, networks, 'a capture rule') };
  });
  const file = reader.isAbsent(members.file) ? undefined : reader.text(members.file, 'capture: file');
  const interfaces = reader
    .named(members.interfaces, 'capture: interfaces')
    .map(({ name, value }): CaptureInterface => ({ name, network: networks.id(value, `capture: interface ${name}`) }));
  const entry = { ...sides, rules, bridges: [], ...(interfaces.length === 0 ? {} : { interfaces }) };
  return { entry, file, bridges: reader.items(members.bridge) };
}

function readSides(
  reader: Reader,
  members: { readonly at: Value; readonly initiator: Value; readonly responder: Value },
  networks: Names,
  what: string,
): CaptureSides {
  const initiator = networks.id(members.initiator ?? members.at, `${what}: initiator`);
  const responder = networks.id(members.responder ?? members.at, `${what}: responder`);
  if (initiator !== 0 && initiator === responder) {
    reader.problem(members.responder, `${what}: both sides are ${networks.nameOf(initiator)}`, 'name two networks');
  }
  return { initiator, responder };
}
