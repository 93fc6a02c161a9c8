import { LINK_MTU_MAX, LINK_MTU_MIN, linkProblems, RESTORE_MAX_MS } from '../../../domain/link/kinds';
import { VLAN_ID_MAX } from '../../../domain/link/vlan-settings';
import {
  LINK_DIRECTIONS,
  LINK_KINDS,
  LINK_SIDES,
  type LinkMember,
  type LinkTap,
  type VirtualLink,
} from '../../../domain/topology/topology';
import { Names } from './names';
import type { Networks } from './networks';
import type { Members, Named, Reader, Value } from './reader';
import { checkVlans, type LinkPlaces, type PlacedVlans } from './vlans';

const INTERNAL_MTU = 9_000;
/** Every link must carry an IPv6 packet of this size (RFC 8200, section 5). */
const IPV6_MTU_MIN = 1_280;
const TAG_BYTES = 4;

const OF_ALL = ['id', 'kind', 'members', 'control', 'mtu', 'narrow'] as const;
const OF_KINDS = ['direction', 'hub', 'restoreMs', 'tap', 'vlans'] as const;
type LinkMembers = Members<(typeof OF_ALL)[number] | (typeof OF_KINDS)[number]>;

/** What links refer to. */
interface Known {
  readonly clusters: Names;
  readonly networks: Networks;
  readonly links: Names;
}

/** What the grid has already where links are read for one that exists; a grid file tells of all links itself. */
export interface PresentLinks {
  /** Links that are read under a name of these keep its ID. */
  readonly links: readonly VirtualLink[];
  /** Those of them that stay, if they are not read. */
  readonly stays: (link: VirtualLink) => boolean;
  /** IDs of links that are gone and that flows still go by. */
  readonly resting: readonly number[];
}

const NOTHING_PRESENT: PresentLinks = { links: [], stays: () => false, resting: [] };

/** A link and where its parts stand in the file. */
interface Placed extends LinkPlaces {
  /** Of its members, in their order. */
  readonly places: readonly Value[];
}

/** Reads `links`: name → kind, its options, and members, which are clusters, nodes (`AB-2`) or networks. */
export function readLinks(
  reader: Reader,
  section: Value,
  clusters: Names,
  networks: Networks,
  descriptorBytes: number,
  vlans: PlacedVlans,
  present: PresentLinks = NOTHING_PRESENT,
): VirtualLink[] {
  const sizes = { network: networks.mtu, descriptor: descriptorBytes };
  const known = { clusters, networks, links: new Names(reader, 'link') };
  const entries = reader.named(section, 'links');
  const beside = present.links.filter(
    (link) => present.stays(link) && entries.every((entry) => entry.name !== link.name),
  );
  for (const { name, id } of beside) known.links.define(name, id, null);
  const kept = new Set([...present.resting, ...present.links.map(({ id }) => id)]);
  // Names first, because a tap may stand before what it listens to.
  const named = entries.map((entry) => {
    const members = reader.members(entry.value, `link ${entry.name}`, [...OF_ALL, ...OF_KINDS]);
    const before = present.links.find(({ name }) => name === entry.name);
    const fallback = before?.id ?? known.links.nextFree(kept);
    const id = reader.integer(members.id, `link ${entry.name}: id`, [1, 65_535], fallback);
    if (before !== undefined && before.id !== id) {
      const what = `link ${entry.name} is number ${before.id} of the grid, not ${id}`;
      reader.problem(members.id, what, 'leave "id" out: a link keeps its number');
    }
    known.links.define(entry.name, id, members.id ?? entry.key);
    return { entry, members, id };
  });
  const placed = named.map(({ entry, members, id }) => readLink(reader, entry, members, { id, sizes, known }));
  checkLinks(reader, placed, known, beside);
  checkVlans(reader, placed, networks, vlans, beside);
  return placed.map(({ link }) => link).sort((a, b) => a.id - b.id);
}

interface Sizes {
  readonly network: number;
  readonly descriptor: number;
}

function readLink(
  reader: Reader,
  { name, key }: Named,
  members: LinkMembers,
  { id, sizes, known }: { readonly id: number; readonly sizes: Sizes; readonly known: Known },
): Placed {
  const control = reader.flag(members.control, `link ${name}: control`, false);
  const narrow = reader.flag(members.narrow, `link ${name}: narrow`, false);
  const mtu = readMtu(reader, members.mtu, name, sizes, { control, narrow });
  const items = reader.items(members.members);
  if (items.length === 0) reader.problem(members.members ?? key, `link ${name} joins nobody`, 'list its members');
  const joined = items.flatMap((item) => linkMember(reader, item, name, known).map((member) => ({ member, item })));
  const link: VirtualLink = {
    id,
    name,
    kind: reader.choice(members.kind, `link ${name}: kind`, LINK_KINDS, 'switch'),
    members: joined.map(({ member }) => member),
    control,
    mtu,
    ...(narrow ? { narrow } : {}),
    ...readOptions(reader, members, name, known),
  };
  // What cannot be read as an integer is told already, and harmless here.
  const vlans = new Map(reader.items(members.vlans).map((item) => [Number(reader.plain(item)), item]));
  return { link, at: key, places: joined.map(({ item }) => item), vlans };
}

/** What only some kinds have; what is absent stays so. */
function readOptions(
  reader: Reader,
  members: LinkMembers,
  name: string,
  known: Known,
): Pick<VirtualLink, (typeof OF_KINDS)[number]> {
  const { direction, hub, restoreMs, tap, vlans } = members;
  const at = (option: string): string => `link ${name}: ${option}`;
  const isGiven = (value: Value): boolean => !reader.isAbsent(value);
  const ids = reader.items(vlans).map((item) => reader.integer(item, at('vlans'), [1, VLAN_ID_MAX]));
  return {
    ...(isGiven(direction) && { direction: reader.choice(direction, at('direction'), LINK_DIRECTIONS, 'both') }),
    ...(reader.flag(hub, at('hub'), false) && { hub: true }),
    ...(isGiven(restoreMs) && { restoreMs: reader.integer(restoreMs, at('restoreMs'), [0, RESTORE_MAX_MS]) }),
    ...(isGiven(tap) && { tap: readTap(reader, tap, at('tap'), known) }),
    ...(isGiven(vlans) && { vlans: ids.sort((a, b) => a - b) }),
  };
}

function readTap(reader: Reader, value: Value, what: string, { links }: Known): LinkTap {
  const { link, direction } = reader.isMap(value)
    ? reader.members(value, what, ['link', 'direction'])
    : { link: value, direction: undefined };
  return {
    link: links.id(link, what),
    direction: reader.choice(direction, `${what}: direction`, ['forward', 'backward'], 'forward'),
  };
}

/** The rules of the kinds; of links whose members could not be read, that is told already. */
function checkLinks(
  reader: Reader,
  placed: readonly Placed[],
  { clusters, networks }: Known,
  beside: readonly VirtualLink[],
): void {
  const links = [...placed.map(({ link }) => link), ...beside];
  for (const { link, at, places } of placed) {
    if (places.length === 0 || link.tap?.link === 0) continue;
    const problems = linkProblems(link, {
      cluster: (id) => clusters.nameOf(id),
      network: (id) => networks.networks.find((network) => network.id === id),
      link: (id) => links.find((other) => other.id === id),
    });
    for (const { member, what, remedy } of problems) {
      reader.problem(member === undefined ? at : places[member], what, remedy);
    }
  }
}

/**
 * A link's MTU: it must hold the largest packet of any network, a tag and the longest descriptor; a narrow one at least
 * what every IPv6 link must.
 */
function readMtu(
  reader: Reader,
  value: Value,
  link: string,
  sizes: Sizes,
  { control, narrow }: { readonly control: boolean; readonly narrow: boolean },
): number {
  const least = sizes.network + TAG_BYTES + sizes.descriptor;
  const leastNarrow = Math.min(least, IPV6_MTU_MIN + TAG_BYTES + sizes.descriptor);
  const mtu = reader.integer(value, `link ${link}: mtu`, [LINK_MTU_MIN, LINK_MTU_MAX], Math.max(INTERNAL_MTU, least));
  if (control || mtu >= (narrow ? leastNarrow : least)) return mtu;
  const rest = `${TAG_BYTES} of a tag + ${sizes.descriptor} of the longest descriptor`;
  const remedy = narrow
    ? `at least ${leastNarrow}: ${IPV6_MTU_MIN} that IPv6 needs + ${rest}`
    : `at least ${least}: ${sizes.network} of the networks + ${rest}` +
      (mtu < leastNarrow ? '' : '; or add "narrow: true", so that what does not fit is answered or cut');
  reader.problem(value, `link ${link}: MTU ${mtu} is too small`, remedy);
  return mtu;
}

function linkMember(reader: Reader, item: Value, link: string, known: Known): LinkMember[] {
  const isPlain = !reader.isMap(item);
  const parts = isPlain
    ? { member: item, side: undefined, promiscuous: undefined }
    : reader.members(item, `link ${link}: a member`, ['member', 'side', 'promiscuous']);
  const what = `link ${link}: a member`;
  const name = reader.text(parts.member, what);
  const traits = {
    ...(!reader.isAbsent(parts.side) && { side: reader.choice(parts.side, `${what}: side`, LINK_SIDES, 'leaf') }),
    ...(reader.flag(parts.promiscuous, `${what}: promiscuous`, false) && { promiscuous: true }),
  };
  const { clusters, networks } = known;
  const cluster = clusters.find(name);
  if (cluster !== undefined) return [{ cluster, ...traits }];
  const network = networks.names.find(name);
  if (network !== undefined) return [{ network }];
  const [, clusterName, node] = /^(.+)-(\d+)$/.exec(name) ?? [];
  const owner = clusterName === undefined ? undefined : clusters.find(clusterName);
  if (owner !== undefined) return [{ cluster: owner, node: Number(node), ...traits }];
  if (name !== '') {
    reader.problem(item, `link ${link}: nothing is called ${name}`, 'name a cluster, a node or a network');
  }
  return [];
}
