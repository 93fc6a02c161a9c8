import type { Canonical } from './base/canonical';
import { unreachable } from './base/errors';
import type { Millis, Seq } from './base/ids';
import { evolveClusters, evolveMembers, type Clusters } from './cluster/evolve';
import { COMMAND_LIFETIME_MS, OUTCOME_MARGIN_MS } from './commands';
import type { TopologyEvent } from './events';
import type { GridSettings } from './grid/settings';
import { evolveLinks, NO_LINKS, type LinkState } from './link/evolve';
import type { Commit } from './log/commit';
import { evolveAnchors, type Anchors } from './log/evolve';
import type { NodeLifeEvent } from './node/evolve';
import { NO_OUTCOMES, remember, type Outcomes } from './outcomes';
import { evolvePaths, type Paths } from './path/evolve';
import { evolvePolicies, type Policies } from './policy/evolve';
import { evolveWorkflows, type Workflows } from './provisioning/evolve';
import { evolveLosses, evolveTopology } from './topology/evolve';
import { NO_TOPOLOGY, type TopologyState } from './topology/state';

export { decide } from './decide';

/**
 * The whole control-plane state: all aggregates, as plain immutable data (integers, no undefined), so that its hash
 * can be taken. It is the fold of the `topology` stream and of nothing else.
 */
export interface GridState {
  /** The newest commit folded; 0 before the first. */
  readonly seq: Seq;
  /** Time of that commit. */
  readonly at: Millis;
  readonly epoch: number;
  readonly leader: string;
  readonly grid: GridSettings | null;
  readonly clusters: Clusters;
  readonly links: LinkState;
  readonly paths: Paths;
  readonly policies: Policies;
  readonly topology: TopologyState;
  readonly workflows: Workflows;
  readonly anchors: Anchors;
  readonly outcomes: Outcomes;
}

/** Version of this fold: a snapshot made by another version is not used. Raise it with every change of meaning. */
export const FOLD_VERSION = 1;

/** The grid before anything happened. */
export function initialState(): GridState {
  return {
    seq: 0,
    at: 0,
    epoch: 0,
    leader: '',
    grid: null,
    clusters: {},
    links: NO_LINKS,
    paths: {},
    policies: {},
    topology: NO_TOPOLOGY,
    workflows: {},
    anchors: {},
    outcomes: NO_OUTCOMES,
  };
}

/** The state after a commit: its events in order, then its command's outcome. */
export function evolveCommit(state: GridState, commit: Commit<TopologyEvent>): GridState {
  let next: GridState = { ...state, seq: commit.seq, at: commit.at, epoch: commit.epoch };
  for (const event of commit.events) next = evolve(next, event);
  const until = commit.at + COMMAND_LIFETIME_MS + OUTCOME_MARGIN_MS;
  return { ...next, outcomes: remember(next.outcomes, commit.commandId, commit.seq, until, commit.at) };
}

/** The state after one event. `state.seq` and `state.at` are already those of the event's commit. */
export function evolve(state: GridState, event: TopologyEvent): GridState {
  switch (event.type) {
    case 'GridCreated':
    case 'GridReconfigured':
      return { ...state, grid: event.data };
    case 'NodeDiscovered':
    case 'NodeAdmitted':
    case 'NodeConfigured':
    case 'NodeActivated':
    case 'NodeSuspected':
    case 'NodeFailed':
    case 'NodeRecovered':
    case 'NodeDraining':
    case 'NodeDrained':
    case 'NodeRemoved':
    case 'SpareReserved':
    case 'SpareReleased':
      return evolveNodes(state, event);
    case 'ClusterCreated':
    case 'ClusterReconfigured':
    case 'ClusterDeleted':
      return { ...state, clusters: evolveClusters(state.clusters, event) };
    case 'VirtualLinkCreated':
    case 'VirtualLinkChanged':
    case 'VirtualLinkDeleted':
    case 'VlanAllocated':
    case 'VlanReleased':
    case 'ProbeAttached':
    case 'ProbeDetached':
      return { ...state, links: evolveLinks(state.links, event) };
    case 'PolicyDefined':
    case 'PolicyDeleted':
      return { ...state, policies: evolvePolicies(state.policies, event) };
    case 'FlowPathDefined':
    case 'FlowPathDeleted':
      return { ...state, paths: evolvePaths(state.paths, event) };
    case 'TopologyPublished':
    case 'TopologyApplied':
    case 'TopologyRepinRequested':
    case 'TopologyRetired':
      return { ...state, topology: evolveTopology(state.topology, event, state.seq, state.at) };
    case 'ProvisioningRequested':
    case 'ProvisioningStepCompleted':
    case 'ProvisioningSucceeded':
    case 'ProvisioningFailed':
      return { ...state, workflows: evolveWorkflows(state.workflows, event) };
    case 'LeaderElected':
      return { ...state, leader: event.data.leader };
    case 'FlowsAnchored':
      return { ...state, anchors: evolveAnchors(state.anchors, event) };
    default:
      return unreachable(event);
  }
}

/** A state as what hashes are taken over. */
export function canonicalState(state: GridState): Canonical {
  // Every member is plain data by construction; function configurations were checked when they were accepted.
  return state as unknown as Canonical;
}

function evolveNodes(state: GridState, event: NodeLifeEvent): GridState {
  const { cluster, node } = event.data;
  const fnode = state.clusters[cluster]?.nodes[node]?.fnode ?? 0;
  const clusters = evolveMembers(state.clusters, event, { seq: state.seq, version: state.topology.version });
  if (clusters === state.clusters) return state;
  return { ...state, clusters, topology: evolveLosses(state.topology, event, fnode) };
}
