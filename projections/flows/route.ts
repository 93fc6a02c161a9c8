import { clusterOf, nodeOf, type ClusterId, type Micros, type NodeRef } from '../../domain/base/ids';
import { changesPath, type FlowStarted } from '../../domain/flow/events';
import { effectOf, type FlowChange, type FlowRecord } from './record';

/** Where a flow goes through one cluster, and the change that made it so (undefined: since its start). */
export interface Stop {
  readonly node: NodeRef;
  readonly backup: NodeRef;
  readonly because?: FlowChange;
}

/** The route in force at a time: for each cluster of the path the node, its backup, and what made it so. */
export function routeAt(record: FlowRecord, at: Micros): readonly Stop[] {
  let stops: readonly Stop[] = record.route.map((node, i) => ({ node, backup: record.backups[i] ?? 0 }));
  /** Moves from nodes that the flow was not known to be at, because who took it there died and others tell of it late. */
  const early = new Map<NodeRef, Stop>();
  const seen = record.completions.filter((completion) => completion.at <= at).sort((a, b) => a.at - b.at);
  for (const change of record.changes) {
    const { event } = change;
    if (effectOf(event) > at) break;
    if (event.type !== 'FlowTakenOver' && event.type !== 'FlowRerouted') continue;
    while (seen.length > 0 && seen[0]!.at < effectOf(event)) stops = corrected(record, stops, seen.shift()!);
    if (event.type === 'FlowRerouted' && changesPath(event)) {
      stops = diverted(stops, event.from, { node: event.to, backup: 0, because: change });
      const atOnce = early.get(event.to);
      if (atOnce?.because !== undefined && effectOf(atOnce.because.event) === effectOf(event))
        stops = moved(stops, event.to, atOnce);
      continue;
    }
    const backup = event.type === 'FlowTakenOver' ? event.backup : 0;
    // It was left out in the same instant, or is visited from then on, which another node tells.
    if (isLeftOut(record, stops, change)) {
      early.set(event.from, { node: event.to, backup, because: change });
      continue;
    }
    const isKnown = stops.some(({ node }) => node === event.from);
    stops = moved(stops, event.from, { node: event.to, backup, because: change });
    if (!isKnown && !wasLeft(record, change)) early.set(event.from, { node: event.to, backup, because: change });
    for (let next = early.get(event.to); isKnown && next !== undefined; next = early.get(next.node)) {
      early.delete(nodeThat(next));
      stops = moved(stops, nodeThat(next), next);
    }
  }
  return seen.reduce((known, completion) => corrected(record, known, completion), stops);
}

/** The cluster of a stop; also where nobody has the flow any more. */
export function clusterOfStop({ node, because }: Stop): ClusterId {
  return clusterOf(node || (because !== undefined && 'from' in because.event ? because.event.from : 0));
}

/** The flow leaves out the cluster of `from`, or goes on from it to another one before the next. */
function diverted(stops: readonly Stop[], from: NodeRef, to: Stop): readonly Stop[] {
  if (to.node === 0) return stops.filter((stop) => clusterOfStop(stop) !== clusterOf(from));
  const others = stops.filter((stop) => clusterOfStop(stop) !== clusterOf(to.node));
  const place = others.findIndex((stop) => clusterOfStop(stop) === clusterOf(from));
  return others.toSpliced(place + 1, 0, to);
}

/**
 * The route as the egress saw it: where the first frames died on their way, it is the one that the next ones found, and
 * nobody else could tell. What a backup had held since before a death names the dead: the flow does not go back to a node
 * that it has left.
 */
function corrected(
  { changes }: FlowRecord,
  stops: readonly Stop[],
  { at, route, backups }: FlowStarted,
): readonly Stop[] {
  const wasLeft = (node: NodeRef): boolean =>
    changes.some(({ event }) => 'from' in event && event.from === node && effectOf(event) <= at && !staysAt(event));
  return stops.map((stop) => {
    // The egress may have seen clusters that the flow was not to visit when it began.
    const i = route.findIndex((ref) => clusterOf(ref) === clusterOf(stop.node));
    const seen = route[i] ?? 0;
    const isOther = seen !== stop.node && nodeOf(seen) !== 0 && !wasLeft(seen);
    return isOther ? { node: seen, backup: backups[i] ?? 0 } : stop;
  });
}

/** Whether the flow does not visit the cluster of a move any more, because an earlier change has it leave that out. */
function isLeftOut({ changes }: FlowRecord, stops: readonly Stop[], change: FlowChange): boolean {
  if (!('from' in change.event)) return false;
  const cluster = clusterOf(change.event.from);
  if (stops.some((stop) => clusterOfStop(stop) === cluster)) return false;
  const earlier = changes.slice(0, changes.indexOf(change));
  return earlier.some(
    ({ event }) =>
      event.type === 'FlowRerouted' && changesPath(event) && event.to === 0 && clusterOf(event.from) === cluster,
  );
}

/** Whether a flow is where it was still, and visits others besides. */
function staysAt(event: FlowChange['event']): boolean {
  return event.type === 'FlowRerouted' && changesPath(event) && event.to !== 0;
}

function moved(stops: readonly Stop[], from: NodeRef, to: Stop): readonly Stop[] {
  const at = stops.findIndex((stop) => stop.node === from);
  // Neighbours on both sides may tell of the same move: the second finds it done.
  if (at >= 0) return stops.map((stop, i) => (i === at ? to : stop));
  const isKnown = stops.some((stop) => clusterOfStop(stop) === clusterOf(from));
  return isKnown ? stops : [...stops, to];
}

/** The node that a move leads away from. */
function nodeThat({ because }: Stop): NodeRef {
  return because !== undefined && 'from' in because.event ? because.event.from : 0;
}

/** Whether an earlier change had led the flow away from there already: neighbours on both sides tell of one move. */
function wasLeft({ changes }: FlowRecord, { event }: FlowChange): boolean {
  const earlier = changes.slice(
    0,
    changes.findIndex((change) => change.event === event),
  );
  return earlier.some((change) => 'from' in change.event && 'from' in event && change.event.from === event.from);
}
