import type { ClusterId, Incarnation, NodeRef } from '../../domain/base/ids';
import { Classifier } from '../classify/classifier';
import { compilePolicies } from '../classify/policies';
import type { ConnectionTable } from '../flows/connection-table';
import {
  D_COUNT,
  D_FLAGS,
  D_LIST,
  DF_REPLICA,
  F_STATE,
  FS_FULL_ROUTE,
  S_DESCRIPTOR,
  S_FLAGS,
  S_FLOW,
  S_REASON,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { WAY_OUT } from '../kernels/kernels';
import type { TopologyView } from '../select/topology-view';
import { FlowAllocation } from './allocation';
import { Bridging } from './bridging';
import { BATCH } from './context';
import type { ControlCursor } from './control-frames';
import { EXTERNAL_IN } from './counters';
import { Egress } from './egress';
import { FirstFragments } from './first-fragments';
import { IcmpAnswers } from './icmp-answers';
import { Ingress } from './ingress';
import { FlowLifecycle } from './lifecycle';
import { Learning } from './learning';
import { LinkControl } from './link-control';
import type { Node } from './node';
import { readOffer, sendGrant } from './offers';
import { PathMtu } from './path-mtu';
import type { Deliver } from './receiver';
import { SecondaryGrants } from './secondary-grants';
import { Router } from './router';
import type { Sender } from './sender';
import { Replicas } from './replicas';
import { ReplicationOrders } from './replication-orders';
import { Siblings } from './siblings';
import type { Stage } from './stage';
import { StatelessIngress } from './stateless-ingress';

const NO_PATH = reason('no-path');
const REPLICA_END = reason('replica-end');
/** Connection places looked at for ended ones in each hello interval. */
const EXPIRE_BUDGET = 2048;
/** Hops of a frame that the router has made itself: it is not admitted as those of others are. */
const OWN = 1;

/**
 * The INODE's part ([0057–0060]) put together: `ingress` takes frames from external networks into the grid, `egress`
 * lets them out, `allocation` and `lifecycle` begin and end flows, `siblings` keeps the other INODEs in step.
 */
export class Gateway implements Deliver {
  private readonly leaving: number;
  private readonly transit: number;
  private readonly alone: number;
  private readonly own: number;
  private readonly siblings: Siblings;
  private readonly allocation: FlowAllocation;
  private readonly lifecycle: FlowLifecycle;
  private readonly statelessIngress: StatelessIngress;
  private readonly bridging: Bridging;
  private readonly firstFragments: FirstFragments;
  private readonly orders: ReplicationOrders;
  private readonly ingress: Ingress;
  private readonly egress: Egress;
  private readonly grants: SecondaryGrants;
  private readonly router: Router;
  private readonly learning: Learning;
  private classifier: Classifier | undefined;
  private seed = 0;
  private configuredFor = 0;
  private readonly scratchSlot: number;

  constructor(
    private readonly node: Node,
    sender: Sender,
    private readonly stage: Stage,
    private readonly connections: ConnectionTable,
    /** A flow that began here may leave out clusters behind those that it has entered. */
    shorten: (flow: number, skipped: readonly ClusterId[]) => void,
    /** Another INODE told of a flow, and may name nodes that are dead here. */
    told: (flow: number) => void,
  ) {
    const { ctx } = node;
    this.leaving = ctx.allocateList(BATCH);
    this.transit = ctx.allocateList(BATCH);
    this.alone = ctx.allocateList(1);
    this.own = ctx.allocateList(1);
    this.scratchSlot = ctx.slots.allocate();
    this.siblings = new Siblings(node, connections, told);
    this.learning = new Learning(node, () => this.siblings.peers());
    node.learning = this.learning;
    this.allocation = new FlowAllocation(node, this.learning);
    const replicas = new Replicas(node, sender);
    this.statelessIngress = new StatelessIngress(node, (id) => this.allocation.isFree(id));
    this.lifecycle = new FlowLifecycle(
      node,
      connections,
      this.siblings,
      this.allocation,
      replicas,
      this.statelessIngress,
      {
        take: (flow) => this.bridging.take(flow),
        isBranch: (flow, of) => this.bridging.isBranch(flow, of),
      },
      shorten,
    );
    this.bridging = new Bridging(
      node,
      this.allocation,
      this.statelessIngress,
      (flow, address) => this.lifecycle.branchBegan(flow, address),
      (connection, branch) => this.lifecycle.goesOnBy(connection, branch),
    );
    this.orders = new ReplicationOrders(node, this.allocation, replicas, this.lifecycle);
    this.firstFragments = new FirstFragments(node, this.siblings.duty);
    const linkControl = new LinkControl(ctx);
    const answers = new IcmpAnswers(node);
    const mtu = new PathMtu(node, answers);
    this.router = new Router(
      node,
      answers,
      mtu,
      () => this.siblings.peers(),
      (slot) => this.enterOwn(slot),
    );
    node.router = this.router;
    this.ingress = new Ingress(
      node,
      sender,
      connections,
      this.siblings,
      replicas,
      this.bridging,
      this.firstFragments,
      linkControl,
      this.router,
      this.learning,
      mtu,
    );
    this.egress = new Egress(node, connections, this.siblings, linkControl, this.router, this.learning);
    this.grants = new SecondaryGrants(node, connections, this.siblings, this.allocation, this.lifecycle);
  }

  /** Takes the policies, timeouts and FNODE number of the topology that new flows are stamped with. */
  configure(view: TopologyView): void {
    const { topology } = view;
    if (topology.version === this.configuredFor) return;
    this.configuredFor = topology.version;
    this.siblings.duty.changed();
    this.lifecycle.configure(view);
    const policies = compilePolicies(topology.policies);
    if (this.classifier === undefined) {
      this.seed = topology.seed;
      this.statelessIngress.configure(topology.seed);
      this.classifier = new Classifier({
        arena: this.node.ctx.arena,
        connections: this.connections,
        kernels: this.node.ctx.kernels,
        scratchSlot: this.scratchSlot,
        seedLo: topology.seed,
        seedHi: ~topology.seed >>> 0,
        // An error that enters is about a packet that left there.
        quotedWay: WAY_OUT,
        timing: view.idle,
        policies,
        ports: this.lifecycle,
        guard: this.statelessIngress,
      });
    } else {
      this.classifier.configure(policies, view.idle);
    }
    this.allocation.configure(view);
    this.grants.configure(policies);
    this.orders.follow(view);
  }

  /** Takes a batch of frames from external networks (`S_NETWORK`); every slot is taken over. */
  enter(list: number, n: number): void {
    const { ctx, counters } = this.node;
    const { u16, u32 } = ctx.arena;
    const { classifier } = this;
    if (classifier === undefined) {
      for (let i = 0; i < n; i++) this.node.drop(u32[(list >>> 2) + i], NO_PATH);
      return;
    }
    counters.values[EXTERNAL_IN] += n;
    for (let i = 0; i < n; i++) {
      const address = ctx.slot(u32[(list >>> 2) + i]);
      u16[(address + S_REASON) >>> 1] = 0;
      u16[(address + S_FLAGS) >>> 1] = 0;
      ctx.observe('entered', address, 0, this.node.ref);
    }
    this.classifyAndSend(classifier, list, n, 0, 0);
  }

  /** A frame that another INODE passed to this one, as its flow's owner or its key's home. */
  onPass(body: ControlCursor, from: NodeRef, hops: number): void {
    const slot = this.siblings.onPass(body);
    if (slot < 0) this.node.count('no-slot');
    else if (this.classifier === undefined) this.node.drop(slot, NO_PATH);
    else this.classifyAndSend(this.classifier, this.node.ctx.one(this.alone, slot), 1, from, hops);
  }

  /** Another INODE has heard a neighbour on a layer-3 network. */
  onNeighbour(body: ControlCursor): void {
    this.router.onNeighbour(body);
  }

  /** Another INODE has heard a station of a bridge domain. */
  onStation(body: ControlCursor): void {
    this.learning.onTold(body);
  }

  /** A function's frame opens a flow that leads out here: the answer goes back the way that the offer came. */
  onOffer(body: ControlCursor): void {
    const offer = readOffer(body);
    if (this.classifier === undefined) return;
    const grant = this.grants.answer(this.classifier, this.seed, offer);
    if (grant !== undefined) sendGrant(this.node, offer.via[offer.via.length - 1], grant);
    this.settle();
  }

  /** Another INODE's connection, to be known here should that INODE die, or its end. */
  onConnection(body: ControlCursor, from: NodeRef, argument: number): void {
    const ended = this.siblings.onConnection(body, from, argument);
    if (ended !== 0) this.classifier?.end(ended, 'idle');
    this.settle();
  }

  /** Another INODE asks for copies, has sent all, or is in step. */
  onDuty(body: ControlCursor, from: NodeRef, incarnation: Incarnation, argument: number): void {
    this.siblings.duty.onDuty(body, from, incarnation, argument);
  }

  /** A topology was installed or retired. */
  topologiesChanged(): void {
    this.siblings.duty.changed();
  }

  onExpectation(body: ControlCursor): void {
    this.classifier?.expect(this.siblings.onExpectation(body));
  }

  /** Another INODE carried the first fragment of a datagram: what waits for it here goes there. */
  onFirstFragment(body: ControlCursor, from: NodeRef): void {
    if (this.classifier === undefined) return;
    this.firstFragments.onTold(this.classifier, body, from);
    this.settle();
  }

  /** An INODE of this cluster died, and its flows have been shared out. */
  siblingDied(): void {
    this.siblings.adoptConnections();
    this.siblings.duty.siblingDied();
    this.router.siblingDied();
  }

  /** A flow of a dead INODE has fallen to this one. */
  inherited(flow: number): void {
    this.siblings.inherit(flow);
  }

  /** Frames that have come over internal links: out of the grid at the end of their path, else onward. Replicas end here. */
  deliver(list: number, n: number): void {
    const { ctx } = this.node;
    const { u8, u32 } = ctx.arena;
    if (ctx.kernels.areLeaving(this.node.ref, list, n) === 1) {
      this.egress.leave(this.classifier, this.seed, list, n);
      return;
    }
    let out = 0;
    let onward = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      const flow = u32[(address + S_FLOW) >>> 2];
      const descriptor = address + S_DESCRIPTOR;
      const isOut = u8[descriptor + D_LIST + 2 * u8[descriptor + D_COUNT] - 2] === this.node.cluster;
      if ((u32[(flow + F_STATE) >>> 2] & FS_FULL_ROUTE) === 0) this.allocation.learnRoute(flow, address);
      if (isOut && (u8[descriptor + D_FLAGS] & DF_REPLICA) !== 0) this.node.drop(slot, REPLICA_END);
      else if (isOut) u32[(this.leaving >>> 2) + out++] = slot;
      else u32[(this.transit >>> 2) + onward++] = slot;
    }
    if (out > 0) this.egress.leave(this.classifier, this.seed, this.leaving, out);
    if (onward > 0) this.stage.run(this.transit, onward);
  }

  flowLearned(flow: number, address: number): void {
    const { ctx } = this.node;
    const { arena } = ctx;
    // Its start is told by this frame's key, and the frame may have been parsed by another agent, or not as it is now.
    arena.u16[(address + S_REASON) >>> 1] = 0;
    ctx.kernels.parse(ctx.one(this.alone, arena.slotNumber(address)), 1, this.seed, ~this.seed >>> 0);
    this.lifecycle.flowLearned(flow, address);
  }

  /** Frames of a flow that had to wait enter now. */
  resume(flow: number): void {
    this.ingress.resume(flow);
  }

  /** A flow's owner has ended it: its connections end here too. */
  endConnections(flow: number): void {
    if (this.classifier !== undefined) this.lifecycle.endConnections(this.classifier, flow);
  }

  /** At each hello round: ends what is idle or closed, and keeps the other INODEs in step. */
  tick(): void {
    this.siblings.duty.tick();
    this.router.tick();
    const { now, intervals, round } = this.node.ctx;
    this.classifier?.expire(now, EXPIRE_BUDGET * intervals);
    this.lifecycle.endSuperseded(round);
    this.settle();
  }

  /** The grid is taken down in good order: every flow that was allocated here ends, and those on its route are told. */
  endFlows(): void {
    this.classifier?.endAll();
    this.lifecycle.endSuperseded();
    this.settle();
  }

  /** The node dies: gives up every slot it holds to `lose`, and forgets its connections. */
  abandon(lose: (slot: number) => void): void {
    this.lifecycle.die();
    this.classifier?.close();
    this.lifecycle.abandon(lose);
    this.node.entrances.abandon(lose);
    this.router.abandon(lose);
    this.node.ctx.slots.free(this.scratchSlot);
  }

  /** The other live INODEs of the cluster, which hold copies of this one's entries. */
  peers(): readonly NodeRef[] {
    return this.siblings.peers();
  }

  /** Wire IDs of live flows that were allocated here. */
  liveWireIds(report: Set<number>): void {
    this.node.ownedByWire.forEach((n, wireId) => {
      if (n > 0) report.add(wireId);
    });
    const { pinned } = this.node.flood;
    if (pinned !== undefined) report.add(pinned.topology.wireId);
  }

  /** A frame of the router's own goes into the grid as if it came from the network in `S_NETWORK`. */
  private enterOwn(slot: number): void {
    if (this.classifier === undefined) this.node.drop(slot, NO_PATH);
    else this.classifyAndSend(this.classifier, this.node.ctx.one(this.own, slot), 1, 0, OWN);
  }

  private classifyAndSend(classifier: Classifier, list: number, n: number, from: NodeRef, hops: number): void {
    this.ingress.take(classifier, this.seed, list, n, from, hops);
    this.settle();
  }

  /**
   * After a batch: fragments that may go on are classified again, and flows that ended are forgotten. Frames of a batch are
   * delivered in parts, and those of the last may be of a flow that the first has ended.
   */
  settle(): void {
    for (let slot = this.lifecycle.takeReleased(); slot >= 0; slot = this.lifecycle.takeReleased()) {
      this.node.inFlight--;
      if (this.classifier !== undefined) this.ingress.takeReleased(this.classifier, slot);
    }
    this.lifecycle.settle();
  }
}
