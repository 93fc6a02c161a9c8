import { clusterOf, nodeRef, type Incarnation, type Micros, type NodeRef, type WireId } from '../../domain/base/ids';
import { holdRounds, longestIdleMs } from '../../domain/grid/timing';
import { DEFAULT_TIMING, type ClusterRole } from '../../domain/topology/topology';
import type { ConnectionTable } from '../flows/connection-table';
import type { FlowTable } from '../flows/flow-table';
import { S_TO } from '../frames/layout';
import type { RingReader } from '../rings/spsc-ring';
import type { TopologyView } from '../select/topology-view';
import { BATCH, type GroupContext } from './context';
import { takeWord, type WordTakers } from './control-words';
import { Deltas } from './deltas';
import { Detours } from './detours';
import { Digests } from './digests';
import { FlowEndings } from './flow-endings';
import { FlowMoves } from './flow-moves';
import { servicesOf } from './function-services';
import { Gateway } from './gateway';
import { Handover } from './handover';
import { LostFrames } from './lost-frames';
import { ModeChanges } from './mode-changes';
import { Node } from './node';
import { Receiver, type Deliver } from './receiver';
import { Repinning, type WireTarget } from './repin';
import { SecondaryFlows } from './secondary-flows';
import { Sender } from './sender';
import { Stage } from './stage';
import { Takeover } from './takeover';
import { Watch, type Detection, type Hearing } from './watch';

/** What a node's life is made of besides the group's context. */
export interface NodeParts {
  readonly ref: NodeRef;
  readonly incarnation: Incarnation;
  readonly flows: FlowTable;
  /** INODEs only. */
  readonly connections: ConnectionTable | undefined;
  readonly role: ClusterRole;
  /** Rings into the node, by producer; the last one is the world's. */
  readonly inbox: readonly RingReader[];
  readonly detected: (detection: Detection) => void;
}

/** One life of a node: the engine's modules put together, its rings drained, its clock rounds kept. */
export class HostedNode implements WordTakers {
  readonly node: Node;
  /** A dead node stays silent; what is sent to it is lost. */
  alive = true;
  readonly stage: Stage;
  readonly takeover: Takeover;
  readonly handover: Handover;
  readonly digests: Digests;
  private readonly receiver: Receiver;
  readonly watch: Watch;
  readonly deltas: Deltas;
  readonly repinning: Repinning;
  readonly moves: FlowMoves;
  readonly detours: Detours;
  readonly modes: ModeChanges;
  readonly endings: FlowEndings;
  readonly secondary: SecondaryFlows;
  readonly gateway: Gateway | undefined;
  private readonly lost: LostFrames;
  private readonly list: number;
  /** Producer whose frames are taken first. */
  private turn = 0;
  /** INODEs that have returned, in which life. */
  private readonly returned = new Map<NodeRef, Incarnation>();
  private present: TopologyView | undefined;

  constructor(
    private readonly ctx: GroupContext,
    private readonly parts: NodeParts,
  ) {
    this.node = new Node(ctx, parts.ref, parts.incarnation, parts.flows, parts.connections);
    this.list = ctx.allocateList(BATCH);
    this.lost = new LostFrames(this.node);
    const sender = new Sender(this.node);
    this.deltas = new Deltas(this.node);
    this.stage = new Stage(this.node, sender, this.deltas, () => this.secondary);
    this.handover = new Handover(this.node, this.stage, (flow) => this.takeover.told(flow));
    this.digests = new Digests(this.node, this.handover);
    this.takeover = new Takeover(this.node, this.stage, this.handover, (flow) => this.gateway?.inherited(flow));
    this.secondary = new SecondaryFlows(this.node, this.stage, (flow, route) => this.takeover.learned(flow, route));
    this.watch = new Watch(
      this.node,
      (ref, incarnation) => {
        this.moves.buried(ref);
        this.detours.buried();
        this.takeover.goOnWithout(ref, incarnation);
        this.moves.wentOnWithout(ref);
        this.node.flood.died(ref, this.longestIdleUs());
        if (clusterOf(ref) === this.node.cluster) this.gateway?.siblingDied();
        this.stage.acknowledged(this.deltas.buried(ref));
      },
      parts.detected,
    );
    if (parts.connections !== undefined) {
      this.gateway = new Gateway(
        this.node,
        sender,
        this.stage,
        parts.connections,
        (flow, skipped) => this.detours.order(flow, skipped),
        (flow) => this.takeover.told(flow),
      );
    }
    const peers = (): readonly NodeRef[] => this.gateway?.peers() ?? [];
    const resume = (flow: number): void => this.gateway?.resume(flow);
    this.modes = new ModeChanges(this.node, this.stage, this.handover, resume, peers);
    this.repinning = new Repinning(this.node, this.modes, peers);
    this.detours = new Detours(this.node, this.stage, this.handover);
    this.moves = new FlowMoves(this.node, this.stage, sender, this.handover, this.takeover, peers);
    this.endings = new FlowEndings(
      this.node,
      this.stage,
      this.handover,
      this.moves,
      this.detours,
      this.modes,
      this.gateway,
    );
    const toStage: Deliver = {
      deliver: (list, n) => this.stage.run(list, n),
      flowLearned: () => undefined,
    };
    this.receiver = new Receiver(
      this.node,
      this.takeover,
      this.handover,
      this.gateway ?? toStage,
      (from) => this.watch.heard(from),
      (address) => takeWord(this.node, this, address),
      (slot, flow) => this.moves.forward(slot, flow),
    );
  }

  /** A topology was installed in the group. */
  installed(view: TopologyView): void {
    if (!view.hasCluster(this.node.cluster)) return;
    const { role, function: spec } = view.cluster(this.node.cluster);
    if (role === 'anode' && this.node.host === undefined) {
      this.node.host = this.ctx.options.createFunction(
        spec,
        servicesOf(this.node, this.stage, this.detours, view.topology.seed),
      );
    }
    if (this.ctx.topologies.active === undefined) this.gateway?.configure(view);
    for (const dead of view.published.dead) this.buryText(dead);
    if (view === this.ctx.topologies.latest) this.follow(view);
    this.gateway?.topologiesChanged();
    this.receiver.unpark();
    this.gateway?.settle();
  }

  /** Who is a member now: members that left are chosen no more, and INODEs that are back are refused no more. */
  private follow(view: TopologyView): void {
    this.node.obituary.follow(view);
    this.partFrom(this.present, view);
    this.present = view;
    for (const { id, role, members } of view.topology.clusters) {
      if (role !== 'inode') continue;
      for (const { node, incarnation } of members) {
        const ref = nodeRef(id, node);
        if (incarnation < 2 || this.returned.get(ref) === incarnation) continue;
        this.returned.set(ref, incarnation);
        if (ref !== this.node.ref) this.bury(ref, incarnation - 1);
        this.node.visitFlows((flow) => this.node.heirs.unfence(flow, ref));
      }
    }
  }

  /** Members that the latest topology names no more: no flow may count on them, though it began when they were there. */
  private partFrom(before: TopologyView | undefined, now: TopologyView): void {
    for (const { id, members } of before?.topology.clusters ?? []) {
      if (!now.hasCluster(id)) continue;
      for (const { node, incarnation } of members) {
        const ref = nodeRef(id, node);
        const stays = now.incarnationOf(ref) === incarnation || this.node.obituary.isDead(ref, incarnation);
        if (!stays && ref !== this.node.ref) this.takeover.goOnWithout(ref, incarnation);
      }
    }
  }

  /** This node begins a new life: its neighbours hear it before anything else from it, and go on without the one before. */
  arrive(): void {
    this.watch.greet();
  }

  /** New flows are stamped with this topology from now on. */
  activated(view: TopologyView): void {
    this.gateway?.configure(view);
  }

  /** Takes up to BATCH frames from the rings of internal links; returns how many. */
  drainInternal(): number {
    const { inbox } = this.parts;
    let n = 0;
    const measures = this.node.figures.areNeeded;
    const producers = inbox.length - 1;
    // Each producer has its turn: one that always fills a batch would keep the others' hellos from being heard.
    this.turn = this.turn + 1 < producers ? this.turn + 1 : 0;
    for (let i = 0; i < producers && n < BATCH; i++) {
      const ring = inbox[this.turn + i < producers ? this.turn + i : this.turn + i - producers];
      if (measures) this.node.figures.sampleQueue(ring.pending, ring.capacity);
      n += ring.take(this.list + 4 * n, BATCH - n);
    }
    if (n === 0) return 0;
    if (!this.alive) {
      this.lost.all(this.list, n);
      return n;
    }
    if (this.ctx.probes.isActive) this.ctx.probes.received(this.list, n, this.node.ref);
    this.receiver.receive(this.list, n);
    this.detours.settle();
    this.modes.settle();
    this.gateway?.settle();
    return n;
  }

  /** Takes up to BATCH frames from external networks; returns how many. */
  drainExternal(): number {
    const n = this.parts.inbox[this.parts.inbox.length - 1].take(this.list, BATCH);
    if (n === 0) return 0;
    if (this.alive && this.gateway !== undefined) this.gateway.enter(this.list, n);
    else this.lost.all(this.list, n);
    return n;
  }

  /** Whether frames wait in a ring into the node. */
  hasFrames(): boolean {
    return this.parts.inbox.some((reader) => reader.pending > 0);
  }

  /** The grid is taken down in good order: flows end now. */
  endFlows(): void {
    if (this.alive) this.gateway?.endFlows();
  }

  /** A hello round: greet, notice deaths, then let go of what needs no holding any more. */
  round(): void {
    if (!this.alive) return;
    const timing = this.ctx.topologies.latest?.topology.timing;
    if (timing === undefined) return;
    this.watch.check();
    this.node.figures.tick(this.stage.heldBytes);
    this.watch.greet();
    this.handover.tick();
    this.digests.tick();
    this.stage.acknowledged(this.deltas.tick());
    this.stage.releaseHeld(holdRounds(timing));
    this.endings.endPostponed();
    this.receiver.tick();
    this.gateway?.tick();
    this.secondary.tick();
    this.repinning.tick();
    this.modes.tick();
    this.node.flood.tick(this.longestIdleUs());
    this.moves.tick();
    this.detours.tick();
    this.node.host?.tick(this.ctx.now);
    this.endings.forgetSilent(this.longestIdleUs());
  }

  /** The control plane says that a node is dead. */
  bury(ref: NodeRef, incarnation: Incarnation): void {
    if (this.alive) this.watch.bury(ref, incarnation);
  }

  /** Adds whom it should hear, or should have heard once, and whether it does. */
  reportHearing(report: Map<NodeRef, Hearing>): void {
    if (this.alive) this.watch.reportHearing(report);
  }

  /** Ends this life at once: function, tables and queues are gone, and nobody is told. */
  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    // What it holds is here, whatever next hop was chosen for it.
    const lose = (slot: number): void => {
      this.ctx.arena.u16[(this.ctx.slot(slot) + S_TO) >>> 1] = this.node.ref;
      this.lost.one(slot);
    };
    this.stage.abandon(lose);
    this.handover.abandon(lose);
    this.receiver.abandon(lose);
    this.secondary.abandon(lose);
    this.gateway?.abandon(lose);
    const flows: number[] = [];
    this.node.visitFlows((flow) => flows.push(flow));
    for (const flow of flows) this.node.removeFlow(flow);
    this.node.functionDrops = this.node.host?.dropsByReason() ?? {};
    this.node.host = undefined;
    this.node.inFlight = 0;
  }

  /** Flows that this node allocated and that carry `from` are to carry another topology's wire ID. */
  repin(from: WireId, target: WireTarget): void {
    if (this.alive) this.repinning.move(from, target);
  }

  /** A topology was retired: nothing carries its wire ID. */
  retired(view: TopologyView): void {
    this.node.obituary.forget(view);
    this.repinning.retired(view.topology.wireId);
    this.gateway?.topologiesChanged();
  }

  liveWireIds(report: Set<number>): void {
    this.gateway?.liveWireIds(report);
  }

  /** How long a flow may be silent at most and live, as the latest topology has it. */
  private longestIdleUs(): Micros {
    const timing = this.ctx.topologies.latest?.topology.timing ?? DEFAULT_TIMING;
    return 1000 * longestIdleMs(timing);
  }

  private buryText(chain: string): void {
    const [ref, incarnation] = chain.split('@');
    const [cluster, id] = ref.split('/').map(Number);
    const dead = (cluster << 7) | id;
    if (dead !== this.node.ref) this.bury(dead, Number(incarnation));
  }
}
