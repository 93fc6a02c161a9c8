import { nodeOf, nodeRef, type ClusterId, type FlowId, type NodeRef } from '../../domain/base/ids';
import { continueMembers, createSelectorMembers, select, type SelectorMembers } from '../../domain/cluster/selectors';
import { flowBucket } from '../../domain/cluster/rendezvous';
import { hashedNode } from '../select/route';
import type { TopologyView } from '../select/topology-view';
import type { Node } from './node';

/**
 * Chooses the nodes of new flows ([0079–0083]): in every cluster of the path when selection is centralized, in the next
 * one when it is distributed. Keeps what selectors remember (whose turn it is, live flows), per cluster, over all topologies.
 */
export class Routing {
  private readonly members: (SelectorMembers | undefined)[] = [];
  /** The topology version that the members of each cluster are of. */
  private readonly membersOf: number[] = [];

  constructor(private readonly node: Node) {}

  /** The route of a new flow over `clusters`, own cluster first; node 0 = left to the hop before it. */
  choose(view: TopologyView, clusters: readonly ClusterId[], flow: FlowId): NodeRef[] {
    const central = view.topology.selection === 'centralized';
    return clusters.map((cluster, i) => {
      if (i === 0) return this.node.ref;
      return central || i === 1 ? this.chooseIn(view, cluster, flow) : nodeRef(cluster, 0);
    });
  }

  /** The emitter of the next cluster as the route has it, or chosen now. */
  nextHop(view: TopologyView, chosen: NodeRef, flow: FlowId): NodeRef {
    return nodeOf(chosen) !== 0 ? chosen : hashedNode(view, chosen >>> 7, flow, this.node.obituary);
  }

  private chooseIn(view: TopologyView, cluster: ClusterId, flow: FlowId): NodeRef {
    const { selector } = view.cluster(cluster);
    if (selector === 'hash') return hashedNode(view, cluster, flow, this.node.obituary) || nodeRef(cluster, 0);
    const members = this.membersIn(view, cluster);
    const live = this.node.obituary.live(view, cluster);
    for (let i = 0; i < members.count; i++) members.eligible[i] = live[members.node[i]];
    const bucket = flowBucket(flow, cluster, view.topology.seed);
    const node = select(selector, members, view.table(cluster), bucket, flow, live);
    for (let i = 0; i < members.count; i++) if (members.node[i] === node) members.flows[i]++;
    return nodeRef(cluster, node);
  }

  private membersIn(view: TopologyView, cluster: ClusterId): SelectorMembers {
    const known = this.members[cluster];
    if (known !== undefined && this.membersOf[cluster] === view.topology.version) return known;
    this.membersOf[cluster] = view.topology.version;
    const active = view.cluster(cluster).members.filter((member) => member.state === 'active');
    const fresh = createSelectorMembers(
      active.map((member) => member.node),
      active.map((member) => member.weight),
    );
    return (this.members[cluster] = known === undefined ? fresh : continueMembers(known, fresh));
  }
}
