import { nodeRef, type Incarnation, type NodeRef } from '../../domain/base/ids';
import type { LiveNodes } from '../../domain/cluster/rendezvous';
import type { TopologyView } from './topology-view';

/**
 * Who is dead, as one observer knows it: by node, the latest incarnation that died. A node that returns is a new
 * incarnation; topologies that name an older one count it dead for ever (DESIGN.md section 5), because it lost the
 * state of their flows.
 */
export class Obituary {
  private readonly latestDead = new Map<NodeRef, Incarnation>();
  /** Live flags by view and cluster; emptied by every death. */
  private readonly liveCache = new Map<TopologyView, (LiveNodes | undefined)[]>();
  private recorded = 0;

  /** Deaths recorded so far: what was derived from an earlier number is out of date. */
  get changes(): number {
    return this.recorded;
  }

  /** Records a death; false when it (or that of a later incarnation) was known. */
  record(ref: NodeRef, incarnation: Incarnation): boolean {
    if ((this.latestDead.get(ref) ?? 0) >= incarnation) return false;
    this.latestDead.set(ref, incarnation);
    this.recorded++;
    this.liveCache.clear();
    return true;
  }

  isDead(ref: NodeRef, incarnation: Incarnation): boolean {
    return (this.latestDead.get(ref) ?? 0) >= incarnation;
  }

  /** Whether a node is dead to the flows of a topology; a node that is no member of it is. */
  isDeadIn(view: TopologyView, ref: NodeRef): boolean {
    const incarnation = view.incarnationOf(ref);
    return incarnation === 0 || this.isDead(ref, incarnation);
  }

  /** The latest dead incarnation of a node; 0 = none. */
  latest(ref: NodeRef): Incarnation {
    return this.latestDead.get(ref) ?? 0;
  }

  /** Visits every node with a recorded death. */
  forEach(visit: (ref: NodeRef, incarnation: Incarnation) => void): void {
    this.latestDead.forEach((incarnation, ref) => visit(ref, incarnation));
  }

  /** Flags by node ID of the members of a cluster that are alive to the flows of a topology. */
  live(view: TopologyView, cluster: number): LiveNodes {
    let clusters = this.liveCache.get(view);
    if (clusters === undefined) this.liveCache.set(view, (clusters = []));
    return (clusters[cluster] ??= this.derive(view, cluster));
  }

  /** Lets go of what was derived for a topology that retired. */
  forget(view: TopologyView): void {
    this.liveCache.delete(view);
  }

  private derive(view: TopologyView, cluster: number): LiveNodes {
    const live = new Uint8Array(128);
    for (const { node, incarnation } of view.cluster(cluster).members) {
      if (!this.isDead(nodeRef(cluster, node), incarnation)) live[node] = 1;
    }
    return live;
  }
}
