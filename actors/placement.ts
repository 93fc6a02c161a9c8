import type { CommandBody } from '../domain/commands';
import { bestAgent, occupied, placedWith, wantsPlace, type Candidate } from '../domain/agent/placement';
import { carriesFlows, nodesOf, type ClusterState } from '../domain/cluster/state';
import type { NodeState } from '../domain/node/state';
import type { World } from './reactions';

/**
 * An agent that was silent for longer, some hellos, gets no nodes, and those it has are not told to live again. Shorter than
 * it takes to hold its nodes dead: a process that died with them must not be given their next lives.
 */
export const AGENT_SILENCE_MS = 500;

/**
 * Which nodes should live where. Nodes that need a place get the best one; nodes whose life, or whose agent's process, is
 * over get a new life with the same agent; nodes that have left are taken away. A node is never taken from an agent that
 * is merely silent: it may live on there, and two of it must not. In a grid without agents nothing happens.
 */
export function* placementReactions(world: World): Iterable<CommandBody> {
  const { state } = world;
  const names = Object.keys(state.agents).sort();
  if (names.length === 0) return;
  for (const { cluster, node } of names.flatMap((name) => placedWith(state, name))) {
    const body = placedReaction(world, cluster, node);
    if (body !== undefined) yield body;
  }
  yield* newPlaces(world, names);
}

function placedReaction(world: World, cluster: ClusterState, node: NodeState): CommandBody | undefined {
  const address = { cluster: cluster.settings.id, node: node.node };
  if (!wantsPlace(node)) return { type: 'DisplaceNode', data: address };
  const { agent: name, life, incarnation } = node.placement;
  const isOver = node.status === 'failed' && node.incarnation >= incarnation;
  const hasNewProcess = life !== world.state.agents[name]?.life;
  if (!isOver && !hasNewProcess) return undefined;
  // Its neighbours would hold the next life dead as well.
  if (!hasNewProcess && world.observed.accusations.isCutOff(world.state, name, world.now)) return undefined;
  return isHeard(world, name) ? { type: 'PlaceNode', data: { ...address, agent: name } } : undefined;
}

/** Places for nodes that have none, each chosen as if the ones before it were taken. */
function* newPlaces(world: World, names: readonly string[]): Iterable<CommandBody> {
  const { state } = world;
  const homeless = Object.values(state.clusters)
    .filter(carriesFlows)
    .flatMap((cluster) =>
      nodesOf(cluster)
        .filter((node) => node.placement.agent === '' && wantsPlace(node) && isPlaceable(node))
        .map((node) => ({ cluster, node })),
    );
  if (homeless.length === 0) return;
  const taken = occupied(state);
  const heard = names.filter((name) => isHeard(world, name));
  for (const { cluster, node } of homeless) {
    const candidates = heard.map((name): Candidate => {
      const agent = state.agents[name]!;
      return { name, agent, free: agent.capacity - (taken.get(name) ?? 0) };
    });
    const best = bestAgent(state, cluster, node, candidates);
    if (best === undefined) continue;
    taken.set(best.name, (taken.get(best.name) ?? 0) + 1);
    yield { type: 'PlaceNode', data: { cluster: cluster.settings.id, node: node.node, agent: best.name } };
  }
}

/** What takes part without an agent lives elsewhere (in `flowgrid up`) until it fails there. */
function isPlaceable({ status }: NodeState): boolean {
  return status === 'configured' || status === 'failed' || status === 'recovering';
}

/** Whether the agent's newest process spoke a short while ago. */
function isHeard({ state, observed, now }: World, name: string): boolean {
  const told = observed.agent(name);
  return told !== undefined && told.life === state.agents[name]?.life && now - told.seenAt <= AGENT_SILENCE_MS;
}
