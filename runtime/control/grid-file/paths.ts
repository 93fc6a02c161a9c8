import type { ClusterId } from '../../../domain/base/ids';
import type { ClusterSettings } from '../../../domain/cluster/events';
import { PATH_CLUSTERS_MAX } from '../../../domain/path/decide';
import { lackOf, unlinkedSteps } from '../../../domain/path/steps';
import type { ExternalNetwork, FlowPath, FlowPolicy, VirtualLink } from '../../../domain/topology/topology';
import { readMatch } from './match';
import { Names } from './names';
import type { Networks } from './networks';
import type { Reader, Value } from './reader';

export interface Paths {
  readonly names: Names;
  readonly paths: readonly FlowPath[];
  /** Where each path is written, by ID. */
  readonly places: ReadonlyMap<number, Value>;
}

interface Known {
  readonly names: Names;
  readonly settings: readonly ClusterSettings[];
}

/** Reads `paths`: name → external networks, and the clusters between their INODEs ([0060], [0064]). */
export function readPaths(reader: Reader, section: Value, clusters: Known, networks: Networks): Paths {
  const names = new Names(reader, 'path');
  const places = new Map<number, Value>();
  const paths = reader.named(section, 'paths').map(({ name, key, value }): FlowPath => {
    const members = reader.members(value, `path ${name}`, ['id', 'from', 'through', 'to']);
    const id = reader.integer(members.id, `path ${name}: id`, [1, 65_535], names.nextFree());
    names.define(name, id, members.id ?? key);
    places.set(id, key);
    const from = networks.names.idsOf(members.from ?? value, `path ${name}: from`);
    const to = networks.names.id(members.to ?? value, `path ${name}: to`);
    const through = reader.items(members.through).map((item) => anodeCluster(reader, item, name, clusters));
    const entries = [...new Set(from.map((network) => clusterOfNetwork(networks, network)))];
    if (entries.length > 1) {
      reader.problem(members.from, `path ${name} begins at several INODE clusters`, 'write one path for each');
    }
    const path = [entries[0] ?? 0, ...through, clusterOfNetwork(networks, to)];
    if (path.length > PATH_CLUSTERS_MAX) {
      const what = `path ${name} crosses ${path.length} clusters; a descriptor holds ${PATH_CLUSTERS_MAX}`;
      reader.problem(key, what, 'shorten the path');
    }
    return { id, name, from: [...from].sort((a, b) => a - b), to, clusters: path };
  });
  if (paths.length === 0) reader.problem(section ?? reader.root, 'a grid needs flow paths', 'add a "paths" section');
  return { names, paths: paths.sort((a, b) => a.id - b.id), places };
}

function clusterOfNetwork(networks: Networks, network: number): ClusterId {
  return networks.networks.find(({ id }) => id === network)?.cluster ?? 0;
}

function anodeCluster(reader: Reader, item: Value, path: string, clusters: Known): ClusterId {
  const id = clusters.names.id(item, `path ${path}: through`);
  const cluster = clusters.settings.find((candidate) => candidate.id === id);
  if (cluster !== undefined && cluster.role !== 'anode') {
    reader.problem(item, `path ${path} leads through ${cluster.name}, which is no ANODE cluster`, 'leave it out');
  }
  return id;
}

/** Every step that frames on a path may take needs a link; clusters that are not known (0) have told their problem. */
export function checkSteps(
  reader: Reader,
  { paths, places }: Paths,
  links: readonly VirtualLink[],
  { names, settings }: Known,
): void {
  const clusterOf = (id: ClusterId): ClusterSettings | undefined => settings.find((each) => each.id === id);
  for (const path of paths) {
    for (const step of unlinkedSteps(path, clusterOf, links)) {
      if (step.from === 0 || step.to === 0) continue;
      const past = step.past.map((id) => names.nameOf(id)).join(', ');
      const why = past === '' ? '' : `, for frames that go past ${past}`;
      const remedy = step.isHalf
        ? 'replies go back by the same clusters: give a link between them the direction "both", or add one for the way back'
        : 'add both to the members of a link that is not "control", as ends that its kind joins';
      reader.problem(places.get(path.id), `path ${path.name}: ${lackOf(step, (id) => names.nameOf(id))}${why}`, remedy);
    }
  }
}

/**
 * Of a path's clusters and its flow's type the far end must be able to tell where frames leave; and where its networks
 * belong to bridge domains, to which one.
 */
export function checkPaths(
  reader: Reader,
  { paths, places, names }: Paths,
  policies: readonly FlowPolicy[],
  networks: readonly ExternalNetwork[],
): void {
  const bridgeOf = (id: number): number => networks.find((network) => network.id === id)?.bridge ?? 0;
  // Between layer-3 networks the destination address tells.
  const isRouted = (id: number): boolean => networks.find((network) => network.id === id)?.router !== undefined;
  for (const path of paths) {
    if (new Set(path.from.map(bridgeOf)).size < 2) continue;
    reader.problem(
      places.get(path.id),
      `path ${path.name} begins in networks of different bridge domains`,
      'write one path for each domain',
    );
  }
  for (const type of new Set(policies.map(({ typeName }) => typeName))) {
    const named = new Set(policies.filter((policy) => policy.typeName === type).flatMap((policy) => policy.paths));
    const exits = new Map<string, FlowPath>();
    for (const path of paths) {
      if (!named.has(path.name)) continue;
      const clusters = path.clusters.join();
      const other = exits.get(clusters);
      exits.set(clusters, other ?? path);
      if (other === undefined || other.to === path.to || (isRouted(other.to) && isRouted(path.to))) continue;
      reader.problem(
        places.get(path.id),
        `paths ${names.nameOf(other.id)} and ${path.name} of type ${type} lead through the same clusters to different networks`,
        'give them policies of different types: the far end tells them apart by that',
      );
    }
  }
}

const POLICY = ['name', 'type', 'flowType', 'match', 'paths', 'criteria', 'replicateTo'] as const;

/** Reads `policies`: a list in order; the first that matches a new flow gives its type and path ([0059], [0060]). */
export function readPolicies(reader: Reader, section: Value, paths: Paths, networks: Names): FlowPolicy[] {
  const types = new Names(reader, 'flow type');
  const policies = reader.items(section).map((item, index): FlowPolicy => {
    const members = reader.members(item, 'a policy', POLICY);
    const typeName = reader.text(members.type ?? item, 'policy: type');
    const known = types.find(typeName);
    const flowType = reader.integer(
      members.flowType,
      `policy ${typeName}: flowType`,
      [1, 65_535],
      known ?? types.nextFree(),
    );
    if (known === undefined) types.define(typeName, flowType, members.flowType ?? members.type);
    for (const path of reader.items(members.paths)) paths.names.id(path, `policy ${typeName}: paths`);
    const names = reader.items(members.paths).map((path) => reader.text(path, `policy ${typeName}: a path`));
    if (names.length === 0) reader.problem(members.paths ?? item, `policy ${typeName} names no path`, 'list its paths');
    if (!reader.isAbsent(members.replicateTo)) checkReplica(reader, members.replicateTo, typeName, names, paths);
    return {
      id: index + 1,
      name: reader.text(members.name, `policy ${typeName}: name`, typeName),
      flowType,
      typeName,
      match: readMatch(reader, members.match, networks),
      paths: names,
      criteria: reader.choice(
        members.criteria,
        `policy ${typeName}: criteria`,
        ['static', 'least-loaded', 'fastest'],
        'static',
      ),
      ...(reader.isAbsent(members.replicateTo)
        ? {}
        : { replicateTo: reader.text(members.replicateTo, `policy ${typeName}: replicateTo`) }),
    };
  });
  const last = policies.at(-1);
  if (last === undefined) {
    reader.problem(section ?? reader.root, 'a grid needs policies', 'add a "policies" list');
  } else if (Object.keys(last.match).length > 0) {
    const at = reader.items(section).at(-1);
    reader.problem(
      at,
      `the last policy, ${last.name}, does not match every flow`,
      'end the list with one without "match"',
    );
  }
  return policies;
}

/** A clone begins at its original's INODE: each path of the policy must begin at one end of the replica's. */
function checkReplica(
  reader: Reader,
  at: Value,
  type: string,
  names: readonly string[],
  { names: ids, paths }: Paths,
): void {
  const id = ids.id(at, `policy ${type}: replicateTo`);
  const replica = paths.find((path) => path.id === id);
  if (replica === undefined) return;
  const ends = [replica.clusters[0], replica.clusters.at(-1)];
  for (const path of paths) {
    if (!names.includes(path.name) || ends.includes(path.clusters[0])) continue;
    const what = `policy ${type}: flows on path ${path.name} begin at neither end of ${replica.name}, and cannot be replicated to it`;
    reader.problem(
      at,
      what,
      'name a path that begins or ends at the same INODE cluster, or give those flows another type',
    );
  }
}
