import { clusterOf, nodeRef, type ClusterId, type NodeRef } from '../../domain/base/ids';
import { flowBucket } from '../../domain/cluster/rendezvous';
import { F_FENCED, F_ID } from '../frames/layout';
import { successorOf } from '../select/route';
import { nextInOrder } from './flow-order';
import type { Node } from './node';

/** Replaced emitters remembered per flow. */
const FENCED_MAX = 4;

/** Who comes next in a cluster for a flow, as this node knows it: whoever was replaced in it is fenced. */
export class Heirs {
  constructor(private readonly node: Node) {}

  isFenced(flow: number, ref: NodeRef): boolean {
    const at = (flow + F_FENCED) >>> 1;
    const { u16 } = this.node.ctx.arena;
    for (let i = 0; i < FENCED_MAX; i++) if (u16[at + i] === ref) return true;
    return false;
  }

  /** From now on frames of the flow from `ref` are refused, and its naming of an emitter is not followed. */
  fence(flow: number, ref: NodeRef): void {
    if (ref === 0 || ref === this.node.ref || this.isFenced(flow, ref)) return;
    const at = (flow + F_FENCED) >>> 1;
    const { u16 } = this.node.ctx.arena;
    for (let i = 0; i < FENCED_MAX; i++) {
      if (u16[at + i] === 0) {
        u16[at + i] = ref;
        return;
      }
    }
    for (let i = 1; i < FENCED_MAX; i++) u16[at + i - 1] = u16[at + i];
    u16[at + FENCED_MAX - 1] = ref;
  }

  /** A new life of `ref` is a member: what is refused of the one before cannot come any more. */
  unfence(flow: number, ref: NodeRef): void {
    const at = (flow + F_FENCED) >>> 1;
    const { u16 } = this.node.ctx.arena;
    for (let i = 0; i < FENCED_MAX; i++) if (u16[at + i] === ref) u16[at + i] = 0;
  }

  /** The flow comes to a cluster anew, behind an emptied route: nothing of what was refused there before is under way. */
  unfenceIn(flow: number, cluster: ClusterId): void {
    const at = (flow + F_FENCED) >>> 1;
    const { u16 } = this.node.ctx.arena;
    for (let i = 0; i < FENCED_MAX; i++) if (clusterOf(u16[at + i]) === cluster) u16[at + i] = 0;
  }

  /**
   * The next member after `ref` in the flow's order that is neither dead nor gone nor replaced in this flow; where none
   * is left of an INODE's cluster, one that has come since. 0 if there is none.
   */
  nextFor(flow: number, ref: NodeRef): NodeRef {
    return this.nextMember(flow, ref) || this.standIn(flow, ref);
  }

  private nextMember(flow: number, ref: NodeRef): NodeRef {
    const view = this.node.viewOf(flow);
    const id = this.node.ctx.arena.u32[(flow + F_ID) >>> 2];
    const order = this.node.side.order[this.node.aux(flow)];
    let candidate = ref;
    for (let step = 0; step <= FENCED_MAX; step++) {
      candidate =
        order === undefined
          ? successorOf(view, candidate, id, this.node.obituary)
          : nextInOrder(order, candidate, (member) => !this.node.obituary.mayTakeOver(view, member));
      if (candidate === 0 || candidate === ref) return 0;
      if (!this.isFenced(flow, candidate)) return candidate;
    }
    return 0;
  }

  /**
   * INODEs that came after the flow began have copies of it, those first that have been there longest: the flow's hash
   * chooses one of them, other than `ref`. 0 where there is none, and in clusters of ANODEs.
   */
  standIn(flow: number, ref: NodeRef): NodeRef {
    const { latest } = this.node.ctx.topologies;
    const cluster = clusterOf(ref);
    if (latest === undefined || !latest.hasCluster(cluster) || latest.cluster(cluster).role !== 'inode') return 0;
    const bucket = flowBucket(this.node.ctx.arena.u32[(flow + F_ID) >>> 2], cluster, latest.topology.seed);
    const node = latest
      .table(cluster)
      .firstLive(bucket, this.node.obituary.seniors(this.node.ctx.topologies, latest, cluster));
    const chosen = nodeRef(cluster, node);
    return node === 0 || chosen === ref ? 0 : chosen;
  }

  /** Whether `ref` is an INODE of the latest topology, alive in a life that the flow's own topology does not know. */
  isStandIn(flow: number, ref: NodeRef): boolean {
    const { latest } = this.node.ctx.topologies;
    const cluster = clusterOf(ref);
    if (latest === undefined || !latest.hasCluster(cluster) || latest.cluster(cluster).role !== 'inode') return false;
    const life = latest.incarnationOf(ref);
    return life !== 0 && life !== this.node.viewOf(flow).incarnationOf(ref) && !this.node.obituary.isDead(ref, life);
  }

  /**
   * Who shadows what `emitter` emits of a flow: the next member where the cluster's policy is `backup`, else 0. Copies
   * are not copied again.
   */
  shadowOf(flow: number, emitter: NodeRef): NodeRef {
    const cluster = emitter === 0 ? undefined : this.node.viewOf(flow).cluster(clusterOf(emitter));
    if (cluster?.failure !== 'backup' || cluster.mode === 'copy') return 0;
    return this.nextFor(flow, emitter);
  }
}
