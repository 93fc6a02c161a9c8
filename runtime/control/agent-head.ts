import type { AgentAnswerOf, PlacedLife } from '../../adapters/codec/agent-messages';
import { placedWith } from '../../domain/agent/placement';
import { nodeName } from '../../domain/base/ids';
import type { GridState } from '../../domain/grid-state';
import { stampedTopology } from '../../domain/topology/state';
import type { ControlPlane } from './control-plane';

/** What holds for an agent now: whoever knows this, and fetches the topologies that it lacks, has missed nothing. */
export function headAnswer(
  plane: ControlPlane,
  agent: string,
): Pick<AgentAnswerOf<'sync'>, 'live' | 'stamped' | 'retiring' | 'repins' | 'nodes'> {
  const { live } = plane.state.topology;
  return {
    live: live.map(({ version, wireId, seq }) => ({ version, wireId, seq })),
    stamped: stampedTopology(plane.state.topology)?.version ?? 0,
    retiring: plane.retirable().map(({ version }) => version),
    repins: live.flatMap(({ version, repinTo, repinModes = false }) =>
      repinTo === 0 ? [] : [{ version, toVersion: repinTo, modes: repinModes }],
    ),
    nodes: placedLives(plane.state, agent),
  };
}

/** The nodes that are placed with the agent's present process; those of an older one wait to be placed anew. */
function placedLives(state: GridState, agent: string): PlacedLife[] {
  const life = state.agents[agent]?.life ?? 0;
  return placedWith(state, agent).flatMap(({ cluster, node }) => {
    const { id, name, role } = cluster.settings;
    if (node.placement.life !== life || role === 'mnode') return [];
    const { incarnation } = node.placement;
    const draining = node.status === 'draining';
    return [{ cluster: id, node: node.node, incarnation, role, name: nodeName(name, node.node), draining }];
  });
}
