import type { FlowId } from '../../domain/base/ids';
import { F_COUNT, F_STATE, FS_REPLICA } from '../frames/layout';
import { cloneOf } from '../select/replica';
import type { TopologyView } from '../select/topology-view';
import type { FlowAllocation } from './allocation';
import { PHASE_OWNED } from './flow-side';
import type { FlowLifecycle } from './lifecycle';
import type { Node } from './node';
import type { Replicas } from './replicas';

/**
 * Clones of running flows that operators ask for ([0084]). The orders come with the topology that new flows are stamped
 * with; each is looked at once, by the INODEs at both ends of the flow, so that a later flow of the same ID is not meant.
 */
export class ReplicationOrders {
  /** The newest order looked at. */
  private seen = 0;
  /** Flows whose clone was made, and for which order. */
  private readonly obeyed = new Map<FlowId, number>();

  constructor(
    private readonly node: Node,
    private readonly allocation: FlowAllocation,
    private readonly replicas: Replicas,
    private readonly lifecycle: FlowLifecycle,
  ) {}

  /** New flows are stamped with this topology from now on: orders that are new are obeyed, clones that nobody wants any more end. */
  follow(view: TopologyView): void {
    const orders = view.topology.replications ?? [];
    for (const [id, number] of this.obeyed) {
      if (!orders.some(({ flow, order }) => flow === id && order === number)) this.stop(id);
    }
    const before = this.seen;
    for (const { flow: id, path: name, order } of orders) {
      if (order <= before) continue;
      this.seen = Math.max(this.seen, order);
      this.obey(id, name, order, view);
    }
  }

  private obey(id: FlowId, name: string, order: number, view: TopologyView): void {
    const { node } = this;
    const flow = node.flows.find(id);
    const path = view.path(name);
    if (flow === 0 || path === undefined) return;
    const aux = node.aux(flow);
    const { u8, u32 } = node.ctx.arena;
    const isClone = (u32[(flow + F_STATE) >>> 2] & FS_REPLICA) !== 0;
    if (isClone || node.side.replica[aux] !== 0 || !node.emits(flow)) return;
    if ((node.side.phase[aux] & PHASE_OWNED) === 0) {
      if (node.side.position[aux] !== u8[flow + F_COUNT] - 1) return;
      this.replicas.followRunning(flow, view, path);
      this.obeyed.set(id, order);
      return;
    }
    if (!this.allocation.claimClone(id)) return;
    if (this.replicas.make(flow, view, path)) this.obeyed.set(id, order);
  }

  private stop(id: FlowId): void {
    const { node } = this;
    this.obeyed.delete(id);
    const clone = node.flows.find(cloneOf(id));
    if (clone === 0 || (node.ctx.arena.u32[(clone + F_STATE) >>> 2] & FS_REPLICA) === 0) return;
    if ((node.side.phase[node.aux(clone)] & PHASE_OWNED) !== 0) this.lifecycle.endClone(clone, 'eof');
    else node.removeFlow(clone);
  }
}
