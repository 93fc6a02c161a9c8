import { clusterOf, nodeOf, type ClusterId, type FlowId, type NodeRef, type WireId } from '../../domain/base/ids';
import { F_ID, F_WIRE } from '../frames/layout';
import type { TopologyView } from '../select/topology-view';
import { CONTROL_REPIN, CONTROL_REPINNED, type ControlCursor } from './control-frames';
import { orderIn, readOrder, writeOrder } from './flow-order';
import { PHASE_OWNED } from './flow-side';
import type { ModeChanges } from './mode-changes';
import { differsInModes, isReborn, needsLaying } from './mode-plan';
import type { Node } from './node';

/** Flow table places that an owner looks at for flows to move, and flows that it has under way, at most, per round. */
const SCAN_BUDGET = 4096;
const UNDER_WAY_MAX = 256;

/** First the explicit entry is installed along the route, then the ID changes. */
const INSTALL = 1;
const CHANGE = 2;

/** Flows of one topology are to carry another's wire ID. */
export interface WireTarget {
  readonly version: number;
  readonly wireId: WireId;
  /** They take the modes of its clusters, too. */
  readonly modes?: boolean;
}

/** One phase of one flow's move at one node, until all whom this node told have acknowledged it. */
interface Step {
  readonly phase: number;
  readonly target: WireTarget;
  /** Who told this node; 0 = the flow is its own. */
  upstream: NodeRef;
  readonly key: string;
  readonly hops: readonly NodeRef[];
  readonly waiting: Set<NodeRef>;
  /** The ID that an owner's flow had, while frames may still be stamped with it. */
  readonly from: WireId;
}

/**
 * Moves flows to another topology's wire ID while their nodes stay, because IDs are scarce (DESIGN.md section 4).
 *
 * A flow's owner (the INODE that allocated it) sends the flow's explicit entry — for each cluster of its route the order
 * of members by which it is backed up — along the route, to backups and copies too. Each node installs it, passes it on
 * and acknowledges when all behind it have. Then the owner changes the ID, and the change travels the same way; when it
 * is acknowledged, nobody stamps the old ID any more. What is lost is sent again at the next hello round, and a phase
 * begins anew where a takeover has changed the hops. From then on a flow is repaired by its explicit order, in which
 * only members that live are taken, and everything else about it follows the new topology.
 */
export class Repinning {
  /** What the control plane asked for, by the ID to be freed: it holds for flows inherited later, too. */
  private readonly moves = new Map<WireId, WireTarget>();
  private readonly steps = new Map<FlowId, Step>();
  private cursor = 0;

  constructor(
    private readonly node: Node,
    private readonly modes: ModeChanges,
    /** The other INODEs of the cluster, which hold copies of entries. */
    private readonly peers: () => readonly NodeRef[],
  ) {}

  /** Flows that this node owns and that carry `from` are to move; begins at the next hello round. */
  move(from: WireId, target: WireTarget): void {
    this.moves.set(from, target);
  }

  /** A wire ID has been given back: nothing carries it. */
  retired(wireId: WireId): void {
    this.moves.delete(wireId);
  }

  /** At each hello round: begins what is asked for, and repeats what was not acknowledged. */
  tick(): void {
    if (this.moves.size > 0) this.beginSome();
    for (const [id, step] of this.steps) this.repeat(id, step);
  }

  /** `REPIN`: a flow's explicit entry, or the change of its ID. */
  onRepin(body: ControlCursor, from: NodeRef): void {
    const phase = body.readU8();
    const id = body.readU32();
    const target = { version: body.readU32(), wireId: body.readU8() };
    const order = readOrder(body);
    const flow = this.node.flows.find(id);
    if (flow === 0 || this.isOwn(id)) {
      this.acknowledge(phase, id, target, from);
      return;
    }
    const view = this.node.ctx.topologies.exactly(target);
    // Not installed here yet: the sender repeats it.
    if (view === undefined) return;
    this.node.side.order[this.node.aux(flow)] = order;
    if (phase === CHANGE) this.rebind(flow, view);
    this.run(flow, id, phase, target, from, 0);
  }

  /** `REPINNED`: a node, and everybody behind it, has done a phase. */
  onRepinned(body: ControlCursor, from: NodeRef): void {
    const phase = body.readU8();
    const id = body.readU32();
    const version = body.readU32();
    const step = this.steps.get(id);
    if (step === undefined || step.phase !== phase || step.target.version !== version) return;
    step.waiting.delete(from);
    if (step.waiting.size === 0) this.finish(id, step);
  }

  private beginSome(): void {
    const { node } = this;
    const { u8, u32 } = node.ctx.arena;
    const asked = [...this.moves.keys()].some((wireId) => node.ownedByWire[wireId] > 0);
    if (!asked) return;
    const found: number[] = [];
    this.cursor = node.flows.scan(this.cursor, SCAN_BUDGET, (flow) => {
      const owned = (node.side.phase[node.aux(flow)] & PHASE_OWNED) !== 0;
      const id = u32[(flow + F_ID) >>> 2];
      if (!owned || this.steps.has(id) || this.modes.isUnderWay(id)) return;
      if (this.moves.has(u8[flow + F_WIRE])) found.push(flow);
    });
    for (const flow of found) {
      if (this.steps.size >= UNDER_WAY_MAX) return;
      this.begin(flow, this.moves.get(u8[flow + F_WIRE]) as WireTarget);
    }
  }

  private begin(flow: number, target: WireTarget): void {
    const view = this.node.ctx.topologies.exactly(target);
    const isSecondary = this.node.side.isSecondary[this.node.aux(flow)] === 1;
    if (target.modes === true && !isSecondary && view !== undefined && differsInModes(this.node, flow, view)) {
      this.modes.begin(flow, target);
      return;
    }
    // A cluster of the flow's route that the other topology does not have, or gives copies: the flow keeps its own to its end.
    if (view === undefined || !this.clustersOf(flow).every((cluster) => this.isAlike(flow, cluster, view))) return;
    if (isReborn(this.node, flow, view)) return;
    if (!isSecondary && needsLaying(this.node, flow, view)) {
      this.modes.begin(flow, target);
      return;
    }
    const { side } = this.node;
    const aux = this.node.aux(flow);
    side.order[aux] ??= orderIn(this.node, flow, this.node.viewOf(flow), this.clustersOf(flow));
    this.run(flow, this.node.ctx.arena.u32[(flow + F_ID) >>> 2], INSTALL, target, 0, 0);
  }

  /** A node that died meanwhile has an heir that may know nothing of the flow, and passes no word of it on. */
  private changeOrLay(flow: number, id: FlowId, target: WireTarget): void {
    const view = this.node.ctx.topologies.exactly(target);
    const isSecondary = this.node.side.isSecondary[this.node.aux(flow)] === 1;
    if (view !== undefined && !isSecondary && needsLaying(this.node, flow, view)) this.modes.begin(flow, target);
    else this.change(flow, id, target);
  }

  /** Everybody on the route has the entry: the ID changes here, then behind. */
  private change(flow: number, id: FlowId, target: WireTarget): void {
    const { node } = this;
    const view = this.node.ctx.topologies.exactly(target);
    if (view === undefined) return;
    const from = node.ctx.arena.u8[flow + F_WIRE];
    this.rebind(flow, view);
    // The old ID counts as carried until nobody stamps it any more.
    node.ownedByWire[target.wireId]++;
    node.emitEvent({
      type: 'FlowRepinned',
      at: node.ctx.now,
      flow: id,
      topologySeq: view.published.seq,
      fromWireId: from,
      toWireId: target.wireId,
    });
    this.run(flow, id, CHANGE, target, 0, from);
  }

  private rebind(flow: number, view: TopologyView): void {
    this.node.ctx.arena.u8[flow + F_WIRE] = view.topology.wireId;
    this.node.side.view[this.node.aux(flow)] = view;
  }

  /** Tells a phase to all behind this node; done at once where there is nobody, or where it was done already. */
  private run(flow: number, id: FlowId, phase: number, target: WireTarget, upstream: NodeRef, from: WireId): void {
    const hops = this.hopsOf(flow).filter((ref) => ref !== upstream);
    const key = `${phase}/${target.version}/${hops.join()}`;
    const known = this.steps.get(id);
    if (known?.key === key) {
      known.upstream = upstream;
      return;
    }
    const step: Step = { phase, target, upstream, key, hops, waiting: new Set(hops), from };
    this.steps.set(id, step);
    const isDone = this.node.side.repinned[this.node.aux(flow)] === key;
    if (hops.length === 0 || isDone) this.finish(id, step);
    else this.tell(flow, id, step);
  }

  private finish(id: FlowId, step: Step): void {
    this.steps.delete(id);
    const flow = this.node.flows.find(id);
    if (flow !== 0) this.node.side.repinned[this.node.aux(flow)] = step.key;
    if (step.upstream !== 0) this.acknowledge(step.phase, id, step.target, step.upstream);
    else if (step.phase === CHANGE) this.node.ownedByWire[step.from]--;
    else if (flow !== 0) this.changeOrLay(flow, id, step.target);
  }

  private repeat(id: FlowId, step: Step): void {
    const flow = this.node.flows.find(id);
    if (flow === 0) {
      // It ended: with its entry the new ID was given back, the old one is now.
      this.steps.delete(id);
      if (step.from !== 0) this.node.ownedByWire[step.from]--;
      return;
    }
    const hops = this.hopsOf(flow).filter((ref) => ref !== step.upstream);
    if (hops.join() === step.hops.join()) {
      this.tell(flow, id, step);
    } else {
      this.steps.delete(id);
      this.run(flow, id, step.phase, step.target, step.upstream, step.from);
    }
  }

  private tell(flow: number, id: FlowId, { phase, target, waiting }: Step): void {
    const { control, ref, incarnation, side } = this.node;
    const order = side.order[this.node.aux(flow)] ?? [];
    for (const to of waiting) {
      if (!control.begin(incarnation)) return;
      control.u8(phase);
      control.u32(id);
      control.u32(target.version);
      control.u8(target.wireId);
      writeOrder(control, order);
      control.send(ref, to, CONTROL_REPIN, 0);
    }
  }

  private acknowledge(phase: number, id: FlowId, target: WireTarget, to: NodeRef): void {
    const { control, ref, incarnation } = this.node;
    if (!control.begin(incarnation)) return;
    control.u8(phase);
    control.u32(id);
    control.u32(target.version);
    control.send(ref, to, CONTROL_REPINNED, 0);
  }

  /** Whom this node tells: the next hop and its backup if it emits the flow's frames, and INODEs that have copies. */
  private hopsOf(flow: number): NodeRef[] {
    if (!this.node.emits(flow)) return [];
    const hops = [...this.node.hopsBehind(flow), ...this.peers()];
    return [...new Set(hops.filter((ref) => nodeOf(ref) !== 0))];
  }

  /** Whether this node began the flow's move: word of it that comes round again needs no second one. */
  private isOwn(id: FlowId): boolean {
    return this.steps.get(id)?.upstream === 0;
  }

  /** Whether the flow can be carried through a cluster under another topology as under its own. */
  private isAlike(flow: number, cluster: ClusterId, view: TopologyView): boolean {
    if (!view.hasCluster(cluster)) return false;
    const [was, is] = [this.node.viewOf(flow), view].map((each) => each.cluster(cluster).mode);
    return was === is || ![was, is].some((mode) => mode === 'copy' || mode === 'drop');
  }

  private clustersOf(flow: number): number[] {
    return this.node.routeOf(flow).map((ref) => clusterOf(ref));
  }
}
