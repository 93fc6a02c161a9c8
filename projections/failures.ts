import { clusterOf, nodeRef, type Micros, type NodeRef } from '../domain/base/ids';
import { changesPath } from '../domain/flow/events';
import type { Commit } from '../domain/log/commit';
import type { TopologyEvent } from '../domain/events';
import { effectOf, livesAt, routeAt, type FlowRecord } from './flows';

/** A kill as whoever did it knows it; frame numbers and the exact time are not in the log. */
export interface Kill {
  readonly node: NodeRef;
  /** Frames of the source that had been fed in. */
  readonly atFrame: number;
  readonly at: Micros;
}

/** What a failure did, by the log. */
export interface Failure {
  readonly node: NodeRef;
  /** When the node fell silent: the kill, or the last sign of life. */
  readonly at: Micros;
  /** Frames of the source that had been fed in; −1 when only the log is known. */
  readonly atFrame: number;
  /** Milliseconds from the silence until the control plane held the node failed; −1 while it has not. */
  readonly detectedMs: number;
  /** When its neighbours noticed, where somebody heard them: milliseconds until the first did, and how many. */
  readonly noticedMs?: number;
  readonly noticedBy?: number;
  /** Live flows that the node handled as primary when it fell silent. */
  readonly flowsOnNode: number;
  readonly takenOver: number;
  readonly rerouted: number;
  readonly discarded: number;
}

/** Every failure in the log, and every kill that the log does not know (yet), in the order in which they began. */
export function failuresOf(
  commits: Iterable<Commit<TopologyEvent>>,
  flows: Iterable<FlowRecord>,
  kills: readonly Kill[] = [],
): Failure[] {
  const silences = silencesOf(commits, kills);
  const records = [...flows];
  return silences
    .sort((a, b) => a.at - b.at)
    .map((silence, i, all) => {
      const next = all.slice(i + 1).find((other) => other.node === silence.node);
      return { ...silence, ...effectsOn(records, silence, next?.at ?? Infinity) };
    });
}

/** A neighbour noticed that a node had fallen silent. */
export interface Notice {
  readonly node: NodeRef;
  readonly by: NodeRef;
  readonly at: Micros;
}

/** The failures with what neighbours noticed of each, until the same node failed again. */
export function withNotices(failures: readonly Failure[], notices: readonly Notice[]): Failure[] {
  return failures.map((failure, i) => {
    const next = failures.slice(i + 1).find(({ node }) => node === failure.node)?.at ?? Infinity;
    const own = notices.filter(({ node, at }) => node === failure.node && at >= failure.at && at < next);
    if (own.length === 0) return failure;
    const first = own.reduce((earliest, { at }) => Math.min(earliest, at), Infinity);
    return {
      ...failure,
      noticedMs: (first - failure.at) / 1_000,
      noticedBy: new Set(own.map(({ by }) => by)).size,
    };
  });
}

type Silence = Pick<Failure, 'node' | 'at' | 'atFrame' | 'detectedMs'>;

function silencesOf(commits: Iterable<Commit<TopologyEvent>>, kills: readonly Kill[]): Silence[] {
  const open = [...kills];
  const silences: Silence[] = [];
  for (const commit of commits) {
    for (const event of commit.events) {
      if (event.type !== 'NodeFailed') continue;
      const { cluster, node, lastSeen, detectedAt } = event.data;
      const ref = nodeRef(cluster, node);
      const known = open.findIndex((kill) => kill.node === ref && kill.at <= 1_000 * detectedAt + 999);
      const kill = known < 0 ? undefined : open.splice(known, 1)[0];
      const at = kill?.at ?? 1_000 * lastSeen;
      const detectedMs = Math.max(0, detectedAt - at / 1_000);
      silences.push({ node: ref, at, atFrame: kill?.atFrame ?? -1, detectedMs });
    }
  }
  const unnoticed = open.map(({ node, at, atFrame }) => ({ node, at, atFrame, detectedMs: -1 }));
  return [...silences, ...unnoticed];
}

function effectsOn(
  records: readonly FlowRecord[],
  { node, at }: Silence,
  until: Micros,
): Pick<Failure, 'flowsOnNode' | 'takenOver' | 'rerouted' | 'discarded'> {
  let [flowsOnNode, takenOver, rerouted, discarded] = [0, 0, 0, 0];
  for (const record of records) {
    if (livesAt(record, at) && routeAt(record, at - 1).some((stop) => stop.node === node)) flowsOnNode++;
    const left = record.changes.find(
      ({ event }) => 'from' in event && event.from === node && effectOf(event) >= at && effectOf(event) < until,
    )?.event;
    if (left?.type === 'FlowTakenOver') takenOver++;
    else if (left?.type === 'FlowRerouted' && changesPath(left)) continue;
    else if (left?.type === 'FlowRerouted' && left.to === 0) discarded++;
    else if (left?.type === 'FlowRerouted') rerouted++;
  }
  return { flowsOnNode, takenOver, rerouted, discarded };
}

/** Flows that went through each node of a cluster at any time, as primary: how evenly it is used. */
export function flowsByNode(flows: Iterable<FlowRecord>): Map<NodeRef, number> {
  const counts = new Map<NodeRef, number>();
  for (const record of flows) {
    const met = new Set(routeAt(record, Infinity).map((stop) => stop.node));
    for (const { event } of record.changes) if ('from' in event) met.add(event.from);
    for (const node of met) if (clusterOf(node) !== 0) counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
}
