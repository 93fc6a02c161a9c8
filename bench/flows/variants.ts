import { nodeRef } from '../../domain/base/ids';
import type { FlowPolicy, PublishedTopology, TopologyCluster } from '../../domain/topology/topology';
import { WIRE_ID_MAX } from '../../domain/topology/wire-ids';

/** The same grid with `count` policies, of which only the last ones, its own, match the bench's traffic. */
export function withPolicies(published: PublishedTopology, count: number): PublishedTopology {
  const { policies } = published.topology;
  const last = policies.find(({ typeName }) => typeName === 'other') as FlowPolicy;
  const others = Array.from({ length: count - 1 }, (_, i): FlowPolicy => {
    const id = i + 1;
    // Networks and ports that no frame of the bench has, each policy its own, over every dimension of a match.
    const match = [
      { from: [`198.18.${id}.0/24`] },
      { to: [`198.19.${id}.0/24`], proto: [6] },
      { port: [[20_000 + id, 20_000 + id]] as const, proto: [6, 17] },
      { dscp: [1 + (id % 60)], vlan: [id] },
    ][i % 4]!;
    return { ...last, id, name: `policy-${id}`, typeName: `type-${id}`, flowType: id, match };
  });
  const own = { ...last, id: count, name: `policy-${count}`, flowType: count, match: {} };
  return { ...published, topology: { ...published.topology, policies: [...others, own] } };
}

/** As many versions of a grid as wire IDs can tell apart: from one to the next a member of the backed-up cluster leaves or returns. */
export function liveVersions(published: PublishedTopology): PublishedTopology[] {
  const { topology } = published;
  return Array.from({ length: WIRE_ID_MAX }, (_, i) => {
    const version = topology.version + i;
    const leaves = i % 2 === 1 ? 1 + ((i >> 1) % 3) : 0;
    const clusters = topology.clusters.map((cluster) =>
      cluster.failure === 'backup' ? without(cluster, leaves) : cluster,
    );
    return {
      ...published,
      seq: published.seq + i,
      topology: { ...topology, version, wireId: ((topology.wireId - 1 + i) % WIRE_ID_MAX) + 1, clusters },
    };
  });
}

/** A draining member keeps its flows and gets no new ones. */
function without(cluster: TopologyCluster, node: number): TopologyCluster {
  const members = cluster.members.map((member) =>
    nodeRef(cluster.id, member.node) === nodeRef(cluster.id, node) ? { ...member, state: 'draining' as const } : member,
  );
  return { ...cluster, members };
}
