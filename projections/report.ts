import { nodeRef, type NodeRef } from '../domain/base/ids';
import { nodesOf } from '../domain/cluster/state';
import type { GridState } from '../domain/grid-state';
import { isMember } from '../domain/node/state';
import type { FailurePolicy, SelectorKind } from '../domain/topology/topology';
import type { CutoverReport } from './cutovers';
import { flowsByNode, type Failure } from './failures';
import { livesAt, type Flood, type FlowRecord } from './flows';
import { Names } from './names';
import { percentile, type StatisticsProjection, type Sums } from './statistics';
import type { CheckerFigures, Verdicts } from './verdicts';

/** The report of a run (docs/reference/report.md): field names are a contract that scripts depend on. */
export interface Report {
  readonly grid: string;
  readonly source: string;
  readonly seed: number;
  readonly elapsedMs: number;
  readonly frames: FramesReport;
  /** What recorders found; absent when nothing was compared. */
  readonly replication?: ReplicationReport;
  readonly flows: FlowsReport;
  readonly flood: FloodReport;
  readonly clusters: readonly ClusterReport[];
  readonly failures: readonly FailureReport[];
  /** Of resilient links; absent when there was none. */
  readonly cutovers?: readonly CutoverReport[];
  readonly topology: {
    readonly version: number;
    readonly wireId: number;
    readonly published: number;
    readonly retired: number;
  };
  readonly invariants: Verdicts;
  readonly kernels: 'wasm' | 'ts';
  readonly log: { readonly seq: number; readonly bytes: number; readonly head: string };
}

export interface FramesReport {
  readonly in: number;
  readonly out: number;
  readonly consumed: number;
  readonly dropped: { readonly [reason: string]: number };
  /** Copies that backups processed and let go. */
  readonly shadow: number;
  /** Copies made for replicas. */
  readonly replica: number;
  /** Made by nodes: fragments, answers, and what functions sent of their own. */
  readonly created: number;
  /** Copies of broadcast and multicast frames for further networks of their bridge domain. */
  readonly bridged: number;
  /** Left with other bytes than they entered with, for a reason that is known; and the flows that they were of. */
  readonly altered: number;
  readonly alteredFlows: number;
  /** What narrow links led to. */
  readonly mtu: MtuReport;
}

/** Packets and SYNs that met a link narrower than the networks (docs/explanation/mtu.md). */
export interface MtuReport {
  /** Packets of which the sender was told that they are too big. */
  readonly answered: number;
  /** IPv4 packets that were cut. */
  readonly fragmented: number;
  /** SYNs whose segment size was lowered. */
  readonly clamped: number;
}

export interface ReplicationReport {
  /** Frames of originals that were compared with their replicas', and how many differed or had none. */
  readonly compared: number;
  readonly differing: number;
}

export interface FlowsReport {
  readonly started: number;
  readonly ended: number;
  readonly active: number;
  /** Times that a backup had missed frames of a flow and got its state anew. */
  readonly resynchronised: number;
  /** Flows started, by the name of their type. */
  readonly byType: { readonly [type: string]: number };
}

/** What was carried without being remembered (flood guard). */
export interface FloodReport {
  /** Frames that entered without a flow entry. */
  readonly frames: number;
  /** Frames of remembered flows that some node carried on without room for an entry. */
  readonly untracked: number;
  /** Times that a node stopped writing entries for new flows. */
  readonly began: number;
}

export interface ClusterReport {
  readonly id: number;
  readonly name: string;
  readonly policy: FailurePolicy;
  readonly selector: SelectorKind;
  readonly nodes: readonly NodeReport[];
  /** The most used member's flows over the mean of the members; 1 = even, 0 = no flows. */
  readonly imbalance: number;
}

export interface NodeReport {
  readonly id: number;
  readonly name: string;
  readonly state: string;
  /** Flows that it handled as primary at any time. */
  readonly flows: number;
  readonly frames: number;
  readonly bytes: number;
  /** From the entry into the grid until the frame left this node; upper bounds of power-of-two buckets. */
  readonly latencyUs: { readonly p50: number; readonly p99: number };
}

export interface FailureReport {
  readonly node: string;
  /** Frames of the source that had been fed in; −1 when unknown. */
  readonly atFrame: number;
  /** −1 while undetected. */
  readonly detectedMs: number;
  /** Grid time until the first neighbour noticed and the flows went on (−1: none did), and how many neighbours did. */
  readonly noticedMs: number;
  readonly noticedBy: number;
  readonly flowsOnNode: number;
  readonly takenOver: number;
  readonly rerouted: number;
  readonly discarded: number;
  /** Frames that were on their way to the node and that nobody emitted. */
  readonly framesLost: number;
  /** Frames that left the grid twice, in the whole run. */
  readonly framesDuplicated: number;
}

/** What a report is made from. */
export interface ReportInputs {
  /** The capture's file name, or what else was fed in. */
  readonly source: string;
  readonly seed: number;
  readonly elapsedMs: number;
  readonly state: GridState;
  readonly flows: readonly FlowRecord[];
  readonly floods: readonly Flood[];
  readonly statistics: StatisticsProjection;
  readonly failures: readonly Failure[];
  readonly verdicts: Verdicts;
  readonly figures: CheckerFigures;
  readonly cutovers?: readonly CutoverReport[];
  /** Topologies published and retired, counted over the whole log. */
  readonly topologies: { readonly published: number; readonly retired: number };
  readonly kernels: 'wasm' | 'ts';
  readonly log: Report['log'];
}

/** Puts a report together. */
export function buildReport(inputs: ReportInputs): Report {
  const { source, seed, elapsedMs, state, flows, statistics, failures, figures } = inputs;
  const names = namesOf(state);
  const sums = statistics.grid();
  return {
    grid: state.grid?.name ?? '',
    source,
    seed,
    elapsedMs,
    frames: {
      in: figures.entered,
      out: figures.left,
      consumed: sums.consumed,
      dropped: sorted(sums.dropped),
      shadow: sums.suppressed,
      replica: sums.replicated,
      created: sums.created,
      bridged: sums.bridged,
      altered: figures.altered,
      alteredFlows: figures.alteredFlows,
      mtu: { answered: sums.tooBigAnswered, fragmented: sums.fragmented, clamped: sums.mssClamped },
    },
    ...replicationReport(sums.counted),
    flows: flowsReport(flows, names, sums.resynchronised),
    flood: { frames: sums.flooded, untracked: sums.untracked, began: inputs.floods.length },
    clusters: clusterReports(state, flows, statistics),
    failures: failures.map((failure) => failureReport(failure, figures, names)),
    ...(inputs.cutovers === undefined || inputs.cutovers.length === 0 ? {} : { cutovers: inputs.cutovers }),
    topology: { version: state.topology.version, wireId: state.topology.latest?.wireId ?? 0, ...inputs.topologies },
    invariants: inputs.verdicts,
    kernels: inputs.kernels,
    log: inputs.log,
  };
}

function replicationReport(counted: Sums['counted']): Pick<Report, 'replication'> {
  const { compared = 0, differing = 0 } = counted;
  return compared + differing === 0 ? {} : { replication: { compared, differing } };
}

function namesOf(state: GridState): Names {
  const names = new Names();
  names.learn({
    clusters: Object.values(state.clusters).map((cluster) => cluster.settings),
    policies: Object.values(state.policies),
  });
  return names;
}

function flowsReport(flows: readonly FlowRecord[], names: Names, resynchronised: number): FlowsReport {
  const byType: { [type: string]: number } = {};
  let [started, ended, active] = [0, 0, 0];
  for (const record of flows) {
    if (record.started === undefined) continue;
    started++;
    if (record.ended !== undefined) ended++;
    if (livesAt(record, Infinity)) active++;
    const type = names.type(record.started.flowType);
    byType[type] = (byType[type] ?? 0) + 1;
  }
  return { started, ended, active, resynchronised, byType: sorted(byType) };
}

function clusterReports(
  state: GridState,
  flows: readonly FlowRecord[],
  statistics: StatisticsProjection,
): ClusterReport[] {
  const used = flowsByNode(flows);
  return Object.values(state.clusters)
    .filter((cluster) => cluster.settings.role !== 'mnode')
    .map((cluster) => {
      const { id, name, failure, selector } = cluster.settings;
      const nodes = nodesOf(cluster).filter((node) => node.status !== 'admitted' && node.status !== 'discovered');
      const members = nodes.filter(isMember).map((node) => used.get(nodeRef(id, node.node)) ?? 0);
      return {
        id,
        name,
        policy: failure,
        selector,
        nodes: nodes.map((node) =>
          nodeReport(nodeRef(id, node.node), `${name}-${node.node}`, node.status, used, statistics),
        ),
        imbalance: imbalanceOf(members),
      };
    });
}

function nodeReport(
  ref: NodeRef,
  name: string,
  state: string,
  used: ReadonlyMap<NodeRef, number>,
  statistics: StatisticsProjection,
): NodeReport {
  const { frames, bytes, latencyBuckets } = statistics.node(ref);
  const latencyUs = { p50: percentile(latencyBuckets, 0.5), p99: percentile(latencyBuckets, 0.99) };
  return { id: ref & 0x7f, name, state, flows: used.get(ref) ?? 0, frames, bytes, latencyUs };
}

function failureReport(failure: Failure, figures: CheckerFigures, names: Names): FailureReport {
  const { node, at: _at, detectedMs, noticedMs = -1, noticedBy = 0, ...counts } = failure;
  return {
    ...counts,
    node: names.node(node),
    detectedMs: Math.round(detectedMs * 1_000) / 1_000,
    noticedMs: Math.round(noticedMs * 1_000) / 1_000,
    noticedBy,
    framesLost: figures.tolls.get(node)?.lost ?? 0,
    framesDuplicated: figures.duplicates,
  };
}

function imbalanceOf(flows: readonly number[]): number {
  const total = flows.reduce((sum, n) => sum + n, 0);
  return total === 0 ? 0 : Math.round((1_000 * Math.max(...flows) * flows.length) / total) / 1_000;
}

function sorted(counts: { readonly [name: string]: number }): { [name: string]: number } {
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}
