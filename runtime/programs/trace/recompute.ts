import { Obituary } from '../../../dataplane/select/liveness';
import { emitterFor, hashedNode, shadowFor } from '../../../dataplane/select/route';
import { RendezvousTables, TopologyView } from '../../../dataplane/select/topology-view';
import { clusterOf, nodeRef, type Micros, type NodeRef, type Seq } from '../../../domain/base/ids';
import type { TopologyEvent } from '../../../domain/events';
import type { Commit } from '../../../domain/log/commit';
import { applyChanges } from '../../../domain/topology/changes';
import type { Topology } from '../../../domain/topology/topology';
import { routeAt, type FlowRecord } from '../../../projections';

/** What production code selects in one cluster, given the topology and who is dead. */
export interface Recomputed {
  readonly cluster: number;
  /** 0: nobody. */
  readonly emitter: NodeRef;
  readonly shadow: NodeRef;
  /** Whether the choice follows from the flow ID; other selectors' choices are taken from the log. */
  readonly isHashed: boolean;
}

/**
 * Runs the production selection for a flow as of a time: the topology that the flow started under, the deaths that the
 * log knows of by then, and, where the selector keeps state of its own, the choice that the log holds. Undefined when
 * the log does not hold the flow's topology.
 */
export function recompute(
  record: FlowRecord,
  at: Micros,
  commits: readonly Commit<TopologyEvent>[],
): readonly Recomputed[] | undefined {
  const { started } = record;
  const found = started === undefined ? undefined : topologyOf(commits, started.topologySeq, started.wireId);
  if (started === undefined || found === undefined) return undefined;
  const published = { topology: found.topology, seq: found.seq, hash: '', dead: [] };
  const view = new TopologyView(published, new RendezvousTables());
  const before = obituaryAt(commits, started.at);
  const now = obituaryAt(commits, at);
  return routeAt(record, started.at - 1).map((stop, i): Recomputed => {
    const cluster = clusterOf(stop.node);
    const { selector, congestion } = view.cluster(cluster);
    // Whoever was congested then was left out, and only the log knows who was.
    const isHashed = i > 0 && selector === 'hash' && congestion === undefined;
    const chosen = isHashed ? hashedNode(view, cluster, record.flow, before) : stop.node;
    const emitter = emitterFor(view, cluster, chosen, record.flow, now);
    return { cluster, emitter, shadow: shadowFor(view, emitter, record.flow, now), isHashed };
  });
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

function obituaryAt(commits: readonly Commit<TopologyEvent>[], at: Micros): Obituary {
  const obituary = new Obituary();
  for (const commit of commits) {
    if (commit.at * 1_000 > at) break;
    for (const event of commit.events) {
      if (event.type !== 'NodeFailed') continue;
      const { cluster, node, incarnation } = event.data;
      obituary.record(nodeRef(cluster, node), incarnation);
    }
  }
  return obituary;
}
