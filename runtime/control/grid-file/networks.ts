import type { ClusterSettings } from '../../../domain/cluster/events';
import type { CaptureEntry, CaptureRule, CaptureSides } from '../../../domain/grid/settings';
import type { ExternalNetwork, LinkMember, VirtualLink } from '../../../domain/topology/topology';
import { readMatch } from './match';
import { Names } from './names';
import type { Reader, Value } from './reader';

/** Largest MTU that a link or network may state: what fits a frame slot. */
const MTU_MAX = 16_384;
const EXTERNAL_MTU = 1_500;
const INTERNAL_MTU = 9_000;
/** Every link must carry an IPv6 packet of this size (RFC 8200, section 5). */
const IPV6_MTU_MIN = 1_280;
const TAG_BYTES = 4;

export interface Networks {
  readonly names: Names;
  readonly networks: readonly ExternalNetwork[];
  /** The largest MTU of any external network: what internal links must carry besides the descriptor. */
  readonly mtu: number;
}

/** Reads `networks`: name → the INODE cluster through which it connects ([0048]). */
export function readNetworks(
  reader: Reader,
  section: Value,
  clusters: { readonly names: Names; readonly settings: readonly ClusterSettings[] },
): Networks {
  const names = new Names(reader, 'network');
  const networks: ExternalNetwork[] = [];
  let largest = 0;
  for (const { name, key, value } of reader.named(section, 'networks')) {
    const members = reader.members(value, `network ${name}`, ['id', 'cluster', 'tagged', 'mtu']);
    const id = reader.integer(members.id, `network ${name}: id`, [1, 255], names.nextFree());
    names.define(name, id, members.id ?? key);
    const cluster = clusters.names.id(members.cluster ?? value, `network ${name}: cluster`);
    const role = clusters.settings.find((candidate) => candidate.id === cluster)?.role;
    if (role !== undefined && role !== 'inode') {
      const what = `network ${name} connects through ${clusters.names.nameOf(cluster)}, which is no INODE cluster`;
      reader.problem(members.cluster, what, 'name a cluster of role inode');
    }
    networks.push({ id, name, cluster, tagged: reader.flag(members.tagged, `network ${name}: tagged`, false) });
    largest = Math.max(largest, reader.integer(members.mtu, `network ${name}: mtu`, [68, MTU_MAX], EXTERNAL_MTU));
  }
  if (networks.length === 0) {
    reader.problem(section ?? reader.root, 'a grid needs external networks', 'add a "networks" section');
  }
  return { names, networks: networks.sort((a, b) => a.id - b.id), mtu: largest };
}

const KINDS = ['external', 'cable', 'switch', 'hub', 'star', 'resilient', 'clustered', 'replicated'] as const;

/** Reads `links`: name → kind and members, which are clusters, nodes (`AB-2`) or networks. */
export function readLinks(
  reader: Reader,
  section: Value,
  clusters: Names,
  networks: Networks,
  descriptorBytes: number,
): VirtualLink[] {
  const names = new Names(reader, 'link');
  const sizes = { network: networks.mtu, descriptor: descriptorBytes };
  const links = reader.named(section, 'links').map(({ name, key, value }): VirtualLink => {
    const members = reader.members(value, `link ${name}`, ['id', 'kind', 'members', 'control', 'mtu', 'narrow']);
    const id = reader.integer(members.id, `link ${name}: id`, [1, 65_535], names.nextFree());
    names.define(name, id, members.id ?? key);
    const control = reader.flag(members.control, `link ${name}: control`, false);
    const narrow = reader.flag(members.narrow, `link ${name}: narrow`, false);
    const mtu = readMtu(reader, members.mtu, name, sizes, { control, narrow });
    const items = reader.items(members.members);
    if (items.length === 0) reader.problem(members.members ?? key, `link ${name} joins nobody`, 'list its members');
    return {
      id,
      name,
      kind: reader.choice(members.kind, `link ${name}: kind`, KINDS, 'switch'),
      members: items.flatMap((item) => linkMember(reader, item, name, clusters, networks.names)),
      control,
      mtu,
      ...(narrow ? { narrow } : {}),
    };
  });
  return links.sort((a, b) => a.id - b.id);
}

/**
 * A link's MTU: it must hold the largest packet of any network, a tag and the longest descriptor; a narrow one at least
 * what every IPv6 link must.
 */
function readMtu(
  reader: Reader,
  value: Value,
  link: string,
  sizes: { readonly network: number; readonly descriptor: number },
  { control, narrow }: { readonly control: boolean; readonly narrow: boolean },
): number {
  const least = sizes.network + TAG_BYTES + sizes.descriptor;
  const leastNarrow = Math.min(least, IPV6_MTU_MIN + TAG_BYTES + sizes.descriptor);
  const mtu = reader.integer(value, `link ${link}: mtu`, [68, MTU_MAX], Math.max(INTERNAL_MTU, least));
  if (control || mtu >= (narrow ? leastNarrow : least)) return mtu;
  const rest = `${TAG_BYTES} of a tag + ${sizes.descriptor} of the longest descriptor`;
  const remedy = narrow
    ? `at least ${leastNarrow}: ${IPV6_MTU_MIN} that IPv6 needs + ${rest}`
    : `at least ${least}: ${sizes.network} of the networks + ${rest}` +
      (mtu < leastNarrow ? '' : '; or add "narrow: true", so that what does not fit is answered or cut');
  reader.problem(value, `link ${link}: MTU ${mtu} is too small`, remedy);
  return mtu;
}

function linkMember(reader: Reader, item: Value, link: string, clusters: Names, networks: Names): LinkMember[] {
  const name = reader.text(item, `link ${link}: a member`);
  const cluster = clusters.find(name);
  if (cluster !== undefined) return [{ cluster }];
  const network = networks.find(name);
  if (network !== undefined) return [{ network }];
  const [, clusterName, node] = /^(.+)-(\d+)$/.exec(name) ?? [];
  const owner = clusterName === undefined ? undefined : clusters.find(clusterName);
  if (owner !== undefined) return [{ cluster: owner, node: Number(node) }];
  if (name !== '')
    reader.problem(item, `link ${link}: nothing is called ${name}`, 'name a cluster, a node or a network');
  return [];
}

/** Reads `capture`: where replayed traffic enters, by default and by match. */
export function readCapture(
  reader: Reader,
  section: Value,
  networks: Names,
): { readonly entry: CaptureEntry | null; readonly file: string | undefined; readonly bridges: readonly Value[] } {
  if (reader.isAbsent(section)) return { entry: null, file: undefined, bridges: [] };
  const members = reader.members(section, 'capture', ['file', 'initiator', 'responder', 'bridge', 'rules']);
  const sides = readSides(reader, members, networks, 'capture');
  const rules = reader.items(members.rules).map((rule): CaptureRule => {
    const parts = reader.members(rule, 'a capture rule', ['match', 'initiator', 'responder']);
    return { match: readMatch(reader, parts.match, networks), ...readSides(reader, parts, networks, 'a capture rule') };
  });
  const file = reader.isAbsent(members.file) ? undefined : reader.text(members.file, 'capture: file');
  return { entry: { ...sides, rules, bridges: [] }, file, bridges: reader.items(members.bridge) };
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
