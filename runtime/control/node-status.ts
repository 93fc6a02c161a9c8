import {
  nodeName,
  nodeRef,
  type ClusterId,
  type Incarnation,
  type Millis,
  type NodeId,
  type NodeRef,
} from '../../domain/base/ids';
import { nodesOf, type ClusterState } from '../../domain/cluster/state';
import type { TopologyEvent } from '../../domain/events';
import type { GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import type { NodeState, NodeStatus } from '../../domain/node/state';
import type { Bus } from '../../domain/seams/bus';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { ControlPlane } from './control-plane';

/** The subject on which it is told how a node stands; adapters/bus names it for a grid. */
export interface NodeStatusSubjects {
  nodeStatus(node: string): string;
}

/** How a node stands, as it travels in JSON. */
export interface NodeStanding {
  readonly grid: string;
  /** By the teller's clock, milliseconds since 1970. */
  readonly at: Millis;
  /** Which MNODE tells it, in which leadership: of two that tell different things the one of the greater epoch knows. */
  readonly by: string;
  readonly epoch: number;
  readonly cluster: ClusterId;
  readonly node: NodeId;
  /** As people call it: `AB-2`. */
  readonly name: string;
  /** The newest life known; 0 before the first. */
  readonly incarnation: Incarnation;
  readonly status: NodeStatus;
  /** When this life got this status; null where that was before all that this MNODE has folded one by one. */
  readonly since: Millis | null;
  /** The agent that hosts it; null = none. */
  readonly agent: string | null;
}

/** How often all of them are told, changed or not: who has just begun to listen knows all after so long. */
export const NODE_STATUS_EVERY_MS = 5_000;

const encoder = new TextEncoder();

/**
 * Tells on the bus how nodes stand: the leader does, at each change and every few seconds. A standby follows what the
 * log says, so that it knows since when when it leads.
 */
export class NodeStatusTeller {
  private readonly sinces = new Map<NodeRef, Millis>();
  /** What the newest commit left; undefined before the first. */
  private clusters: GridState['clusters'] | undefined;
  private stopTimer: () => void = () => undefined;

  constructor(
    private readonly name: string,
    private readonly plane: Pick<ControlPlane, 'isLeading' | 'state'>,
    private readonly bus: Bus,
    private readonly subjects: NodeStatusSubjects,
    private readonly time: Clock & Timers,
  ) {
    this.wait();
  }

  /** A commit was folded; `state` is the one after it. */
  folded({ seq, at }: Pick<Commit<TopologyEvent>, 'seq' | 'at'>, state: GridState): void {
    // What a snapshot brought along has been so for longer: nobody knows how long.
    const before = this.clusters ?? (seq === 1 ? {} : state.clusters);
    this.clusters = state.clusters;
    for (const { cluster, node, known } of changes(before, state.clusters)) {
      const isSame = known?.status === node.status && known.incarnation === node.incarnation;
      if (isSame && known.placement.agent === node.placement.agent) continue;
      if (!isSame) this.sinces.set(nodeRef(cluster.settings.id, node.node), at);
      if (this.plane.isLeading) this.publish(state, cluster, node);
    }
  }

  /** Tells of every node, for instance because this MNODE leads now. Those that were removed are told of no more. */
  tell(): void {
    const { state } = this.plane;
    for (const cluster of Object.values(state.clusters)) {
      for (const node of nodesOf(cluster)) if (node.status !== 'removed') this.publish(state, cluster, node);
    }
  }

  close(): void {
    this.stopTimer();
  }

  private wait(): void {
    this.stopTimer = this.time.schedule(this.time.now() + NODE_STATUS_EVERY_MS, () => {
      this.wait();
      if (this.plane.isLeading) this.tell();
    });
  }

  private publish({ grid, epoch }: GridState, { settings }: ClusterState, node: NodeState): void {
    const name = nodeName(settings.name, node.node);
    const standing: NodeStanding = {
      grid: grid!.name,
      at: this.time.now(),
      by: this.name,
      epoch,
      cluster: settings.id,
      node: node.node,
      name,
      incarnation: node.incarnation,
      status: node.status,
      since: this.sinces.get(nodeRef(settings.id, node.node)) ?? null,
      agent: node.placement.agent === '' ? null : node.placement.agent,
    };
    this.bus.publish(this.subjects.nodeStatus(name), encoder.encode(JSON.stringify(standing)));
  }
}

interface Change {
  readonly cluster: ClusterState;
  readonly node: NodeState;
  readonly known: NodeState | undefined;
}

/** Nodes of which anything has changed; what is the same is the same object. */
function* changes(before: GridState['clusters'], after: GridState['clusters']): Iterable<Change> {
  if (before === after) return;
  for (const cluster of Object.values(after)) {
    const old = before[cluster.settings.id];
    if (old === cluster) continue;
    for (const node of nodesOf(cluster)) {
      const known = old?.nodes[node.node];
      if (known !== node) yield { cluster, node, known };
    }
  }
}
