import { nodeName, type Incarnation } from '../base/ids';
import { carriesFlows, nodesOf, type ClusterState } from '../cluster/state';
import type { GridState } from '../grid-state';
import type { NodeState } from '../node/state';
import type { AgentState } from './state';

/** Whether the node needs a place: it takes part, or would if it ran. Spares wait without one. */
export function wantsPlace(node: NodeState): boolean {
  switch (node.status) {
    case 'configured':
    case 'active':
    case 'suspected':
    case 'failed':
    case 'recovering':
    case 'draining':
      return true;
    case 'discovered':
    case 'admitted':
    case 'drained':
    case 'removed':
      return false;
  }
}

/** The life that the node begins where it is placed next: none that it, or a process that it was given to, ever had. */
export function nextIncarnation({ incarnation, placement }: NodeState): Incarnation {
  return Math.max(incarnation, placement.incarnation) + 1;
}

/**
 * Whether a life is one that an agent was told to end, although it may be heard for a moment: it is older than the one that
 * the node was placed for last, or the node has no place any more.
 */
export function isTakenAway({ placement }: NodeState, incarnation: Incarnation): boolean {
  return placement.agent === '' ? incarnation <= placement.incarnation : incarnation < placement.incarnation;
}

/** How many nodes are placed with each agent. */
export function occupied(state: GridState): Map<string, number> {
  const counts = new Map<string, number>();
  for (const cluster of Object.values(state.clusters)) {
    for (const { placement } of nodesOf(cluster)) {
      if (placement.agent !== '') counts.set(placement.agent, (counts.get(placement.agent) ?? 0) + 1);
    }
  }
  return counts;
}

/** What keeps an agent from hosting nodes of a cluster, apart from room; undefined if nothing does. */
export function obstacle(state: GridState, cluster: ClusterState, agent: AgentState): string | undefined {
  const { id, role, function: spec } = cluster.settings;
  if (!carriesFlows(cluster)) return 'MNODEs are hosted by no agent';
  if (!agent.functions.includes(spec.name)) return `it does not offer ${spec.name}`;
  if (role !== 'inode') return undefined;
  const missing = state.grid?.networks.find(({ cluster: at, name }) => at === id && !agent.networks.includes(name));
  return missing === undefined ? undefined : `it does not attach ${missing.name}`;
}

/** An agent that a node could be placed with, and the room it has left. */
export interface Candidate {
  readonly name: string;
  readonly agent: AgentState;
  readonly free: number;
}

/**
 * The best agent for a node: where the node is pinned, else one with most room left that suits, by name among equals.
 * A node that is pinned anywhere goes nowhere else, and room for it is kept there. Undefined = it has to wait.
 */
export function bestAgent(
  state: GridState,
  cluster: ClusterState,
  node: NodeState,
  candidates: readonly Candidate[],
): Candidate | undefined {
  const name = nodeName(cluster.settings.name, node.node);
  const isPinned = Object.values(state.agents).some(({ pinned }) => pinned.includes(name));
  let best: Candidate | undefined;
  let most = 0;
  for (const candidate of candidates) {
    const { agent } = candidate;
    if (isPinned && !agent.pinned.includes(name)) continue;
    const free = isPinned ? candidate.free : candidate.free - awaited(state, agent);
    if (free <= 0 || obstacle(state, cluster, agent) !== undefined) continue;
    if (best === undefined || free > most || (free === most && candidate.name < best.name)) {
      best = candidate;
      most = free;
    }
  }
  return best;
}

/**
 * Nodes that no one has named yet and that agents could host for a cluster: their room that is left, less what nodes
 * will take that have no place yet. Whether an agent still lives the log does not tell: one that does not, hosts none.
 */
export function freeRoom(state: GridState, cluster: ClusterState): number {
  let free = 0;
  for (const [name, agent] of Object.entries(state.agents)) {
    if (obstacle(state, cluster, agent) !== undefined) continue;
    // What is drained or removed is about to be taken away.
    const staying = placedWith(state, name).filter(({ node }) => wantsPlace(node)).length;
    free += Math.max(0, agent.capacity - staying - awaited(state, agent));
  }
  return free - expected(state);
}

/** Nodes that want a place anywhere, or that a workflow is about to give one; pinned ones have theirs. */
function expected(state: GridState): number {
  const pinned = new Set(Object.values(state.agents).flatMap((agent) => agent.pinned));
  let count = 0;
  for (const cluster of Object.values(state.clusters)) {
    if (!carriesFlows(cluster)) continue;
    for (const node of nodesOf(cluster)) {
      const isAbout = wantsPlace(node) || node.reservedBy !== '';
      if (isAbout && node.placement.agent === '' && !pinned.has(nodeName(cluster.settings.name, node.node))) count++;
    }
  }
  return count;
}

/** How many of the nodes that are pinned at an agent have no place, spares included: they need it when they join. */
function awaited(state: GridState, { pinned }: AgentState): number {
  if (pinned.length === 0) return 0;
  let count = 0;
  for (const cluster of Object.values(state.clusters)) {
    for (const node of nodesOf(cluster)) {
      const isHomeless = node.placement.agent === '' && node.status !== 'removed';
      if (isHomeless && pinned.includes(nodeName(cluster.settings.name, node.node))) count++;
    }
  }
  return count;
}

/** The nodes placed with an agent. */
export function placedWith({ clusters }: GridState, agent: string): readonly PlacedNode[] {
  let known = placed.get(clusters);
  if (known === undefined) placed.set(clusters, (known = placedIn(clusters)));
  return known.get(agent) ?? [];
}

/** By agent: asked for with every report of every one, while it changes seldom. */
const placed = new WeakMap<GridState['clusters'], ReadonlyMap<string, readonly PlacedNode[]>>();

function placedIn(clusters: GridState['clusters']): ReadonlyMap<string, readonly PlacedNode[]> {
  const byAgent = new Map<string, PlacedNode[]>();
  for (const cluster of Object.values(clusters)) {
    for (const node of nodesOf(cluster)) {
      const { agent } = node.placement;
      if (agent === '') continue;
      const there = byAgent.get(agent);
      if (there === undefined) byAgent.set(agent, [{ cluster, node }]);
      else there.push({ cluster, node });
    }
  }
  return byAgent;
}

/** A node and the cluster it is of. */
export interface PlacedNode {
  readonly cluster: ClusterState;
  readonly node: NodeState;
}
