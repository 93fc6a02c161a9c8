import { clusterOf, NODE_REF_COUNT, nodeRef, type Incarnation, type NodeRef } from '../../domain/base/ids';
import type { LiveNodes } from '../../domain/cluster/rendezvous';
import { NOBODY_BESIDE, openMembers, type Beside } from './open-ends';
import type { TopologyView } from './topology-view';

/** All topologies that live flows carry. */
interface Views {
  forEach(visit: (view: TopologyView) => void): void;
}

/**
 * Who is dead, as one observer knows it: by node, the latest incarnation that died. A node that returns is a new
 * incarnation; topologies that name an older one count it dead for ever (DESIGN.md section 5), because it lost the
 * state of their flows. A member that the latest topology names no more has left: it is not dead, but no flow may fall
 * to it, whatever older topologies say.
 */
export class Obituary {
  private readonly latestDead = new Map<NodeRef, Incarnation>();
  /** Live flags by view and cluster; emptied by every death. */
  private readonly liveCache = new Map<TopologyView, (LiveNodes | undefined)[]>();
  /** The same of those that resilient links leave open, by cluster and whom they are beside, or whose heirs they are. */
  private readonly openCache = new Map<TopologyView, Map<number, LiveNodes>>();
  /** Flags of the live members of a cluster that have been there longest; emptied by every change. */
  private readonly seniorCache: (LiveNodes | undefined)[] = [];
  private present: TopologyView | undefined;
  private recorded = 0;

  /** Deaths and departures recorded so far: what was derived from an earlier number is out of date. */
  get changes(): number {
    return this.recorded;
  }

  /** The latest topology, which says who is a member now. */
  follow(latest: TopologyView): void {
    if (latest === this.present) return;
    this.present = latest;
    this.clearCaches();
  }

  /** Records a death; false when it (or that of a later incarnation) was known. */
  record(ref: NodeRef, incarnation: Incarnation): boolean {
    if ((this.latestDead.get(ref) ?? 0) >= incarnation) return false;
    this.latestDead.set(ref, incarnation);
    this.clearCaches();
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

  /** Whether flows of a topology may fall to a node: a member of it that is neither dead nor gone. */
  mayTakeOver(view: TopologyView, ref: NodeRef): boolean {
    return !this.isDeadIn(view, ref) && !this.hasLeft(ref, view.incarnationOf(ref));
  }

  private hasLeft(ref: NodeRef, incarnation: Incarnation): boolean {
    const { present } = this;
    return present !== undefined && present.hasCluster(clusterOf(ref)) && present.incarnationOf(ref) !== incarnation;
  }

  /** The latest dead incarnation of a node; 0 = none. */
  latest(ref: NodeRef): Incarnation {
    return this.latestDead.get(ref) ?? 0;
  }

  /** Visits every node with a recorded death. */
  forEach(visit: (ref: NodeRef, incarnation: Incarnation) => void): void {
    this.latestDead.forEach((incarnation, ref) => visit(ref, incarnation));
  }

  /** Flags by node ID of the members of a cluster that are alive to the flows of a topology and have not left. */
  live(view: TopologyView, cluster: number): LiveNodes {
    let clusters = this.liveCache.get(view);
    if (clusters === undefined) this.liveCache.set(view, (clusters = []));
    return (clusters[cluster] ??= this.derive(view, cluster));
  }

  /**
   * Of these, those that a flow may be given to between the nodes beside them, as resilient links stand ([0036 c]); all where
   * none is left so.
   */
  open(view: TopologyView, cluster: number, before: NodeRef, after: NodeRef): LiveNodes {
    if (!view.isResilient) return this.live(view, cluster);
    return this.openBeside(view, cluster, (before * NODE_REF_COUNT + after) * 2, { before, after }, 0);
  }

  /** Those that may follow a node: as links stand once it is out, so that a flow has the same heir before its death and after. */
  heirs(view: TopologyView, ref: NodeRef): LiveNodes {
    const cluster = clusterOf(ref);
    if (!view.isResilient) return this.live(view, cluster);
    return this.openBeside(view, cluster, ref * 2 + 1, NOBODY_BESIDE, ref);
  }

  private openBeside(view: TopologyView, cluster: number, key: number, beside: Beside, without: NodeRef): LiveNodes {
    let known = this.openCache.get(view);
    if (known === undefined) this.openCache.set(view, (known = new Map()));
    const place = key * 256 + cluster;
    let open = known.get(place);
    if (open === undefined) {
      const isOut = (ref: NodeRef): boolean => ref === without || !this.mayTakeOver(view, ref);
      open = openMembers(view, cluster, beside, this.live(view, cluster), isOut);
      known.set(place, open);
    }
    return open;
  }

  /** Lets go of what was derived for a topology that retired. */
  forget(view: TopologyView): void {
    this.liveCache.delete(view);
    this.openCache.delete(view);
    this.seniorCache.length = 0;
  }

  /** Flags by node ID of the live active members of a cluster of `latest` that the oldest of `views` names. */
  seniors(views: Views, latest: TopologyView, cluster: number): LiveNodes {
    return (this.seniorCache[cluster] ??= this.deriveSeniors(views, latest, cluster));
  }

  private deriveSeniors(views: Views, latest: TopologyView, cluster: number): LiveNodes {
    const seniors = new Uint8Array(128);
    let oldest = Infinity;
    for (const { node, incarnation, state } of latest.cluster(cluster).members) {
      const ref = nodeRef(cluster, node);
      if (state !== 'active' || this.isDead(ref, incarnation)) continue;
      let since = latest.topology.version;
      views.forEach((view) => {
        if (view.incarnationOf(ref) === incarnation) since = Math.min(since, view.topology.version);
      });
      if (since < oldest) seniors.fill(0);
      if (since <= oldest) seniors[node] = 1;
      oldest = Math.min(oldest, since);
    }
    return seniors;
  }

  private clearCaches(): void {
    this.recorded++;
    this.liveCache.clear();
    this.openCache.clear();
    this.seniorCache.length = 0;
  }

  private derive(view: TopologyView, cluster: number): LiveNodes {
    const live = new Uint8Array(128);
    for (const { node, incarnation } of view.cluster(cluster).members) {
      const ref = nodeRef(cluster, node);
      if (!this.isDead(ref, incarnation) && !this.hasLeft(ref, incarnation)) live[node] = 1;
    }
    return live;
  }
}
