import { nodeName, nodeRef, type ClusterId, type Millis, type NodeRef } from '../../domain/base/ids';
import { carriesFlows, nodesOf, type ClusterState } from '../../domain/cluster/state';
import type { GridState } from '../../domain/grid-state';
import { isLive, type NodeState, type NodeStatus } from '../../domain/node/state';
import type { NodeStatistics } from '../../domain/node/statistics';
import { stampedTopology } from '../../domain/topology/state';
import { LinkFinder, LinkSums } from './link-sums';
import type { ClusterStream, GridStream, LinkStream, StreamHead, Streams } from './messages';
import { NodeHistory } from './node-history';
import { summaryOf, type Contribution } from './summary';
import { typeStreams } from './type-sums';

/** A node that told nothing for so long is silent: three messages in a row did not come. */
export const SILENT_MS = 3_500;

/** Names of silent nodes that one message lists, at most. */
export const SILENT_NODES_MAX = 50;

/** Who tells, and as of when. */
export interface Teller {
  readonly name: string;
  readonly now: Millis;
}

/** A node of the log, with what it told. */
interface Known extends Contribution {
  readonly node: NodeState;
  readonly ref: NodeRef;
  readonly name: string;
  readonly ageMs: number | null;
  /** It should be heard, and is not. */
  readonly silent: boolean;
}

/**
 * What a grid's nodes count, folded into one message for the grid and one for every cluster, link and flow type. Nodes'
 * readings may be lost, repeated and come late, and lives may begin anew: sums do not shrink for that, rates are never
 * negative, and what is not known is said to be missing instead of being told on as if it were.
 */
export class StatisticsStreams {
  private readonly histories = new Map<NodeRef, NodeHistory>();
  private links: LinkFinder | undefined;

  /** @param since when it begins to listen */
  constructor(private readonly since: Millis) {}

  /** A node's reading came at `now`. */
  observe(told: NodeStatistics, now: Millis): void {
    const known = this.histories.get(told.node);
    if (known === undefined) this.histories.set(told.node, new NodeHistory(told, now));
    else known.observe(told, now);
  }

  /** What can be told of the grid as the log has it; undefined before there is one. */
  streams(state: GridState, teller: Teller): Streams | undefined {
    if (state.grid === null) return undefined;
    const head: StreamHead = {
      grid: state.grid.name,
      at: teller.now,
      by: teller.name,
      epoch: state.epoch,
      since: this.since,
    };
    const clusters = Object.values(state.clusters)
      .filter(carriesFlows)
      .map((cluster) => ({
        cluster,
        known: nodesOf(cluster).map((node) => this.know(cluster, node, teller.now)),
      }));
    const known = clusters.flatMap((each) => each.known);
    return {
      grid: gridStream(head, state, known),
      clusters: clusters.map((each) => clusterStream(head, each.cluster, each.known)),
      links: this.linkStreams(head, state, known),
      types: typeStreams(head, state.topology.latest?.policies ?? [], known),
    };
  }

  private know(cluster: ClusterState, node: NodeState, now: Millis): Known {
    const ref = nodeRef(cluster.settings.id, node.node);
    const name = nodeName(cluster.settings.name, node.node);
    const history = this.histories.get(ref);
    const isThisLife = history !== undefined && history.newest.incarnation >= node.incarnation;
    const ageMs = isThisLife ? Math.max(0, now - history.heardAt) : null;
    const isHeard = ageMs !== null && ageMs <= SILENT_MS;
    return {
      node,
      ref,
      name,
      ageMs,
      silent: isLive(node) && !isHeard,
      totals: history?.totals(),
      ...(isLive(node) && isHeard && history !== undefined
        ? { present: history.newest, ...(history.growth && { growth: history.growth }) }
        : {}),
    };
  }

  private linkStreams(head: StreamHead, { clusters, topology }: GridState, known: readonly Known[]): LinkStream[] {
    const { latest } = topology;
    if (latest === null) return [];
    if (this.links?.topology !== latest) this.links = new LinkFinder(latest);
    const sums = new LinkSums(latest, this.links);
    for (const { ref, totals, present, growth } of known) {
      sums.add(ref, totals?.hops ?? [], present === undefined ? [] : (growth?.perSecond.hops ?? []));
    }
    return sums.streams(head, (id: ClusterId) => clusters[id]?.settings.name ?? `cluster ${id}`);
  }
}

function gridStream(head: StreamHead, { topology }: GridState, known: readonly Known[]): GridStream {
  const nodes: { [Status in NodeStatus]?: number } = {};
  for (const { node } of known) nodes[node.status] = (nodes[node.status] ?? 0) + 1;
  const heard = known.filter(({ present }) => present !== undefined);
  const silent = known.filter((node) => node.silent);
  return {
    ...head,
    topology: {
      version: topology.version,
      stamped: stampedTopology(topology)?.version ?? 0,
      live: topology.live.length,
    },
    nodes,
    heard: heard.length,
    oldestMs: heard.length === 0 ? null : heard.reduce((oldest, { ageMs }) => Math.max(oldest, ageMs ?? 0), 0),
    silent: silent.length,
    silentNodes: silent.slice(0, SILENT_NODES_MAX).map(({ name }) => name),
    ...summaryOf(known),
  };
}

function clusterStream(head: StreamHead, cluster: ClusterState, known: readonly Known[]): ClusterStream {
  const { name, role, mode } = cluster.settings;
  return {
    ...head,
    cluster: name,
    role,
    mode,
    nodes: known.map(({ name: node, node: { status, incarnation }, ageMs, silent }) => ({
      node,
      status,
      incarnation,
      ageMs,
      silent,
    })),
    ...summaryOf(known),
  };
}
