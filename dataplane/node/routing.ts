import {
  clusterOf,
  NODE_ID_MAX,
  nodeOf,
  nodeRef,
  type ClusterId,
  type FlowId,
  type NodeRef,
} from '../../domain/base/ids';
import { continueMembers, createSelectorMembers, select, type SelectorMembers } from '../../domain/cluster/selectors';
import { flowBucket, type LiveNodes } from '../../domain/cluster/rendezvous';
import { besidesOf, isCopyAt, placeBeside } from '../select/copies';
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
  /** Live flows that this node sent to each node of a cluster, by node ID. */
  private readonly flowsTo: (Uint32Array | undefined)[] = [];

  /** Live flows at each node of a cluster, as it told, that others sent there. */
  private readonly elsewhere: (Uint32Array | undefined)[] = [];
  private readonly open: LiveNodes = new Uint8Array(NODE_ID_MAX + 1);

  constructor(private readonly node: Node) {}

  /** The route of a new flow over `clusters`, own cluster first; node 0 = left to the hop before it. */
  choose(view: TopologyView, clusters: readonly ClusterId[], flow: FlowId): NodeRef[] {
    const central = view.topology.selection === 'centralized';
    const open = clusters.map((cluster) => nodeRef(cluster, 0));
    const next = placeBeside(view, open, 0, 1);
    const route = [...open];
    clusters.forEach((cluster, i) => {
      // Where a path ends in the cluster that it began in ([0049]), one INODE has both ends: it knows the flow.
      if (i === 0 || (i === clusters.length - 1 && cluster === clusters[0])) route[i] = this.node.ref;
      else if (central || i === next) route[i] = this.chooseIn(view, cluster, flow, ...besidesOf(view, route, i));
      // No hop chooses for a stage that frames only go past.
      else if (isCopyAt(view, open, i)) route[i] = hashedNode(view, cluster, flow, this.node.obituary) || open[i];
    });
    return route;
  }

  /** The emitter of the next cluster as the route has it, or chosen now. */
  nextHop(view: TopologyView, chosen: NodeRef, flow: FlowId): NodeRef {
    return nodeOf(chosen) !== 0 ? chosen : hashedNode(view, chosen >>> 7, flow, this.node.obituary);
  }

  /**
   * The node of one cluster for a new flow, by the cluster's selector, congested members left out as long as there are
   * others ([0068]), and so are ends of resilient links that are not connected to those beside; node 0 if it has nobody.
   */
  chooseIn(view: TopologyView, cluster: ClusterId, flow: FlowId, before: NodeRef = 0, after: NodeRef = 0): NodeRef {
    const { selector } = view.cluster(cluster);
    const live = this.node.obituary.open(view, cluster, before, after);
    const open = this.withoutCongested(cluster, live);
    const bucket = flowBucket(flow, cluster, view.topology.seed);
    const table = view.table(cluster);
    if (selector === 'hash') return nodeRef(cluster, table.firstLive(bucket, open) || table.firstLive(bucket, live));
    const members = this.membersIn(view, cluster);
    this.takeFigures(members, cluster, open);
    const chosen = select(selector, members, table, bucket, flow, open);
    if (chosen !== 0 || open === live) return nodeRef(cluster, chosen);
    this.takeFigures(members, cluster, live);
    return nodeRef(cluster, select(selector, members, table, bucket, flow, live));
  }

  /** A node has told how many flows it handles: those that are not this node's doing count beside its own. */
  reported(ref: NodeRef, flows: number): void {
    const own = this.flowsOf(clusterOf(ref))[nodeOf(ref)];
    this.elsewhereOf(clusterOf(ref))[nodeOf(ref)] = Math.max(0, flows - own);
  }

  /** The flow lives, and goes to `chosen` because this node said so: it counts there until it ends or moves. */
  count(flow: number, chosen: readonly NodeRef[]): void {
    const { side } = this.node;
    const view = this.node.viewOf(flow);
    const counted = chosen.filter((ref) => nodeOf(ref) !== 0 && view.cluster(clusterOf(ref)).selector !== 'hash');
    if (counted.length === 0) return;
    for (const ref of counted) this.add(ref, 1);
    const aux = this.node.aux(flow);
    side.counted[aux] = [...(side.counted[aux] ?? []), ...counted];
  }

  /** A node of the flow's route was replaced by another one, or by nobody (0). */
  moved(flow: number, from: NodeRef, to: NodeRef): void {
    const { side } = this.node;
    const aux = this.node.aux(flow);
    const counted = side.counted[aux];
    if (counted?.includes(from) !== true) return;
    this.add(from, -1);
    if (to !== 0) this.add(to, 1);
    side.counted[aux] = counted.map((ref) => (ref === from ? to : ref)).filter((ref) => ref !== 0);
  }

  /** The flow is forgotten: it counts nowhere any more. */
  release(flow: number): void {
    const { side } = this.node;
    const aux = this.node.aux(flow);
    const counted = side.counted[aux];
    if (counted === undefined) return;
    for (const ref of counted) this.add(ref, -1);
    side.counted[aux] = undefined;
  }

  private takeFigures(members: SelectorMembers, cluster: ClusterId, eligible: LiveNodes): void {
    const own = this.flowsOf(cluster);
    const elsewhere = this.elsewhereOf(cluster);
    for (let i = 0; i < members.count; i++) {
      const node = members.node[i];
      const report = this.node.figures.of(nodeRef(cluster, node));
      members.eligible[i] = eligible[node];
      members.flows[i] = own[node] + elsewhere[node];
      members.latencyUs[i] = report?.latencyUs ?? 0;
      members.utilisation[i] = report?.utilisation ?? 0;
    }
  }

  /** The live members that are not congested; `live` itself where nobody asks. */
  private withoutCongested(cluster: ClusterId, live: LiveNodes): LiveNodes {
    const { figures } = this.node;
    if (!figures.areNeeded) return live;
    for (let node = 1; node <= NODE_ID_MAX; node++) {
      this.open[node] = live[node] === 1 && !figures.isCongested(nodeRef(cluster, node)) ? 1 : 0;
    }
    return this.open;
  }

  private add(ref: NodeRef, n: number): void {
    const flows = this.flowsOf(clusterOf(ref));
    flows[nodeOf(ref)] = Math.max(0, flows[nodeOf(ref)] + n);
  }

  private flowsOf(cluster: ClusterId): Uint32Array {
    return (this.flowsTo[cluster] ??= new Uint32Array(NODE_ID_MAX + 1));
  }

  private elsewhereOf(cluster: ClusterId): Uint32Array {
    return (this.elsewhere[cluster] ??= new Uint32Array(NODE_ID_MAX + 1));
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
