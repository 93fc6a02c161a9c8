import { clusterOf, nodeOf, type ClusterId, type FlowId, type NodeRef } from '../../domain/base/ids';
import { F_BACKUP, F_ID, F_NEXT_FWD, F_PATH, F_SHADOW_FWD } from '../frames/layout';
import { hashedNode } from '../select/route';
import { CONTROL_CHOICE, type ControlCursor } from './control-frames';
import type { Node } from './node';

/** Choices of siblings that a node remembers at most; the oldest go first. */
const TOLD_MAX = 65_536;

/**
 * What one node chose for the next hop of a flow, told to the sibling that the flow falls to when the chooser dies
 * (DESIGN.md section 5, Selection). A choice by turns or by load cannot be computed again from the flow ID, and until
 * the first reverse frame has taken it back to the INODE that stamps the route, nobody else knows it.
 *
 * Body of `CHOICE`: flow ID u32, chosen node u16. It goes out before the frame that was chosen for.
 */
export class Choices {
  /** Choices of siblings, by flow, one in a cluster; kept until the flow's end. */
  private readonly told = new Map<FlowId, readonly NodeRef[]>();

  constructor(private readonly node: Node) {}

  /** The node of a cluster that was told of for the flow; 0 = nothing was told. */
  of(flow: FlowId, cluster: ClusterId): NodeRef {
    return this.told.get(flow)?.find((ref) => clusterOf(ref) === cluster) ?? 0;
  }

  /** Tells the sibling of this node's choice, where frames do not carry it and nobody could compute it again. */
  tell(flow: number): void {
    const { node } = this;
    const { u16, u32 } = node.ctx.arena;
    const next = u16[(flow + F_NEXT_FWD) >>> 1];
    if (next === 0 || !node.emits(flow) || !this.isOpen(flow)) return;
    const id = u32[(flow + F_ID) >>> 2];
    const view = node.viewOf(flow);
    // Where a flow ends with its node, whoever computed again would find another node for it.
    const { selector, failure } = view.cluster(clusterOf(next));
    const isHashed = selector === 'hash' && failure !== 'discard';
    if (isHashed && next === hashedNode(view, clusterOf(next), id, node.obituary)) return;
    this.tellNext(flow);
  }

  /** The flow's next hop is another one: where the sibling would not see it in frames, it is told. */
  moved(flow: number): void {
    if (this.isOpen(flow)) this.tellNext(flow);
  }

  /** Tells the sibling of the next hop, whatever the route says of it. */
  tellNext(flow: number): void {
    const { node } = this;
    const sibling = this.siblingOf(flow);
    node.side.confidant[node.aux(flow)] = sibling;
    if (sibling === 0 || !node.control.begin(node.incarnation)) return;
    node.control.u32(node.ctx.arena.u32[(flow + F_ID) >>> 2]);
    node.control.u16(node.ctx.arena.u16[(flow + F_NEXT_FWD) >>> 1]);
    node.control.send(node.ref, sibling, CONTROL_CHOICE, 0);
  }

  /** `CHOICE`: a sibling chose, and may not know yet who is dead. `told`: a flow has another next hop. */
  onChoice(body: ControlCursor, told: (flow: number) => void): void {
    const id = body.readU32();
    const next = body.readU16();
    const { node } = this;
    const { u16 } = node.ctx.arena;
    this.remember(id, next);
    const flow = node.flows.find(id);
    if (flow === 0 || node.emits(flow)) return;
    u16[(flow + F_NEXT_FWD) >>> 1] = next;
    u16[(flow + F_SHADOW_FWD) >>> 1] = node.heirs.shadowOf(flow, next);
    told(flow);
  }

  /** A member of this cluster died: where it was the one that knew, the next one is told. */
  siblingDied(flow: number, dead: NodeRef): void {
    if (this.node.side.confidant[this.node.aux(flow)] === dead) this.tell(flow);
  }

  /** The flow is over. */
  forget(flow: FlowId): void {
    this.told.delete(flow);
  }

  /** A flow goes through `ref`, before or behind this node, whether it is known here yet or not. */
  remember(flow: FlowId, ref: NodeRef): void {
    if (this.told.size >= TOLD_MAX) this.told.delete(this.told.keys().next().value as FlowId);
    const elsewhere = this.told.get(flow)?.filter((other) => clusterOf(other) !== clusterOf(ref)) ?? [];
    this.told.set(flow, [...elsewhere, ref]);
  }

  /** Whether the flow's route, as it was stamped, leaves the next hop open. */
  private isOpen(flow: number): boolean {
    const { u8, u32 } = this.node.ctx.arena;
    const place = this.node.placeBeside(flow, 1);
    const path = u32[(flow + F_PATH) >>> 2];
    return this.node.clusterAt(flow, place) !== 0 && nodeOf(u8[path + 2 * place + 1]) === 0;
  }

  /** Whom the flow falls to when this node dies; under `discard` nobody. */
  private siblingOf(flow: number): NodeRef {
    const { node } = this;
    const { failure } = node.clusterIn(node.viewOf(flow));
    if (failure === 'discard') return 0;
    return failure === 'backup' ? node.ctx.arena.u16[(flow + F_BACKUP) >>> 1] : node.heirs.nextFor(flow, node.ref);
  }
}
