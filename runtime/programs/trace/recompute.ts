import { besidesOf } from '../../../dataplane/select/copies';
import type { Obituary } from '../../../dataplane/select/liveness';
import { emitterFor, hashedNode, successorOf } from '../../../dataplane/select/route';
import { RendezvousTables, TopologyView } from '../../../dataplane/select/topology-view';
import {
  clusterOf,
  type ClusterId,
  type FlowId,
  type Micros,
  type NodeRef,
  type Seq,
  type WireId,
} from '../../../domain/base/ids';
import type { TopologyEvent } from '../../../domain/events';
import { changesPath, type FlowRerouted } from '../../../domain/flow/events';
import type { Commit } from '../../../domain/log/commit';
import { applyChanges } from '../../../domain/topology/changes';
import type { Topology } from '../../../domain/topology/topology';
import {
  bindingOf,
  clusterOfStop,
  effectOf,
  originOf,
  pinnedAt,
  routeAt,
  type FlowRecord,
  type Stop,
} from '../../../projections';
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
  /** Whether a switch of the cluster's mode put its node in line, so that only the selection tells its backup. */
  readonly isVisited: boolean;
}

/** A topology, and when it came. */
interface Publication {
  readonly seq: Seq;
  readonly at: Micros;
  readonly topology: Topology;
}

/** Runs the production selection for flows as of any time, from what a log tells. */
export class Recomputation {
  private readonly publications: readonly Publication[];
  private readonly views = new Map<Publication, TopologyView>();
  private readonly tables = new RendezvousTables();

  constructor(
    commits: readonly Commit<TopologyEvent>[],
    private readonly deaths: Deaths,
  ) {
    this.publications = publicationsIn(commits);
  }

  /**
   * What is selected for a flow at a time: under the topology that it started under, with the deaths that the log knows
   * of by then, and, where the selector keeps state of its own, from the choice that the log holds. One for each stop of
   * the flow's route; undefined when the log does not hold the flow's topology.
   */
  of(record: FlowRecord, at: Micros): readonly Recomputed[] | undefined {
    const started = originOf(record);
    const view = started === undefined ? undefined : this.viewOf(started.topologySeq, started.wireId);
    if (started === undefined || view === undefined) return undefined;
    const now = this.asOf(at, this.deaths.obituaryAt(at));
    const pinned = pinnedAt(record, at);
    const present = this.viewOf(pinned.seq, pinned.wireId) ?? view;
    const begun = routeAt(record, started.at - 1);
    return routeAt(record, at).map((inForce): Recomputed => {
      const cluster = clusterOfStop(inForce);
      const visit = visitSince(record, cluster, at);
      const place = visit !== undefined ? -1 : begun.findIndex(({ node }) => clusterOf(node) === cluster);
      // Where a function has sent the flow besides, only the log knows whom it chose.
      const stop = begun[place] ?? (visit === undefined ? inForce : { node: visit.to });
      // A cluster that its mode put in line is visited under the topology that had it so.
      const under = (visit === undefined ? undefined : this.publishedBy(visit.topologySeq)) ?? view;
      const { selector, congestion } = under.cluster(cluster);
      // Whoever was congested then was left out, and only the log knows who was.
      // A clone goes where its original goes, in clusters that both visit, and a secondary flow where its primary does.
      const isOwnChoice = record.cloned === undefined && bindingOf(record) === undefined;
      const isHashed = place > 0 && selector === 'hash' && congestion === undefined && isOwnChoice;
      const beside = isHashed
        ? besidesOf(
            view,
            begun.map(({ node }) => node),
            place,
          )
        : [];
      const chosen = isHashed ? this.hashed(view, record.flow, stop.node, started.at, beside) : stop.node;
      const gotCopies = this.gotCopies(record, inForce, cluster);
      const emitter =
        gotCopies && inForce.node !== 0
          ? copyTaker(under, chosen, record.flow, now)
          : emitterFor(under, cluster, chosen, record.flow, now);
      const isCopy = present.cluster(cluster).mode === 'copy';
      const shadow = isCopy ? 0 : shadowOf(under, record, inForce.node, visit, at, now);
      const isVisited = (visit !== undefined && inForce.because?.event === visit) || (gotCopies && !isCopy);
      return { cluster, emitter, shadow, isHashed, isVisited };
    });
  }

  /** Whether the flow's node in a cluster came to its place while that got copies only. */
  private gotCopies(record: FlowRecord, { because }: Stop, cluster: ClusterId): boolean {
    const since = because === undefined ? (originOf(record)?.at ?? 0) : effectOf(because.event);
    return [since, since - 1].some((at) => {
      const pinned = pinnedAt(record, at);
      const view = this.viewOf(pinned.seq, pinned.wireId);
      return view?.hasCluster(cluster) === true && view.cluster(cluster).mode === 'copy';
    });
  }

  /** The node that the hash chose; between a death and its report, the log's choice tells whether it was known. */
  private hashed(
    view: TopologyView,
    flow: FlowId,
    logged: NodeRef,
    at: Micros,
    [before, after]: readonly NodeRef[],
  ): NodeRef {
    const cluster = clusterOf(logged);
    const suspecting = hashedNode(view, cluster, flow, this.asOf(at, this.deaths.suspectedAt(at)), before, after);
    if (suspecting === logged) return suspecting;
    return hashedNode(view, cluster, flow, this.asOf(at, this.deaths.obituaryAt(at)), before, after);
  }

  /** The dead at a time, and who had left the grid by then: no flow falls to them either. */
  private asOf(at: Micros, dead: Obituary): Obituary {
    const latest = this.publications.findLast((each) => each.at <= at);
    if (latest !== undefined) dead.follow(this.view(latest));
    return dead;
  }

  /** The topology that had a wire ID as of a commit. */
  private viewOf(upTo: Seq, wireId: WireId): TopologyView | undefined {
    const found = this.publications.findLast(({ seq, topology }) => seq <= upTo && topology.wireId === wireId);
    return found && this.view(found);
  }

  private publishedBy(commit: Seq): TopologyView | undefined {
    const found = this.publications.find(({ seq }) => seq === commit);
    return found && this.view(found);
  }

  private view(publication: Publication): TopologyView {
    let view = this.views.get(publication);
    if (view === undefined) {
      const { topology, seq } = publication;
      view = new TopologyView({ topology, seq, hash: '', dead: [] }, this.tables);
      this.views.set(publication, view);
    }
    return view;
  }
}

/** How the flow came to a cluster whose mode put it in line after the flow began; undefined where none did. */
function visitSince({ changes }: FlowRecord, cluster: ClusterId, at: Micros): FlowRerouted | undefined {
  let visit: FlowRerouted | undefined;
  for (const { event } of changes) {
    if (event.type !== 'FlowRerouted' || event.reason !== 'mode' || effectOf(event) > at) continue;
    if (event.to !== 0 && clusterOf(event.to) === cluster) visit = event;
  }
  return visit;
}

/** Who gets the copies that were to go to a node: whatever their cluster's policy, the next one in the flow's order. */
function copyTaker(view: TopologyView, chosen: NodeRef, flow: FlowId, dead: Obituary): NodeRef {
  return dead.isDeadIn(view, chosen) ? successorOf(view, chosen, flow, dead) : chosen;
}

/** The backup in force: the next member in the flow's order that is neither dead nor replaced in this flow. */
function shadowOf(
  view: TopologyView,
  record: FlowRecord,
  emitter: NodeRef,
  visit: FlowRerouted | undefined,
  at: Micros,
  dead: Obituary,
): NodeRef {
  if (emitter === 0 || view.cluster(clusterOf(emitter)).failure !== 'backup') return 0;
  // A flow that comes to a cluster anew has nobody fenced there.
  const replaced = replacedIn(record, visit === undefined ? -Infinity : effectOf(visit), at);
  let candidate: NodeRef = emitter;
  for (let step = 0; step <= replaced.size; step++) {
    candidate = successorOf(view, candidate, record.flow as FlowId, dead);
    if (candidate === 0 || candidate === emitter) return 0;
    if (!replaced.has(candidate)) return candidate;
  }
  return 0;
}

/** Nodes that handled the flow from `since` on and do so no more: they are fenced. */
function replacedIn(record: FlowRecord, since: Micros, at: Micros): ReadonlySet<NodeRef> {
  const replaced = new Set<NodeRef>();
  for (const { event } of record.changes) {
    if (!('from' in event) || effectOf(event) < since || effectOf(event) > at) continue;
    // Who has the flow visit others stays where it is, and nobody is fenced because of a mode.
    const stays = event.type === 'FlowRerouted' && (event.reason === 'mode' || (changesPath(event) && event.to !== 0));
    if (!stays) replaced.add(event.from);
  }
  return replaced;
}

/** Every topology in the log, oldest first. */
function publicationsIn(commits: readonly Commit<TopologyEvent>[]): Publication[] {
  let latest: Topology | null = null;
  const publications: Publication[] = [];
  for (const { seq, at, events } of commits) {
    for (const event of events) {
      if (event.type !== 'TopologyPublished') continue;
      latest = applyChanges(latest, event.data.changes, event.data.version, event.data.wireId);
      publications.push({ seq, at: at * 1_000, topology: latest });
    }
  }
  return publications;
}
