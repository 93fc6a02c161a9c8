import type { AgentAnswerOf, PlacedLife } from '../../adapters/codec/agent-messages';
import { placedWith } from '../../domain/agent/placement';
import { nodeName } from '../../domain/base/ids';
import type { GridState } from '../../domain/grid-state';
import { packageOf, type PackageDigest } from '../../domain/package/state';
import { stampedTopology } from '../../domain/topology/state';
import type { ControlPlane } from './control-plane';

/** What holds for an agent now: whoever knows this, and fetches the topologies that it lacks, has missed nothing. */
export function headAnswer(
  plane: ControlPlane,
  agent: string,
): Pick<AgentAnswerOf<'sync'>, 'live' | 'stamped' | 'retiring' | 'repins' | 'nodes' | 'packages'> {
  const { live } = plane.state.topology;
  const nodes = placedLives(plane.state, agent);
  return {
    live: live.map(({ version, wireId, seq }) => ({ version, wireId, seq })),
    stamped: stampedTopology(plane.state.topology)?.version ?? 0,
    retiring: plane.retirable().map(({ version }) => version),
    repins: live.flatMap(({ version, repinTo, repinModes = false }) =>
      repinTo === 0 ? [] : [{ version, toVersion: repinTo, modes: repinModes }],
    ),
    nodes,
    packages: packagesOf(plane.state, nodes),
  };
}

/** The nodes that are placed with the agent's present process; those of an older one wait to be placed anew. */
function placedLives(state: GridState, agent: string): PlacedLife[] {
  const life = state.agents[agent]?.life ?? 0;
  return placedWith(state, agent).flatMap(({ cluster, node }) => {
    const { id, name, role, function: spec } = cluster.settings;
    if (node.placement.life !== life || role === 'mnode') return [];
    const { incarnation } = node.placement;
    const draining = node.status === 'draining';
    const ran = packageOf(spec) === undefined ? '' : JSON.stringify(spec);
    const called = nodeName(name, node.node);
    return [{ cluster: id, node: node.node, incarnation, role, name: called, draining, function: ran }];
  });
}

/** The packages that nodes run, each once. */
function packagesOf({ clusters, packages }: GridState, nodes: readonly PlacedLife[]): PackageDigest[] {
  const keys = new Set(nodes.map(({ cluster }) => packageOf(clusters[cluster]!.settings.function) ?? ''));
  return [...keys].sort().flatMap((key) => {
    const known = packages[key];
    if (known === undefined) return [];
    const { name, version, sha256, bytes } = known;
    return [{ name, version, sha256, bytes }];
  });
}
