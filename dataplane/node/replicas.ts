import { nodeOf, type FlowId } from '../../domain/base/ids';
import type { FlowPath } from '../../domain/topology/topology';
import {
  F_EMITTER,
  F_ID,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FS_FULL_ROUTE,
  FS_REPLICA,
  S_FLOW,
  S_REASON,
} from '../frames/layout';
import { standFor } from '../select/copies';
import { cloneOf, replicaPathOf, replicaRoute } from '../select/replica';
import { emitterFor } from '../select/route';
import type { TopologyView } from '../select/topology-view';
import { BATCH } from './context';
import { REPLICATED } from './counters';
import { PHASE_OWNED } from './flow-side';
import type { Node } from './node';
import type { Sender } from './sender';
import { HOPS } from './succession';

/**
 * Flow replication ([0084]): a flow of a type that a policy replicates has a clone, a flow with an ID, a path and
 * sequences of its own and flag 3. Every frame that enters the grid for the original enters for the clone too: forward
 * ones at the INODE that allocated both, reverse ones at the original's egress INODE if the clone's path ends there. A
 * clone is not carried on by another INODE when its own dies.
 */
export class Replicas {
  private readonly copies: number;
  private count = 0;

  constructor(
    private readonly node: Node,
    private readonly sender: Sender,
  ) {
    this.copies = node.ctx.allocateList(BATCH);
  }

  /**
   * A flow of this INODE's own began: makes its clone, if its type is replicated. Returns the ID that was taken for a
   * clone that cannot be made, else 0.
   */
  begin(flow: number): FlowId {
    const { ctx } = this.node;
    const { u16, u32 } = ctx.arena;
    const view = ctx.topologies.active;
    const path = view === undefined ? undefined : replicaPathOf(view, u16[(flow + F_TYPE) >>> 1]);
    if (view === undefined || path === undefined) return 0;
    return this.make(flow, view, path) ? 0 : cloneOf(u32[(flow + F_ID) >>> 2]);
  }

  /** Makes the clone of a flow that was allocated here; its ID is taken already. False if it cannot be made. */
  make(flow: number, view: TopologyView, path: FlowPath): boolean {
    const { ctx, side } = this.node;
    const { u8, u32 } = ctx.arena;
    const id = u32[(flow + F_ID) >>> 2];
    const clone = this.insert(flow, id, view, path, true);
    if (clone === 0) return false;
    const aux = this.node.aux(clone);
    side.phase[aux] |= PHASE_OWNED;
    this.node.ownedByWire[u8[clone + F_WIRE]]++;
    this.node.emitEvent({
      type: 'FlowReplicated',
      at: ctx.now,
      flow: id,
      topologySeq: view.published.seq,
      clone: cloneOf(id),
      path: path.id,
    });
    this.tellStart(clone, id);
    return true;
  }

  /** The egress INODE learned of a flow: what enters here for it enters for its clone too, if that path ends here. */
  follow(flow: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    const view = this.node.viewOf(flow);
    const path = replicaPathOf(view, u16[(flow + F_TYPE) >>> 1]);
    if (path !== undefined) this.insert(flow, u32[(flow + F_ID) >>> 2], view, path, false);
  }

  /** The same of a flow that runs. Its clone's first frame may end before it comes here. */
  followRunning(flow: number, view: TopologyView, path: FlowPath): void {
    const { u32 } = this.node.ctx.arena;
    const id = u32[(flow + F_ID) >>> 2];
    const known = this.node.flows.find(cloneOf(id));
    const isOther = known !== 0 && (u32[(known + F_STATE) >>> 2] & FS_REPLICA) === 0;
    if (!isOther) this.insert(flow, id, view, path, false);
  }

  /** A clone was learned from its first frame: it may have come before its original, or the original be old. */
  learned(clone: number): void {
    const { node } = this;
    const original = node.flows.find(cloneOf(node.ctx.arena.u32[(clone + F_ID) >>> 2]));
    if (original !== 0) node.side.replica[node.aux(original)] = clone;
  }

  /** Copies the frames of a list that have a clone, stamped as the clone's; to be sent behind them by {@link send}. */
  copy(list: number, n: number): void {
    const { ctx, counters, side } = this.node;
    if (side.replicas === 0) return;
    const { u16, u32 } = ctx.arena;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      const flow = u32[(address + S_FLOW) >>> 2];
      if (flow === 0 || u16[(address + S_REASON) >>> 1] !== 0) continue;
      const clone = side.replica[this.node.aux(flow)];
      if (clone === 0) continue;
      counters.values[REPLICATED]++;
      const copy = this.node.copyOf(slot);
      if (copy < 0) continue;
      u32[(ctx.slot(copy) + S_FLOW) >>> 2] = clone;
      u32[(this.copies >>> 2) + this.count++] = copy;
    }
    if (this.count > 0) ctx.kernels.stamp(this.node.ref, this.copies, this.count);
  }

  /** Sends what {@link copy} made. */
  send(): void {
    if (this.count === 0) return;
    const n = this.count;
    this.count = 0;
    this.sender.send(this.copies, n);
  }

  private tellStart(clone: number, original: FlowId): void {
    const { node } = this;
    const { u8, u16, u32 } = node.ctx.arena;
    const route = node.routeOf(clone);
    node.emitEvent({
      type: 'CloneStarted',
      at: node.ctx.now,
      flow: u32[(clone + F_ID) >>> 2],
      topologySeq: node.seqOf(clone),
      original,
      flowType: u16[(clone + F_TYPE) >>> 1],
      wireId: u8[clone + F_WIRE],
      path: node.side.path[node.aux(clone)],
      route,
      backups: route.map((ref) => (nodeOf(ref) === 0 ? 0 : node.heirs.shadowOf(clone, ref))),
    });
  }

  /** The clone's entry at one end of its path, tied to its original; 0 if it has no way, no place here, or no room. */
  private insert(flow: number, id: FlowId, view: TopologyView, path: FlowPath, forward: boolean): number {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    const route = replicaRoute(view, path, id, node.routeOf(flow), node.obituary);
    const place = forward ? 0 : (route?.length ?? 0) - 1;
    if (route === undefined || route.length < 2 || route[place] !== node.ref) return 0;
    const known = node.flows.find(cloneOf(id));
    const clone = known !== 0 ? known : node.insertFlow(cloneOf(id), u16[(flow + F_TYPE) >>> 1], view, route, place);
    if (clone === 0) return 0;
    node.side.replica[node.aux(flow)] = clone;
    if (known !== 0) return clone;
    node.markReplica(clone);
    node.setState(clone, FS_FULL_ROUTE);
    node.side.path[node.aux(clone)] = path.id;
    u16[(clone + F_EMITTER) >>> 1] = node.ref;
    for (const hop of HOPS) {
      const beside = route[standFor(route, place, hop.step) + hop.step] ?? 0;
      if (nodeOf(beside) === 0) continue;
      const next = emitterFor(view, beside >>> 7, beside, cloneOf(id), node.obituary);
      u16[(clone + hop.next) >>> 1] = next;
      u16[(clone + hop.shadow) >>> 1] = node.heirs.shadowOf(clone, next);
    }
    return clone;
  }
}
