import { evolveAgents, evolvePlacement } from './agent/evolve';
import type { Agents } from './agent/state';
import { evolveAutoscaling, forgetUnsteered } from './autoscale/evolve';
import type { Autoscaling } from './autoscale/state';
import type { Canonical } from './base/canonical';
import { unreachable } from './base/errors';
import type { Millis, Seq } from './base/ids';
import { evolveClusters, evolveMembers, type Clusters } from './cluster/evolve';
import { COMMAND_LIFETIME_MS, OUTCOME_MARGIN_MS } from './commands';
import type { TopologyEvent } from './events';
import type { GridSettings } from './grid/settings';
import { evolveEnds, evolveLinks, NO_LINKS, restUnnamed, type LinkState } from './link/evolve';
import type { Commit } from './log/commit';
import { evolveAnchors, type Anchors } from './log/evolve';
import type { NodeLifeEvent } from './node/evolve';
import { NO_OUTCOMES, remember, type Outcomes } from './outcomes';
import { evolvePackages } from './package/evolve';
import type { Packages } from './package/state';
import { evolvePaths, type Paths } from './path/evolve';
import { evolvePolicies, type Policies } from './policy/evolve';
import { evolveProbes } from './probe/evolve';
import { evolveReplications, type Replications } from './replication/evolve';
import { evolveWorkflows, type Workflows } from './provisioning/evolve';
import { evolveLosses, evolveTopology } from './topology/evolve';
import { namedVlans, NO_TOPOLOGY, type TopologyState } from './topology/state';

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
  readonly agents: Agents;
  readonly links: LinkState;
  readonly paths: Paths;
  readonly policies: Policies;
  readonly replications: Replications;
  readonly packages: Packages;
  readonly topology: TopologyState;
  readonly workflows: Workflows;
  /** What is remembered of decisions about clusters' sizes. */
  readonly autoscaling: Autoscaling;
  readonly anchors: Anchors;
  readonly outcomes: Outcomes;
}

/** Version of this fold: a snapshot made by another version is not used. Raise it with every change of meaning. */
export const FOLD_VERSION = 11;

/** The grid before anything happened. */
export function initialState(): GridState {
  return {
    seq: 0,
    at: 0,
    epoch: 0,
    leader: '',
    grid: null,
    clusters: {},
    agents: {},
    links: NO_LINKS,
    paths: {},
    policies: {},
    replications: {},
    packages: {},
    topology: NO_TOPOLOGY,
    workflows: {},
    autoscaling: {},
    anchors: {},
    outcomes: NO_OUTCOMES,
  };
}

/** The state after a commit: its events in order, then its command's outcome. */
export function evolveCommit(state: GridState, commit: Commit<TopologyEvent>): GridState {
  const next = draftOf(state);
  next.seq = commit.seq;
  next.at = commit.at;
  next.epoch = commit.epoch;
  for (const event of commit.events) apply(next, event);
  const until = commit.at + COMMAND_LIFETIME_MS + OUTCOME_MARGIN_MS;
  next.outcomes = remember(next.outcomes, commit.commandId, commit.seq, until, commit.at);
  return next;
}

/** The state after one event. `state.seq` and `state.at` are already those of the event's commit. */
export function evolve(state: GridState, event: TopologyEvent): GridState {
  const next = draftOf(state);
  apply(next, event);
  return next;
}

/** A state that nobody has seen yet, so that its members may still be exchanged. */
type Draft = { -readonly [Member in keyof GridState]: GridState[Member] };

/**
 * A copy to work on: one per commit, however many events it has. Its members are written out, because spreading an
 * object into the next, commit after commit, gives the engine a new hidden class each time and costs some thirty times more.
 */
function draftOf(state: GridState): Draft {
  return {
    seq: state.seq,
    at: state.at,
    epoch: state.epoch,
    leader: state.leader,
    grid: state.grid,
    clusters: state.clusters,
    agents: state.agents,
    links: state.links,
    paths: state.paths,
    policies: state.policies,
    replications: state.replications,
    packages: state.packages,
    topology: state.topology,
    workflows: state.workflows,
    autoscaling: state.autoscaling,
    anchors: state.anchors,
    outcomes: state.outcomes,
  };
}

function apply(next: Draft, event: TopologyEvent): void {
  switch (event.type) {
    case 'GridCreated':
    case 'GridReconfigured':
      next.grid = event.data;
      break;
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
      applyToNode(next, event);
      break;
    case 'AgentRegistered':
      next.agents = evolveAgents(next.agents, event);
      break;
    case 'NodePlaced':
    case 'NodeDisplaced':
      next.clusters = evolvePlacement(next.clusters, event);
      break;
    case 'ClusterCreated':
    case 'ClusterReconfigured':
    case 'ClusterDeleted':
      next.clusters = evolveClusters(next.clusters, event);
      next.autoscaling = forgetUnsteered(next.autoscaling, next.clusters);
      break;
    case 'VirtualLinkCreated':
    case 'VirtualLinkChanged':
    case 'VirtualLinkDeleted':
    case 'VirtualLinkCutOver':
    case 'VlanAllocated':
    case 'VlanReleased':
      next.links = evolveLinks(next.links, event, next.at, {
        clusters: next.clusters,
        isNamed: isNamedBy(next.topology),
      });
      break;
    case 'ProbeAttached':
    case 'ProbeDetached':
      next.links = { ...next.links, probes: evolveProbes(next.links.probes, event) };
      break;
    case 'PolicyDefined':
    case 'PolicyDeleted':
      next.policies = evolvePolicies(next.policies, event);
      break;
    case 'ReplicationRequested':
    case 'ReplicationStopped':
      next.replications = evolveReplications(next.replications, event);
      break;
    case 'FlowPathDefined':
    case 'FlowPathDeleted':
      next.paths = evolvePaths(next.paths, event);
      break;
    case 'PackagePublished':
      next.packages = evolvePackages(next.packages, event, next.seq);
      break;
    case 'TopologyPublished':
    case 'TopologyApplied':
    case 'TopologyRepinRequested':
    case 'LiveFlowsSwitched':
      next.topology = evolveTopology(next.topology, event, next.seq, next.at);
      break;
    case 'TopologyRetired':
      next.topology = evolveTopology(next.topology, event, next.seq, next.at);
      next.links = restUnnamed(next.links, next.at, isNamedBy(next.topology));
      break;
    case 'ProvisioningRequested':
    case 'ProvisioningStepCompleted':
    case 'ProvisioningSucceeded':
    case 'ProvisioningFailed':
      next.workflows = evolveWorkflows(next.workflows, event, next.seq);
      break;
    case 'AutoscaleDecided':
      next.autoscaling = evolveAutoscaling(next.autoscaling, event, next.seq, next.at);
      break;
    case 'LeaderElected':
      next.leader = event.data.leader;
      break;
    case 'FlowsAnchored':
      next.anchors = evolveAnchors(next.anchors, event);
      break;
    default:
      unreachable(event);
  }
}

function isNamedBy(topology: TopologyState): (vlan: number) => boolean {
  return (vlan) => namedVlans(topology).has(vlan);
}

function applyToNode(next: Draft, event: NodeLifeEvent): void {
  const { cluster, node } = event.data;
  const fnode = next.clusters[cluster]?.nodes[node]?.fnode ?? 0;
  const clusters = evolveMembers(next.clusters, event, { seq: next.seq, version: next.topology.version });
  if (clusters === next.clusters) return;
  next.clusters = clusters;
  next.links = evolveEnds(next.links, event.data, next.at, clusters);
  next.topology = evolveLosses(next.topology, event, fnode);
}

/** A state as what hashes are taken over. */
export function canonicalState(state: GridState): Canonical {
  // Every member is plain data by construction; function configurations were checked when they were accepted.
  return state as unknown as Canonical;
}
