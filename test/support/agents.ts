import { nodeRef } from '../../domain/base/ids';
import type { PublishedTopology, Topology } from '../../domain/topology/topology';
import type { NodeHost } from '../../runtime/agent/dataplane-host';
import { AB, AC, IA, IC, published, twoStages, type TwoStages } from './topologies';

/** Who hosts what: both INODEs stand alone, so that the agent between them can die. */
export const PLACEMENT: { readonly [agent: string]: readonly (readonly [cluster: number, node: number])[] } = {
  a: [
    [IA, 1],
    [AB, 1],
    [AC, 1],
  ],
  b: [
    [AB, 2],
    [AC, 2],
  ],
  c: [
    [IC, 1],
    [AB, 3],
    [AC, 3],
  ],
};

/** The agent of a node. */
function agentOf(cluster: number, node: number): string {
  const found = Object.entries(PLACEMENT).find(([, nodes]) => nodes.some(([c, n]) => c === cluster && n === node));
  return found![0];
}

/** Two stages that back their flows up, spread over three agents. */
export function spreadStages(
  addresses: { readonly [agent: string]: string },
  helloMs: number,
  detectMultiplier: number,
  stages: TwoStages = {},
): PublishedTopology {
  const topology = twoStages(stages);
  const spread: Topology = {
    ...topology,
    timing: { ...topology.timing, helloMs, detectMultiplier },
    clusters: topology.clusters.map((cluster) => ({
      ...cluster,
      failure: cluster.role === 'inode' ? cluster.failure : (stages.failure ?? 'backup'),
      members: cluster.members.map((member) => ({ ...member, agent: agentOf(cluster.id, member.node) })),
    })),
    agents: Object.entries(addresses).map(([name, address]) => ({ name, address })),
  };
  return published(spread);
}

/** Has a host take its nodes up, and what they are told. */
export async function settleIn(host: NodeHost, agent: string, topology: PublishedTopology): Promise<void> {
  for (const [cluster, node] of PLACEMENT[agent]!) {
    await host.add(nodeRef(cluster, node), 1, cluster === IA || cluster === IC ? 'inode' : 'anode');
  }
  await host.install(topology);
  await host.activate(topology.topology.version);
}
