import type { Obituary } from '../../../dataplane/select/liveness';
import { emitterFor, hashedNode, successorOf } from '../../../dataplane/select/route';
import { RendezvousTables, TopologyView } from '../../../dataplane/select/topology-view';
import { clusterOf, type FlowId, type Micros, type NodeRef, type Seq, type WireId } from '../../../domain/base/ids';
import type { TopologyEvent } from '../../../domain/events';
import type { Commit } from '../../../domain/log/commit';
import { applyChanges } from '../../../domain/topology/changes';
import type { Topology } from '../../../domain/topology/topology';
import { effectOf, routeAt, type FlowRecord } from '../../../projections';
import type { Deaths } from './deaths';

/** What production code selects in one cluster, given the topology and who is dead. */
export interface Recomputed {
  readonly cluster: number;
  /** 0: nobody. */
  readonly emitter: NodeRef;
  /** Who shadows the node that the log says handles the flow; 0: nobody. */
  readonly shadow: NodeRef;
  /** Whether the choice follows from the flow ID; other selectors' choices are taken from the log. */
  readonly isHashed: boolean;
}

/** Runs the production selection for flows as of any time, from what a log tells. */
export class Recomputation {
  /** By commit and wire ID. */
  private readonly views = new Map<string, TopologyView | undefined>();
  private readonly tables = new RendezvousTables();

  constructor(
    private readonly commits: readonly Commit<TopologyEvent>[],
    private readonly deaths: Deaths,
  ) {}

  /**
   * What is selected for a flow at a time: under the topology that it started under, with the deaths that the log knows
   * of by then, and, where the selector keeps state of its own, from the choice that the log holds. One for each stop of
   * the flow's route; undefined when the log does not hold the flow's topology.
   */
  of(record: FlowRecord, at: Micros): readonly Recomputed[] | undefined {
    const { started } = record;
    const view = started === undefined ? undefined : this.viewOf(started.topologySeq, started.wireId);
    if (started === undefined || view === undefined) return undefined;
    const now = this.deaths.obituaryAt(at);
    const inForce = routeAt(record, at);
    return routeAt(record, started.at - 1).map((stop, i): Recomputed => {
      const cluster = clusterOf(stop.node);
      const { selector, congestion } = view.cluster(cluster);
      // Whoever was congested then was left out, and only the log knows who was.
      const isHashed = i > 0 && selector === 'hash' && congestion === undefined;
      const chosen = isHashed ? this.hashed(view, record.flow, stop.node, started.at) : stop.node;
      const emitter = emitterFor(view, cluster, chosen, record.flow, now);
      const handles = inForce[i]?.node ?? emitter;
      return { cluster, emitter, shadow: shadowOf(view, record, handles, at, now), isHashed };
    });
  }

  /** The node that the hash chose; between a death and its report, the log's choice tells whether it was known. */
  private hashed(view: TopologyView, flow: FlowId, logged: NodeRef, at: Micros): NodeRef {
    const cluster = clusterOf(logged);
    const suspecting = hashedNode(view, cluster, flow, this.deaths.suspectedAt(at));
    return suspecting === logged ? suspecting : hashedNode(view, cluster, flow, this.deaths.obituaryAt(at));
  }

  private viewOf(upTo: Seq, wireId: WireId): TopologyView | undefined {
    const key = `${upTo}/${wireId}`;
    if (!this.views.has(key)) {
      const found = topologyOf(this.commits, upTo, wireId);
      const published = found && { topology: found.topology, seq: found.seq, hash: '', dead: [] };
      this.views.set(key, published && new TopologyView(published, this.tables));
    }
    return this.views.get(key);
  }
}

/** The backup in force: the next member in the flow's order that is neither dead nor replaced in this flow. */
function shadowOf(view: TopologyView, record: FlowRecord, emitter: NodeRef, at: Micros, dead: Obituary): NodeRef {
  if (emitter === 0 || view.cluster(clusterOf(emitter)).failure !== 'backup') return 0;
  const replaced = replacedIn(record, at);
  let candidate: NodeRef = emitter;
  for (let step = 0; step <= replaced.size; step++) {
    candidate = successorOf(view, candidate, record.flow as FlowId, dead);
    if (candidate === 0 || candidate === emitter) return 0;
    if (!replaced.has(candidate)) return candidate;
  }
  return 0;
}

/** Nodes that handled the flow and do so no more: they are fenced. */
function replacedIn(record: FlowRecord, at: Micros): ReadonlySet<NodeRef> {
  const replaced = new Set<NodeRef>();
  for (const { event } of record.changes) if ('from' in event && effectOf(event) <= at) replaced.add(event.from);
  return replaced;
}

function topologyOf(
  commits: readonly Commit<TopologyEvent>[],
  upTo: Seq,
  wireId: number,
): { readonly topology: Topology; readonly seq: Seq } | undefined {
  let latest: Topology | null = null;
  let found: { readonly topology: Topology; readonly seq: Seq } | undefined;
  for (const { seq, events } of commits) {
    if (seq > upTo) break;
    for (const event of events) {
      if (event.type !== 'TopologyPublished') continue;
      latest = applyChanges(latest, event.data.changes, event.data.version, event.data.wireId);
      if (event.data.wireId === wireId) found = { topology: latest, seq };
    }
  }
  return found;
}
