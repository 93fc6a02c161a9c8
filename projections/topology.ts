import type { AutoscaleSettings } from '../domain/autoscale/settings';
import { nodeName, type Millis, type Seq, type WireId } from '../domain/base/ids';
import { nodesOf } from '../domain/cluster/state';
import type { TopologyEvent } from '../domain/events';
import { evolveCommit, initialState, type GridState } from '../domain/grid-state';
import type { Commit } from '../domain/log/commit';
import type { NodeStatus } from '../domain/node/state';
import { stampedTopology } from '../domain/topology/state';
import type { ClusterMode, ClusterRole, FailurePolicy, SelectorKind } from '../domain/topology/topology';
import type { Moment } from './instant';

/** The grid as `audit state` shows it: names instead of numbers where people have names. */
export interface GridView {
  readonly grid: string;
  /** The newest commit that it contains, and when that was. */
  readonly seq: Seq;
  readonly at: Millis;
  readonly epoch: number;
  readonly leader: string;
  readonly selection: string;
  readonly topology: TopologyView;
  readonly networks: readonly { readonly id: number; readonly name: string; readonly cluster: string }[];
  readonly clusters: readonly ClusterView[];
  readonly links: readonly {
    readonly id: number;
    readonly name: string;
    readonly kind: string;
    readonly members: readonly string[];
  }[];
  readonly paths: readonly { readonly id: number; readonly name: string; readonly clusters: readonly string[] }[];
  readonly policies: readonly {
    readonly id: number;
    readonly name: string;
    readonly type: string;
    readonly paths: readonly string[];
  }[];
}

export interface TopologyView {
  /** The newest published version and the wire ID it carries; 0 before the first. */
  readonly version: number;
  readonly wireId: WireId;
  /** The version that new flows are stamped with; 0 before the first is applied. */
  readonly applied: number;
  readonly live: readonly { readonly version: number; readonly wireId: WireId; readonly seq: Seq }[];
}

export interface ClusterView {
  readonly id: number;
  readonly name: string;
  readonly role: ClusterRole;
  readonly policy: FailurePolicy;
  readonly selector: SelectorKind;
  readonly mode: ClusterMode;
  readonly function: string;
  /** How its size follows its load; absent: it does not. */
  readonly autoscale?: AutoscaleSettings;
  readonly nodes: readonly NodeView[];
}

export interface NodeView {
  readonly id: number;
  readonly name: string;
  readonly state: NodeStatus;
  readonly incarnation: number;
  readonly weight: number;
  readonly spare: boolean;
}

/** The state at a moment: the fold of the commits up to it, on from `from` (a snapshot's) if given. */
export function stateAt(
  commits: Iterable<Commit<TopologyEvent>>,
  moment: Moment,
  from: GridState = initialState(),
): GridState {
  let state = from;
  for (const commit of commits) {
    if (commit.seq > moment.seq || commit.at > moment.at) break;
    if (commit.seq > state.seq) state = evolveCommit(state, commit);
  }
  return state;
}

/** A state as people read it. */
export function viewOf(state: GridState): GridView {
  const clusterName = (id: number): string => state.clusters[id]?.settings.name ?? `cluster ${id}`;
  const networkName = (id: number): string =>
    state.grid?.networks.find((network) => network.id === id)?.name ?? `network ${id}`;
  return {
    grid: state.grid?.name ?? '',
    seq: state.seq,
    at: state.at,
    epoch: state.epoch,
    leader: state.leader,
    selection: state.grid?.selection ?? '',
    topology: topologyView(state),
    networks: (state.grid?.networks ?? []).map(({ id, name, cluster }) => ({
      id,
      name,
      cluster: clusterName(cluster),
    })),
    clusters: clusterViews(state),
    links: Object.values(state.links.links).map(({ id, name, kind, members }) => ({
      id,
      name,
      kind,
      members: members.map((member) => {
        if ('network' in member) return networkName(member.network);
        return 'node' in member ? nodeName(clusterName(member.cluster), member.node) : clusterName(member.cluster);
      }),
    })),
    paths: Object.values(state.paths).map(({ id, name, clusters }) => ({
      id,
      name,
      clusters: clusters.map(clusterName),
    })),
    policies: Object.values(state.policies).map(({ id, name, typeName, paths }) => ({
      id,
      name,
      type: typeName,
      paths,
    })),
  };
}

function topologyView({ topology }: GridState): TopologyView {
  return {
    version: topology.version,
    wireId: topology.latest?.wireId ?? 0,
    applied: stampedTopology(topology)?.version ?? 0,
    live: topology.live.map(({ version, wireId, seq }) => ({ version, wireId, seq })),
  };
}

function clusterViews(state: GridState): ClusterView[] {
  return Object.values(state.clusters).map((cluster) => {
    const { id, name, role, failure, selector, mode, autoscale } = cluster.settings;
    const nodes = nodesOf(cluster).map(({ node, status, incarnation, weight, spare }) => ({
      id: node,
      name: nodeName(name, node),
      state: status,
      incarnation,
      weight,
      spare,
    }));
    return {
      id,
      name,
      role,
      policy: failure,
      selector,
      mode,
      function: cluster.settings.function.name,
      ...(autoscale === undefined ? {} : { autoscale }),
      nodes,
    };
  });
}
