import { initialTransition, transition, type SnapshotFrom } from 'xstate';
import { clusterOf, nodeOf, nodeRef, type ClusterId, type Millis, type NodeRef, type Seq } from '../domain/base/ids';
import { conditionOf, isMissing, nodesOf, type ClusterState } from '../domain/cluster/state';
import type { TopologyEvent } from '../domain/events';
import type { GridState } from '../domain/grid-state';
import type { Commit } from '../domain/log/commit';
import { isNodeLife } from '../domain/node/evolve';
import { isMember, type NodeState } from '../domain/node/state';
import { clusterMachine, DEGRADED_ALERT_MS, type ClusterActorEvent } from './cluster-machine';
import type { CommittedFor } from './events';
import { gridMachine, SLOW_PUBLICATION_MS, type GridActorEvent } from './grid-machine';
import { nodeMachine, type NodeActorEvent } from './node-machine';

/** `grid`, `cluster/4`, `node/4/2`. */
export type ActorId = string;

/** What a machine asks for, by name; the control plane turns it into a command or an alert. */
export interface ActorEffect {
  readonly actor: ActorId;
  readonly action: 'failNode' | 'forceDrained' | 'alertDegraded' | 'alertEmpty' | 'alertSlowPublication';
  /** The commit whose deadline led to it. */
  readonly cause: Seq;
  /** The node it is about; 0 for clusters and the grid. */
  readonly node: NodeRef;
  readonly cluster: ClusterId;
}

type NodeSnapshot = SnapshotFrom<typeof nodeMachine>;
type ClusterSnapshot = SnapshotFrom<typeof clusterMachine>;
type GridSnapshot = SnapshotFrom<typeof gridMachine>;

/**
 * All machines of a grid. Live and replay are one: commits are folded by the pure `transition()`, which runs nothing;
 * what the machines ask for is returned and, on replay, dropped by the caller. Machines are a function of the log and
 * can also be set up from a folded state ({@link ActorRuntime.restore}), because every one agrees with `evolve`.
 */
export class ActorRuntime {
  private readonly nodes = new Map<NodeRef, NodeSnapshot>();
  private readonly clusters = new Map<ClusterId, ClusterSnapshot>();
  private grid: GridSnapshot = initialTransition(gridMachine)[0];

  /**
   * @param onDeadline told each actor's deadline whenever it may have changed; 0 = none.
   */
  constructor(private readonly onDeadline: (actor: ActorId, dueAt: Millis) => void) {}

  /** Sets the machines up as they are after the commits folded into `state`; volatile parts start anew. */
  restore(state: GridState): void {
    this.nodes.clear();
    this.clusters.clear();
    for (const cluster of Object.values(state.clusters)) this.restoreCluster(cluster, state);
    this.grid = restoredGrid(state);
    this.onDeadline('grid', this.grid.context.dueAt);
  }

  /** Folds one commit and returns what the machines ask for. */
  fold(commit: Commit<TopologyEvent>): ActorEffect[] {
    const effects: ActorEffect[] = [];
    for (const event of commit.events) this.foldEvent({ ...event, seq: commit.seq, at: commit.at }, effects);
    return effects;
  }

  /** An actor's deadline was reached. */
  deadline(actor: ActorId, at: Millis): ActorEffect[] {
    const effects: ActorEffect[] = [];
    const [kind, cluster, node] = actor.split('/');
    if (kind === 'grid') this.toGrid({ type: 'Deadline', at }, effects);
    else if (kind === 'cluster') this.toCluster(Number(cluster), { type: 'Deadline', at }, effects);
    else this.toNode(nodeRef(Number(cluster), Number(node)), { type: 'Deadline', at }, effects);
    return effects;
  }

  /** Machine states by actor, for comparison with the folded state. */
  states(): ReadonlyMap<ActorId, { readonly value: string; readonly dueAt: Millis }> {
    const states = new Map<ActorId, { readonly value: string; readonly dueAt: Millis }>();
    for (const [ref, { value, context }] of this.nodes) states.set(nodeActor(ref), { value, dueAt: context.dueAt });
    for (const [id, { value, context }] of this.clusters) states.set(`cluster/${id}`, { value, dueAt: context.dueAt });
    states.set('grid', { value: this.grid.value, dueAt: this.grid.context.dueAt });
    return states;
  }

  private foldEvent(event: CommittedFor<TopologyEvent>, effects: ActorEffect[]): void {
    if (isNodeLife(event)) {
      const ref = nodeRef(event.data.cluster, event.data.node);
      this.toNode(ref, event, effects);
      this.toCluster(event.data.cluster, event, effects);
    } else if (event.type === 'ClusterDeleted') {
      this.forget(event.data.cluster);
    } else if (isTopologyLife(event)) {
      this.toGrid(event, effects);
    }
  }

  private toNode(ref: NodeRef, event: NodeActorEvent, effects: ActorEffect[]): void {
    const before = this.nodes.get(ref) ?? initialTransition(nodeMachine)[0];
    const [after, actions] = transition(nodeMachine, before, event);
    this.nodes.set(ref, after);
    const actor = nodeActor(ref);
    for (const { type } of actions) {
      if (type !== 'failNode' && type !== 'forceDrained') continue;
      effects.push({ actor, action: type, cause: before.context.dueSince, node: ref, cluster: clusterOf(ref) });
    }
    // A deadline is reached once: what it led to is on its way, and a new leader sets it again.
    if (event.type !== 'Deadline') this.onDeadline(actor, after.context.dueAt);
  }

  private toCluster(id: ClusterId, event: ClusterActorEvent, effects: ActorEffect[]): void {
    const before = this.clusters.get(id) ?? initialTransition(clusterMachine)[0];
    const [after, actions] = transition(clusterMachine, before, event);
    this.clusters.set(id, after);
    const actor = `cluster/${id}`;
    for (const { type } of actions) {
      if (type !== 'alertDegraded' && type !== 'alertEmpty') continue;
      effects.push({ actor, action: type, cause: before.context.dueSince, node: 0, cluster: id });
    }
    if (event.type !== 'Deadline') this.onDeadline(actor, after.context.dueAt);
  }

  private toGrid(event: GridActorEvent, effects: ActorEffect[]): void {
    const before = this.grid;
    const [after, actions] = transition(gridMachine, before, event);
    this.grid = after;
    for (const { type } of actions) {
      if (type !== 'alertSlowPublication') continue;
      effects.push({ actor: 'grid', action: type, cause: before.context.dueSince, node: 0, cluster: 0 });
    }
    if (event.type !== 'Deadline') this.onDeadline('grid', after.context.dueAt);
  }

  private forget(cluster: ClusterId): void {
    this.clusters.delete(cluster);
    this.onDeadline(`cluster/${cluster}`, 0);
    for (const ref of this.nodes.keys()) if (clusterOf(ref) === cluster) this.nodes.delete(ref);
  }

  private restoreCluster(cluster: ClusterState, state: GridState): void {
    const { id } = cluster.settings;
    for (const node of nodesOf(cluster)) {
      const snapshot = restoredNode(node);
      this.nodes.set(nodeRef(id, node.node), snapshot);
      this.onDeadline(nodeActor(nodeRef(id, node.node)), snapshot.context.dueAt);
    }
    const snapshot = restoredCluster(cluster, state);
    this.clusters.set(id, snapshot);
    this.onDeadline(`cluster/${id}`, snapshot.context.dueAt);
  }
}

/** `node/4/2`. */
export function nodeActor(ref: NodeRef): ActorId {
  return `node/${clusterOf(ref)}/${nodeOf(ref)}`;
}

function restoredNode(node: NodeState): NodeSnapshot {
  const hasDeadline = node.status === 'suspected' || node.status === 'draining';
  return nodeMachine.resolveState({
    value: node.status,
    context: {
      incarnation: node.incarnation,
      dueAt: hasDeadline ? node.dueAt : 0,
      dueSince: hasDeadline ? node.since : 0,
    },
  });
}

function restoredCluster(cluster: ClusterState, state: GridState): ClusterSnapshot {
  const nodes = nodesOf(cluster);
  const value = conditionOf(cluster);
  const isAlarming = value === 'degraded';
  return clusterMachine.resolveState({
    value,
    context: {
      present: nodes.filter(isMember).map((node) => node.node),
      missing: nodes.filter(isMissing).map((node) => node.node),
      dueAt: isAlarming ? state.at + DEGRADED_ALERT_MS : 0,
      dueSince: isAlarming ? state.seq : 0,
    },
  });
}

function restoredGrid(state: GridState): GridSnapshot {
  const newest = state.topology.live.at(-1);
  const isPublishing = newest !== undefined && newest.version === state.topology.version && newest.appliedAt === 0;
  return gridMachine.resolveState({
    value: isPublishing ? 'publishing' : 'settled',
    context: {
      version: state.topology.version,
      dueAt: isPublishing ? newest.publishedAt + SLOW_PUBLICATION_MS : 0,
      dueSince: isPublishing ? newest.seq : 0,
    },
  });
}

type Received = CommittedFor<TopologyEvent>;

function isTopologyLife(event: Received): event is Exclude<GridActorEvent, { type: 'Deadline' }> {
  return event.type.startsWith('Topology');
}
