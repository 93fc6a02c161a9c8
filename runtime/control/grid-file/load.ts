import { FlowgridError } from '../../../domain/base/errors';
import type { GridSettings } from '../../../domain/grid/settings';
import { shortestIdleMs, tooShort } from '../../../domain/grid/timing';
import { DEFAULT_FLOOD, DEFAULT_TIMING, type FloodSettings, type Timing } from '../../../domain/topology/topology';
import { readClusters } from './clusters';
import type { DesiredGrid } from './desired';
import { readBridges } from './bridges';
import { readLinks } from './link-reading';
import { readCapture, readNetworks } from './networks';
import { checkDiversions, clustersAtMost, readDiversions, type Diversions } from './diversions';
import { checkPaths, checkSteps, readPaths, readPolicies, type Paths } from './paths';
import { checkSiblings } from './siblings';
import { checkRoutedPaths, checkRouting, readRoutes } from './routes';
import { readVlans } from './vlans';
import { Reader, type Problem, type Value } from './reader';

const SECTIONS = [
  'grid',
  'seed',
  'selection',
  'timing',
  'flood',
  'vlans',
  'networks',
  'bridgeDomains',
  'routes',
  'clusters',
  'links',
  'paths',
  'policies',
  'capture',
] as const;

/** Bytes of a descriptor: 42 + 2 for each cluster that the flow visits (DESIGN section 6). */
const DESCRIPTOR_BYTES = 42;

/**
 * Reads a grid file (docs/reference/grid-file.md).
 *
 * @param text the file's YAML
 * @param file its name, for messages
 * @throws FlowgridError `invalid-grid` listing every problem as `file:line:column: what (remedy)`, in order of place.
 */
export function loadGridFile(text: string, file: string): DesiredGrid {
  const { desired, problems } = inspectGridFile(text);
  if (problems.length === 0) return desired;
  const list = problems.map(({ line, column, what, remedy }) => `${file}:${line}:${column}: ${what} (${remedy})`);
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  throw new FlowgridError('invalid-grid', `${file} has ${count}:\n${list.join('\n')}`, {
    remedy: `correct ${file} and check it with: flowgrid validate ${file}`,
  });
}

/** What a grid file says, as far as it can be read, and everything that is wrong with it, in order of place. */
export function inspectGridFile(text: string): {
  readonly desired: DesiredGrid;
  readonly problems: readonly Problem[];
} {
  const reader = new Reader(text);
  const root = reader.members(reader.root, 'a grid file', SECTIONS);
  const clusters = readClusters(reader, root.clusters);
  const networks = readNetworks(reader, root.networks, clusters);
  const paths = readPaths(reader, root.paths, clusters, networks);
  const diversions = readDiversions(reader, root.clusters, clusters.names);
  checkDiversions(reader, paths, diversions);
  const vlans = readVlans(reader, root.vlans);
  const descriptor = longestDescriptor(paths, diversions);
  const links = readLinks(reader, root.links, clusters.names, networks, descriptor, vlans);
  checkSteps(reader, paths, links, clusters);
  checkSiblings(reader, root.clusters, clusters, links);
  const policies = readPolicies(reader, root.policies, paths, networks.names);
  const capture = readCapture(reader, root.capture, networks.names);
  const bridged = readBridges(reader, root.bridgeDomains, capture.bridges, networks);
  checkPaths(reader, paths, policies, bridged);
  const routes = readRoutes(reader, root.routes, networks);
  checkRouting(reader, bridged, networks.routers, routes);
  checkRoutedPaths(reader, bridged, networks.routers, routes, paths);
  const settings: GridSettings = {
    name: reader.text(root.grid ?? reader.root, 'grid'),
    seed: reader.integer(root.seed, 'seed', [0, 0xffff_ffff], 1),
    selection: reader.choice(root.selection, 'selection', ['centralized', 'distributed'], 'centralized'),
    timing: readTiming(reader, root.timing),
    ...(reader.isAbsent(root.flood) ? {} : { flood: readFlood(reader, root.flood) }),
    ...(reader.isAbsent(root.vlans) ? {} : { vlans: vlans.settings }),
    networks: bridged,
    ...(routes.routes.length === 0 ? {} : { routes: routes.routes }),
    capture: capture.entry,
  };
  checkEntry(reader, root.capture, settings, paths, policies.at(-1)?.paths ?? []);
  const { settings: clusterSettings, nodes } = clusters;
  const desired: DesiredGrid = {
    settings,
    clusters: clusterSettings,
    nodes,
    links,
    paths: paths.paths,
    policies,
    captureFile: capture.file,
  };
  const problems = [...reader.problems].sort((a, b) => a.line - b.line || a.column - b.column);
  return { desired, problems };
}

const TIMES = ['helloMs', 'tcpIdleMs', 'udpIdleMs', 'icmpIdleMs', 'otherIdleMs'] as const;
/** A day: nothing waits longer. */
const TIME_MAX_MS = 86_400_000;

function readTiming(reader: Reader, section: Value): Timing {
  const members = reader.members(section, 'timing', [...TIMES, 'detectMultiplier']);
  const times = TIMES.map((name) => [
    name,
    reader.integer(members[name], `timing: ${name}`, [1, TIME_MAX_MS], DEFAULT_TIMING[name]),
  ]);
  const multiplier = members.detectMultiplier;
  const timing = {
    ...(Object.fromEntries(times) as Omit<Timing, 'detectMultiplier'>),
    detectMultiplier: reader.integer(multiplier, 'timing: detectMultiplier', [1, 255], DEFAULT_TIMING.detectMultiplier),
  };
  const least = shortestIdleMs(timing);
  for (const name of tooShort(timing)) {
    const what = `timing: ${name} is ${timing[name]} ms, less than the ${least} ms for which backups hold frames`;
    const remedy = `write "${name}: ${least}" or more, or a shorter helloMs or detectMultiplier`;
    reader.problem(members[name] ?? multiplier ?? members.helloMs, what, remedy);
  }
  return timing;
}

/** New flows a second, and flows a node, that no machine exceeds. */
const RATE_MAX = 10_000_000;
const FLOWS_MAX = 1_000_000;

function readFlood(reader: Reader, section: Value): FloodSettings {
  const members = reader.members(section, 'flood', ['newFlowsPerSecond', 'flowsPerNode']);
  const { newFlowsPerSecond, flowsPerNode } = DEFAULT_FLOOD;
  const rate = reader.integer(members.newFlowsPerSecond, 'flood: newFlowsPerSecond', [0, RATE_MAX], newFlowsPerSecond);
  return {
    newFlowsPerSecond: rate,
    flowsPerNode: reader.integer(members.flowsPerNode, 'flood: flowsPerNode', [16, FLOWS_MAX], flowsPerNode),
  };
}

function longestDescriptor({ paths }: Paths, diversions: Diversions): number {
  return DESCRIPTOR_BYTES + 2 * Math.max(0, ...paths.map((path) => clustersAtMost(path, diversions)));
}

/** Replayed flows must find a path from where they enter. */
function checkEntry(
  reader: Reader,
  section: Value,
  settings: GridSettings,
  { paths }: Paths,
  fallback: readonly string[],
): void {
  if (settings.capture === null) return;
  for (const { initiator } of [settings.capture, ...settings.capture.rules]) {
    const network = settings.networks.find(({ id }) => id === initiator);
    if (network === undefined) continue;
    if (paths.some((path) => fallback.includes(path.name) && path.from.includes(initiator))) continue;
    const what = `flows that begin in ${network.name} find no path in the last policy`;
    reader.problem(section, what, `list a path "from: [${network.name}]" in the last policy`);
  }
}
