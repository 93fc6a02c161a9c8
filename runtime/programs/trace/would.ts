import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../../dataplane/headers/numbers';
import { Routing } from '../../../dataplane/layer3/routing';
import type { Obituary } from '../../../dataplane/select/liveness';
import { clusterOf, type Micros, type NodeRef, type Seq } from '../../../domain/base/ids';
import type { TopologyEvent } from '../../../domain/events';
import type { Commit } from '../../../domain/log/commit';
import type { PublishedTopology, Topology } from '../../../domain/topology/topology';
import type { WouldEntrance, WouldStop, WouldStory } from '../../../interface/cli/would-text';
import { flowName, Names, type Because, type FlowRecord } from '../../../projections';
import { isKnowable, prospectsOf, type Prospect } from './prospect';

/** A connection that has not begun, and what it is supposed to begin under. */
export interface Supposition {
  readonly key: string;
  readonly frame: Uint8Array;
  /** The external network that it enters at; undefined: every one that would take it. */
  readonly network: number | undefined;
  readonly published: PublishedTopology;
  readonly dead: Obituary;
  readonly now: Micros;
  /** The grid file that the topology comes from; undefined: it comes from the log. */
  readonly grid: string | undefined;
  /** What made a definition so, by the log. */
  readonly causesOf: (isIt: (event: TopologyEvent) => boolean) => readonly Because[];
}

/** Where a connection would go if it began. */
export async function wouldGo(supposition: Supposition): Promise<WouldStory> {
  const { published, dead, frame, now, grid, key } = supposition;
  const { topology } = published;
  const networks = supposition.network === undefined ? entrancesOf(topology, frame) : [supposition.network];
  const prospects = await prospectsOf(published, dead, frame, networks, now);
  const taken = prospects.filter(({ record }) => record !== undefined);
  const names = new Names();
  names.learn(topology);
  return {
    would: true,
    key,
    grid: grid ?? null,
    topology: { version: topology.version, seq: published.seq },
    entrances: (taken.length > 0 ? taken : prospects).map((prospect) => entranceOf(prospect, names, supposition)),
  };
}

/** Where a connection may come from: of layer-3 networks the one to which its first frame's source is routed, if any is. */
function entrancesOf(topology: Topology, frame: Uint8Array): number[] {
  const routing = new Routing(topology);
  const etherType = (frame[12]! << 8) | frame[13]!;
  let home = 0;
  if (etherType === ETHERTYPE_IPV4) home = routing.networkFor(4, frame, 26);
  else if (etherType === ETHERTYPE_IPV6) home = routing.networkFor(6, frame, 22);
  const mayBe = topology.networks.filter(({ id }) => routing.port(id) === undefined || home === 0 || id === home);
  return mayBe.map(({ id }) => id);
}

function entranceOf({ network, record, refusals }: Prospect, names: Names, supposition: Supposition): WouldEntrance {
  const common = { network: names.network(network), refused: refusals };
  const started = record?.started;
  if (record === undefined || started === undefined) {
    return { ...common, flow: null, type: '', path: '', because: [], route: [] };
  }
  const isType = (event: TopologyEvent): boolean =>
    event.type === 'PolicyDefined' && event.data.flowType === started.flowType;
  const isPath = (event: TopologyEvent): boolean => event.type === 'FlowPathDefined' && event.data.id === started.path;
  return {
    ...common,
    flow: flowName(record.flow),
    type: names.type(started.flowType),
    path: names.path(started.path),
    because: [...supposition.causesOf(isType), ...supposition.causesOf(isPath)],
    route: stopsOf(record, names, supposition.published.topology),
  };
}

function stopsOf(record: FlowRecord, names: Names, topology: Topology): WouldStop[] {
  return record.route.map((ref, i): WouldStop => {
    const cluster = topology.clusters.find(({ id }) => id === clusterOf(ref));
    const common = { cluster: names.cluster(clusterOf(ref)) };
    if (i === 0) return { ...common, node: names.node(ref), backup: null, why: 'where it enters' };
    if (!isKnowable(topology, ref)) {
      const why = `${cluster?.selector ?? 'its selector'} chooses when the flow begins, by what other flows left it`;
      return { ...common, node: null, backup: null, why };
    }
    const backup: NodeRef = record.backups[i] ?? 0;
    const why = `selected by the hash of the flow ID under topology ${topology.version}`;
    return { ...common, node: names.node(ref), backup: backup === 0 ? null : names.node(backup), why };
  });
}

/** The newest commit up to `until` that holds an event, with its causes. */
export function newestWith(
  commits: readonly Commit<TopologyEvent>[],
  until: Seq,
  isIt: (event: TopologyEvent) => boolean,
): Seq {
  return commits.findLast(({ seq, events }) => seq <= until && events.some(isIt))?.seq ?? 0;
}
