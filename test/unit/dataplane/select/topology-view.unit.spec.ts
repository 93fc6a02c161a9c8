import { nodeRef } from '../../../../domain/base/ids';
import { RendezvousTables, TopologyView } from '../../../../dataplane/select/topology-view';
import { AB, AC, published, twoStages } from '../../../support/topologies';

describe('a topology view', () => {
  it('knows the incarnation of every member, and 0 for nodes that are none', () => {
    const topology = twoStages({ nodes: 2 });
    const clusters = topology.clusters.map((cluster) =>
      cluster.id === AB
        ? { ...cluster, members: cluster.members.map((member) => ({ ...member, incarnation: 70_000 + member.node })) }
        : cluster,
    );
    const view = new TopologyView(published({ ...topology, clusters }), new RendezvousTables());
    const incarnations = [nodeRef(AB, 1), nodeRef(AB, 2), nodeRef(AB, 127), nodeRef(AC, 2), nodeRef(200, 1), 0].map(
      (ref) => view.incarnationOf(ref),
    );
    expect(incarnations).toEqual([70_001, 70_002, 0, 1, 0, 0]);
  });
});
