import { nodeRef, type Micros, type NodeRef } from '../../domain/base/ids';
import type { FlowPolicy } from '../../domain/topology/topology';
import { Classifier, classifierTiming, needsClassifier } from '../classify/classifier';
import { compilePolicies } from '../classify/policies';
import {
  Classified,
  type ClassifierPorts,
  type ConnectionEnd,
  type ConnectionStart,
  type Expectation,
} from '../classify/ports';
import type { ConnectionTable } from '../flows/connection-table';
import {
  F_BACKUP,
  F_BYTES_FWD,
  F_BYTES_REV,
  F_CONNS,
  F_COUNT,
  F_EMITTER,
  F_ID,
  F_NET_FWD,
  F_NET_REV,
  F_NEXT_FWD,
  F_PACKETS_FWD,
  F_PACKETS_REV,
  F_PATH,
  F_SHADOW_FWD,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FS_ENDED,
  FS_FULL_ROUTE,
  S_DESC_LEN,
  S_FLAGS,
  S_FLOW,
  S_HASH,
  S_NETWORK,
  S_REASON,
  S_REVERSE,
  S_TIME,
  C_FLOW,
  C_HASH,
  HASH_TOMBSTONE,
  S_CONN,
} from '../frames/layout';
import { reason, REASONS } from '../frames/reasons';
import { choosePath, itinerary, pathOf, type PathFigures } from '../select/path-policy';
import type { TopologyView } from '../select/topology-view';
import { BATCH } from './context';
import { CONTROL_END, type ControlCursor } from './control-frames';
import { EXTERNAL_IN, EXTERNAL_OUT, FLOWS_ENDED, FLOWS_STARTED } from './counters';
import { FlowIds } from './flow-ids';
import { flowKeyText } from './flow-key-text';
import { PHASE_OWNED } from './flow-side';
import type { Node } from './node';
import type { Deliver } from './receiver';
import { Routing } from './routing';
import type { Sender } from './sender';
import { Siblings } from './siblings';
import type { Stage } from './stage';

const FIRST_DROP = REASONS.indexOf('runt');
const NEW_CONNECTION = reason('new-connection');
const TCP_CONTROL = reason('tcp-control');
const NO_PATH = reason('no-path');
const NO_MEMBER = reason('no-member');
const NO_EGRESS = reason('no-egress');
const CLUSTER_DROP = reason('cluster-drop');
const TABLE_FULL = reason('table-full');
const RING_FULL = reason('ring-full');
const ID_REST_US: Micros = 60_000_000;
/** Connection places looked at for ended ones at each hello round. */
const EXPIRE_BUDGET = 2048;

/**
 * The INODE's part ([0057–0060]): frames from external networks are classified, get a flow, a path and nodes, and go
 * into the grid; frames that have passed their path go out, and what they tell about replies is registered first.
 */
export class Gateway implements Deliver, ClassifierPorts {
  private readonly stamped: number;
  private readonly leaving: number;
  private readonly transit: number;
  private readonly alone: number;
  private readonly flowsLeaving = new Uint32Array(BATCH);
  private readonly reverseLeaving = new Uint8Array(BATCH);
  /** Flows whose last connection ended; removed after the batch, whose frames may still use their entries. */
  private readonly ended: { readonly flow: number; readonly end: ConnectionEnd }[] = [];
  private readonly released: number[] = [];
  private readonly routing: Routing;
  private readonly siblings: Siblings;
  private dying = false;
  private readonly figures: PathFigures;
  private readonly flowsByPath = new Map<number, number>();
  private readonly latencyByPath = new Map<number, number>();
  private classifier: Classifier | undefined;
  private policies: readonly FlowPolicy[] = [];
  private ids: FlowIds | undefined;
  private fnode = 0;
  private seed = 0;
  private configuredFor = 0;
  private readonly scratchSlot: number;

  constructor(
    private readonly node: Node,
    private readonly sender: Sender,
    private readonly stage: Stage,
    private readonly connections: ConnectionTable,
  ) {
    const { ctx } = node;
    this.stamped = ctx.allocateList(BATCH);
    this.leaving = ctx.allocateList(BATCH);
    this.transit = ctx.allocateList(BATCH);
    this.alone = ctx.allocateList(1);
    this.scratchSlot = ctx.slots.allocate();
    this.routing = new Routing(node);
    this.siblings = new Siblings(node, connections);
    this.figures = {
      flows: (path) => this.flowsByPath.get(path) ?? 0,
      latencyUs: (path) => this.latencyByPath.get(path) ?? 0,
    };
  }

  /** Takes the policies, timeouts and FNODE number of the topology that new flows are stamped with. */
  configure(view: TopologyView): void {
    const { topology } = view;
    if (topology.version === this.configuredFor) return;
    this.configuredFor = topology.version;
    this.policies = topology.policies;
    const timing = classifierTiming(topology.timing);
    const policies = compilePolicies(topology.policies);
    if (this.classifier === undefined) {
      this.seed = topology.seed;
      this.classifier = new Classifier({
        arena: this.node.ctx.arena,
        connections: this.connections,
        kernels: this.node.ctx.kernels,
        scratchSlot: this.scratchSlot,
        seedLo: topology.seed,
        seedHi: ~topology.seed >>> 0,
        timing,
        policies,
        ports: this,
      });
    } else {
      this.classifier.configure(policies, timing);
    }
    const member = this.node
      .clusterIn(view)
      .members.find(({ node }) => nodeRef(this.node.cluster, node) === this.node.ref);
    const fnode = member?.fnode ?? 0;
    if (this.ids === undefined || fnode !== this.fnode) {
      const { tcpIdleMs, udpIdleMs, icmpIdleMs, otherIdleMs } = topology.timing;
      const longestIdleUs = 1000 * Math.max(tcpIdleMs, udpIdleMs, icmpIdleMs, otherIdleMs);
      this.fnode = fnode;
      this.ids = new FlowIds(fnode, topology.seed, longestIdleUs + ID_REST_US);
    }
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
    this.classifyAndSend(classifier, list, n, false);
  }

  /** A frame that another INODE passed to this one, as its flow's owner or its key's home. */
  onPass(body: ControlCursor): void {
    const slot = this.siblings.onPass(body);
    if (slot < 0 || this.classifier === undefined) this.node.count('no-slot');
    else this.classifyAndSend(this.classifier, this.node.ctx.one(this.alone, slot), 1, true);
  }

  /** Another INODE's connection, to be known here should that INODE die, or its end. */
  onConnection(body: ControlCursor, argument: number): void {
    const ended = this.siblings.onConnection(body, argument);
    if (ended !== 0) this.classifier?.end(ended, 'idle');
    this.settle();
  }

  onExpectation(body: ControlCursor): void {
    this.classifier?.expect(this.siblings.onExpectation(body));
  }

  /** An INODE of this cluster died, and its flows have been shared out. */
  siblingDied(): void {
    this.siblings.adoptConnections();
  }

  /** A flow of a dead INODE has fallen to this one. */
  inherited(flow: number): void {
    this.siblings.inherit(flow);
  }

  private classifyAndSend(classifier: Classifier, list: number, n: number, passed: boolean): void {
    const { ctx } = this.node;
    const { u32 } = ctx.arena;
    ctx.kernels.parse(list, n, this.seed, ~this.seed >>> 0);
    ctx.kernels.lookupConnections(this.connections.address, list, n);
    let m = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      // Known connections of another INODE's flows are followed there alone.
      if (u32[(address + S_CONN) >>> 2] !== 0 && this.passesToOwner(slot, address, u32[(address + S_CONN) >>> 2]))
        continue;
      if (needsClassifier(ctx.arena, address) && !this.admits(classifier, slot, address, passed)) continue;
      if (this.passesToOwner(slot, address, u32[(address + S_CONN) >>> 2])) continue;
      u32[(this.stamped >>> 2) + m++] = slot;
    }
    this.stampAndSend(m);
    this.settle();
  }

  /** Frames that have come over internal links: out of the grid at the end of their path, else onward. */
  deliver(list: number, n: number): void {
    const { ctx, side } = this.node;
    const { u8, u32 } = ctx.arena;
    let out = 0;
    let onward = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      const flow = u32[(address + S_FLOW) >>> 2];
      const position = side.position[this.node.aux(flow)];
      const last = u8[address + S_REVERSE] === 0 ? u8[flow + F_COUNT] - 1 : 0;
      if (position === last) u32[(this.leaving >>> 2) + out++] = slot;
      else u32[(this.transit >>> 2) + onward++] = slot;
    }
    if (out > 0) this.leave(this.leaving, out);
    if (onward > 0) this.stage.run(this.transit, onward);
    this.settle();
  }

  /** The far end of a flow: which networks it joins, and, where it is the egress, that it is now known there. */
  flowLearned(flow: number, address: number): void {
    const { ctx } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    const view = this.node.viewOf(flow);
    const route = ctx.paths.read(u32[(flow + F_PATH) >>> 2], u8[flow + F_COUNT]);
    const path = pathOf(
      view,
      u16[(flow + F_TYPE) >>> 1],
      route.map((ref) => ref >>> 7),
    );
    if (path === undefined) return;
    const position = this.node.side.position[this.node.aux(flow)];
    this.node.side.path[this.node.aux(flow)] = path.id;
    u16[(flow + F_NET_REV) >>> 1] = path.to;
    if (position === 0) u16[(flow + F_NET_FWD) >>> 1] = this.entranceOf(view, path.from);
    if (position === route.length - 1) this.reportStart(flow, address, 'egress', 'first-packet');
  }

  /** At each hello round: ends what is idle or closed. */
  tick(): void {
    this.classifier?.expire(this.node.ctx.now, EXPIRE_BUDGET);
    this.settle();
  }

  /** The node dies: gives up every slot it holds to `lose`, and forgets its connections. */
  abandon(lose: (slot: number) => void): void {
    this.dying = true;
    this.classifier?.close();
    for (const slot of this.released) lose(slot);
    this.released.length = 0;
    this.ended.length = 0;
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
  }

  /* ---- ClassifierPorts ---------------------------------------------------------------------------------------- */

  allocateFlow(address: number, _connection: number, policyIndex: number): number {
    const { ctx } = this.node;
    const { u16, u32 } = ctx.arena;
    const refuse = (why: number): number => {
      u16[(address + S_REASON) >>> 1] = why;
      return 0;
    };
    const view = ctx.topologies.active;
    const policy = this.policies[policyIndex];
    if (view === undefined || policy === undefined || this.ids === undefined) return refuse(NO_PATH);
    const network = u16[(address + S_NETWORK) >>> 1];
    const path = choosePath(view, policy, network, this.figures);
    if (path === undefined) return refuse(NO_PATH);
    const stages = itinerary(view, path, this.node.obituary);
    if (!stages.ok)
      return refuse({ 'cluster-drop': CLUSTER_DROP, 'no-member': NO_MEMBER, 'no-egress': NO_EGRESS }[stages.reason]);
    const hash = u32[(address + S_HASH) >>> 2];
    let id = this.ids.allocate(hash, ctx.now);
    while (id !== 0 && this.node.flows.find(id) !== 0) id = this.ids.allocate(hash, ctx.now);
    if (id === 0) return refuse(TABLE_FULL);
    const route = this.routing.choose(view, stages.clusters, id);
    const flow = this.node.insertFlow(id, policy.flowType, view, route, 0);
    if (flow === 0) {
      this.ids.release(id, ctx.now);
      return refuse(TABLE_FULL);
    }
    this.adopt(flow, view, route, path.id);
    u16[(flow + F_NET_FWD) >>> 1] = network;
    u16[(flow + F_NET_REV) >>> 1] = path.to;
    return flow;
  }

  joinFlow(_address: number, _connection: number, expectation: { readonly flowId: number }): number {
    return this.node.flows.find(expectation.flowId);
  }

  connectionStarted(connection: number, start: ConnectionStart, address: number): void {
    const { u32 } = this.node.ctx.arena;
    const flow = u32[(connection + C_FLOW) >>> 2];
    if (u32[(flow + F_CONNS) >>> 2] === 1) this.reportStart(flow, address, 'ingress', start);
    this.siblings.announce(connection);
  }

  connectionEnded(connection: number, end: ConnectionEnd, last: boolean): void {
    if (!this.dying) this.siblings.retract(connection);
    if (last) this.ended.push({ flow: this.node.ctx.arena.u32[(connection + C_FLOW) >>> 2], end });
  }

  expected(expectation: Expectation): void {
    this.siblings.tellExpectation(expectation);
  }

  refined(connection: number, policyIndex: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    const flow = u32[(connection + C_FLOW) >>> 2];
    const policy = this.policies[policyIndex];
    if (flow !== 0 && policy !== undefined) u16[(flow + F_TYPE) >>> 1] = policy.flowType;
  }

  recognised(): void {
    // Reports name flows by their type; the application's name is told by the type's policy.
  }

  release(address: number): void {
    this.released.push(this.node.ctx.arena.slotNumber(address));
  }

  /* ---- Ingress ------------------------------------------------------------------------------------------------- */

  /** Whether a frame that needed the classifier goes into the grid; dropped and held ones do not. */
  private admits(classifier: Classifier, slot: number, address: number, passed: boolean): boolean {
    if (!passed && this.passesHome(slot, address)) return false;
    const outcome = classifier.classify(address, this.node.ctx.now);
    if (outcome === Classified.held) {
      this.node.inFlight++;
      return false;
    }
    if (outcome !== Classified.dropped) return true;
    this.node.drop(slot, this.node.ctx.arena.u16[(address + S_REASON) >>> 1]);
    return false;
  }

  /** A frame of an unknown connection goes to the key's home, if that is another INODE. */
  private passesHome(slot: number, address: number): boolean {
    const { u16, u32 } = this.node.ctx.arena;
    const why = u16[(address + S_REASON) >>> 1];
    if (u32[(address + S_CONN) >>> 2] !== 0 || (why !== NEW_CONNECTION && why !== TCP_CONTROL)) return false;
    const home = this.siblings.homeOf(u32[(address + S_HASH) >>> 2]);
    return home !== this.node.ref && this.passOn(slot, address, home);
  }

  /** A frame of a flow that another INODE stamps goes there. */
  private passesToOwner(slot: number, address: number, connection: number): boolean {
    const { u16, u32 } = this.node.ctx.arena;
    const flow = connection === 0 ? u32[(address + S_FLOW) >>> 2] : u32[(connection + C_FLOW) >>> 2];
    if (flow === 0) return false;
    const owner = u16[(flow + F_EMITTER) >>> 1];
    if (owner === this.node.ref || owner === 0) return false;
    if (connection !== 0) this.siblings.keepCopy(connection);
    return this.passOn(slot, address, owner);
  }

  private passOn(slot: number, address: number, to: NodeRef): boolean {
    if (this.siblings.pass(address, to)) this.node.ctx.slots.free(slot);
    else this.node.drop(slot, RING_FULL);
    return true;
  }

  private stampAndSend(m: number): void {
    if (m === 0) return;
    const { ctx } = this.node;
    ctx.kernels.stamp(this.node.ref, this.stamped, m);
    this.sender.send(this.stamped, m);
  }

  /** After a batch: fragments that may go on are classified again, and flows that ended are forgotten. */
  private settle(): void {
    const { ctx } = this.node;
    while (this.released.length > 0) {
      const slot = this.released.shift() as number;
      this.node.inFlight--;
      if (this.classifier !== undefined && this.admits(this.classifier, slot, ctx.slot(slot), true)) {
        ctx.one(this.stamped, slot);
        this.stampAndSend(1);
      }
    }
    while (this.ended.length > 0) {
      const { flow, end } = this.ended.pop() as { flow: number; end: ConnectionEnd };
      if (ctx.arena.u32[(flow + F_CONNS) >>> 2] === 0 && this.mayEnd(flow)) this.endFlow(flow, end);
    }
  }

  /**
   * Whether the end of the last connection here ends the flow: its owner decides; elsewhere its sequences must go on for
   * as long as the owner may send, so the owner's word is waited for.
   */
  private mayEnd(flow: number): boolean {
    const owned = (this.node.side.phase[this.node.aux(flow)] & PHASE_OWNED) !== 0;
    return owned || (this.node.ctx.arena.u32[(flow + F_STATE) >>> 2] & FS_ENDED) !== 0;
  }

  private adopt(flow: number, view: TopologyView, route: readonly NodeRef[], path: number): void {
    const { u8, u16 } = this.node.ctx.arena;
    const { node } = this;
    const aux = node.aux(flow);
    node.side.phase[aux] |= PHASE_OWNED;
    node.side.path[aux] = path;
    node.ownedByWire[u8[flow + F_WIRE]]++;
    this.flowsByPath.set(path, (this.flowsByPath.get(path) ?? 0) + 1);
    if (view.topology.selection === 'centralized') node.setState(flow, FS_FULL_ROUTE);
    const next = route.length > 1 ? this.routing.nextHop(view, route[1], node.ctx.arena.u32[(flow + F_ID) >>> 2]) : 0;
    u16[(flow + F_EMITTER) >>> 1] = node.ref;
    u16[(flow + F_BACKUP) >>> 1] = 0;
    u16[(flow + F_NEXT_FWD) >>> 1] = next;
    u16[(flow + F_SHADOW_FWD) >>> 1] = node.shadowOf(flow, next);
  }

  /* ---- Egress -------------------------------------------------------------------------------------------------- */

  private leave(list: number, n: number): void {
    const { ctx, counters } = this.node;
    const { u8, u16, u32, f64 } = ctx.arena;
    for (let i = 0; i < n; i++) {
      const address = ctx.slot(u32[(list >>> 2) + i]);
      const flow = u32[(address + S_FLOW) >>> 2];
      const reverse = u8[address + S_REVERSE];
      this.flowsLeaving[i] = flow;
      this.reverseLeaving[i] = reverse;
      u16[(address + S_NETWORK) >>> 1] = u16[(flow + (reverse === 0 ? F_NET_REV : F_NET_FWD)) >>> 1];
      u16[(address + S_DESC_LEN) >>> 1] = 0;
    }
    ctx.kernels.parse(list, n, this.seed, ~this.seed >>> 0);
    ctx.kernels.lookupConnections(this.connections.address, list, n);
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      if (needsClassifier(ctx.arena, address))
        this.observe(address, this.flowsLeaving[i], this.reverseLeaving[i] === 1);
      const network = u16[(address + S_NETWORK) >>> 1];
      if (network === 0) {
        this.node.drop(slot, NO_EGRESS);
        continue;
      }
      counters.values[EXTERNAL_OUT]++;
      const took = ctx.now - f64[(address + S_TIME) >>> 3];
      counters.countLatency(took);
      ctx.observe('left', address, this.node.ref, 0);
      if (!ctx.handOut(slot, network)) this.node.drop(slot, RING_FULL);
    }
  }

  private observe(address: number, flow: number, reverse: boolean): void {
    const { u16, u32 } = this.node.ctx.arena;
    const why = u16[(address + S_REASON) >>> 1];
    const known = u32[(address + S_CONN) >>> 2];
    if (why < FIRST_DROP && this.classifier !== undefined) {
      const registered = this.classifier.observeLeaving(address, flow, reverse, this.node.ctx.now);
      const connection = u32[(address + S_CONN) >>> 2];
      if (!registered) this.node.count('table-full');
      else if (connection !== known && connection !== 0) {
        this.node.side.connection[this.node.aux(flow)] = connection;
        // The reply may reach any INODE: all know the connection before the frame is out.
        this.siblings.announce(connection);
      }
    }
    u16[(address + S_REASON) >>> 1] = 0;
  }

  /**
   * The flow's owner has ended it: its connections end here too, so that what comes after begins a flow of its own. The
   * entry itself goes after the batch, whose frames may still use it.
   */
  endConnections(flow: number): void {
    const { classifier } = this;
    if (classifier === undefined) return;
    const { u32 } = this.node.ctx.arena;
    const isOfFlow = (connection: number): boolean =>
      u32[(connection + C_HASH) >>> 2] > HASH_TOMBSTONE && u32[(connection + C_FLOW) >>> 2] === flow;
    const registered = this.node.side.connection[this.node.aux(flow)];
    if (registered !== 0 && isOfFlow(registered)) classifier.end(registered, 'idle');
    if (u32[(flow + F_CONNS) >>> 2] === 0) return;
    const others: number[] = [];
    this.connections.scan(0, Number.MAX_SAFE_INTEGER, (connection) => {
      if (isOfFlow(connection)) others.push(connection);
    });
    for (const connection of others) classifier.end(connection, 'idle');
  }

  /** The network by which a flow came in, where only its path is known. */
  private entranceOf(view: TopologyView, networks: readonly number[]): number {
    return networks.find((id) => view.network(id)?.cluster === this.node.cluster) ?? 0;
  }

  /* ---- Beginning and end of flows ------------------------------------------------------------------------------- */

  private reportStart(flow: number, address: number, observedAs: 'ingress' | 'egress', start: ConnectionStart): void {
    const { ctx, counters } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    if (observedAs === 'ingress') counters.values[FLOWS_STARTED]++;
    const route = ctx.paths.read(u32[(flow + F_PATH) >>> 2], u8[flow + F_COUNT]);
    this.node.emitEvent({
      type: 'FlowStarted',
      at: ctx.now,
      flow: u32[(flow + F_ID) >>> 2],
      topologySeq: this.node.seqOf(flow),
      observedAs,
      flowType: u16[(flow + F_TYPE) >>> 1],
      wireId: u8[flow + F_WIRE],
      network: u16[(flow + F_NET_FWD) >>> 1],
      key: flowKeyText(ctx.arena, address),
      path: this.node.side.path[this.node.aux(flow)],
      route,
      backups: route.map((ref) => ((ref & 0x7f) === 0 ? 0 : this.node.shadowOf(flow, ref))),
      start,
    });
  }

  /** The flow's last connection is over: it is forgotten here, and all along its route. */
  private endFlow(flow: number, end: ConnectionEnd): void {
    const { ctx, counters, side } = this.node;
    const { u16, u32, f64 } = ctx.arena;
    const aux = this.node.aux(flow);
    const owned = (side.phase[aux] & PHASE_OWNED) !== 0;
    const id = u32[(flow + F_ID) >>> 2];
    if (owned) {
      counters.values[FLOWS_ENDED]++;
      this.flowsByPath.set(side.path[aux], (this.flowsByPath.get(side.path[aux]) ?? 1) - 1);
      this.node.emitEvent({
        type: 'FlowEnded',
        at: ctx.now,
        flow: id,
        topologySeq: this.node.seqOf(flow),
        end,
        packets: [u32[(flow + F_PACKETS_FWD) >>> 2], u32[(flow + F_PACKETS_REV) >>> 2]],
        bytes: [f64[(flow + F_BYTES_FWD) >>> 3], f64[(flow + F_BYTES_REV) >>> 3]],
      });
      for (const to of [u16[(flow + F_NEXT_FWD) >>> 1], u16[(flow + F_SHADOW_FWD) >>> 1]]) {
        if (to === 0 || !this.node.control.begin(this.node.incarnation)) continue;
        this.node.control.u32(id);
        this.node.control.send(this.node.ref, to, CONTROL_END, 0);
      }
      if (id >>> 24 === this.fnode) this.ids?.release(id, ctx.now);
    }
    this.node.removeFlow(flow);
  }
}
