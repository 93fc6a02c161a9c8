import type { Classifier } from '../classify/classifier';
import type { ClassifierPorts, ConnectionEnd, ConnectionStart, Expectation } from '../classify/ports';
import { startOf } from '../classify/tcp';
import { clusterOf, nodeRef, type ClusterId, type FlowId, type NodeRef } from '../../domain/base/ids';
import type { FlowPolicy } from '../../domain/topology/topology';
import type { ConnectionTable } from '../flows/connection-table';
import {
  C_FLOW,
  C_HASH,
  F_BYTES_FWD,
  F_BYTES_REV,
  F_CONNS,
  F_ID,
  F_NET_FWD,
  F_NET_REV,
  F_PACKETS_FWD,
  F_PACKETS_REV,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FS_ENDED,
  FS_REPLICA,
  HASH_TOMBSTONE,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_REVERSE,
} from '../frames/layout';
import { isCopyAt } from '../select/copies';
import { pathOf } from '../select/path-policy';
import { cloneOf } from '../select/replica';
import type { TopologyView } from '../select/topology-view';
import type { FlowAllocation } from './allocation';
import { FLOWS_ENDED, FLOWS_STARTED } from './counters';
import { flowKeyText } from './flow-key-text';
import { PHASE_OWNED } from './flow-side';
import type { Node } from './node';
import type { Replicas } from './replicas';
import type { Siblings } from './siblings';
import type { StatelessIngress } from './stateless-ingress';

/** The further flows that carry copies of a flow's frames ({@link Bridging}). */
interface FlowBranches {
  /** A flow ends: its branches, which end with it. */
  take(flow: number): readonly number[];
  isBranch(flow: number, of: number): boolean;
}

/**
 * Beginning and end of flows at an INODE: what its classifier finds becomes entries, events of the chain, and word to
 * the other INODEs and to the nodes of the route.
 */
export class FlowLifecycle implements ClassifierPorts {
  /** Flows whose last connection ended; removed after the batch, whose frames may still use their entries. */
  private readonly ended: { readonly flow: number; readonly id: FlowId; readonly end: ConnectionEnd }[] = [];
  /**
   * Flows whose connection has gone over to another, and the round at which they end. Frames of them were on their way a
   * moment ago: what backups hold of these may come yet, and has to find the windows that know what has come already.
   */
  private readonly superseded = new Map<FlowId, number>();
  /** Slots of fragments that may go on. */
  private readonly released: number[] = [];
  private policies: readonly FlowPolicy[] = [];
  private dying = false;

  constructor(
    private readonly node: Node,
    private readonly connections: ConnectionTable,
    private readonly siblings: Siblings,
    private readonly allocation: FlowAllocation,
    private readonly replicas: Replicas,
    private readonly stateless: StatelessIngress,
    private readonly branches: FlowBranches,
    /** A flow that began here may leave out clusters behind those that it has entered. */
    private readonly shorten: (flow: number, skipped: readonly ClusterId[]) => void,
  ) {}

  /** Takes the policies of the topology that new flows are stamped with. */
  configure(view: TopologyView): void {
    this.policies = view.topology.policies;
  }

  /** The far end of a flow: which networks it joins, and, where it is the egress, that it is now known there. */
  flowLearned(flow: number, address: number): void {
    const { ctx } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    if ((u32[(flow + F_STATE) >>> 2] & FS_REPLICA) !== 0) {
      this.replicas.learned(flow);
      return;
    }
    const view = this.node.viewOf(flow);
    const route = this.node.routeOf(flow);
    const frame = address + u32[(address + S_OFF) >>> 2];
    const routed = view.routing.networkOfFrame(u8, frame, u32[(address + S_LEN) >>> 2]);
    const path = pathOf(
      view,
      u16[(flow + F_TYPE) >>> 1],
      route.map((ref) => ref >>> 7),
      u8[address + S_REVERSE] === 0 ? routed : 0,
    );
    if (path === undefined) return;
    const position = this.node.side.position[this.node.aux(flow)];
    this.node.side.path[this.node.aux(flow)] = path.id;
    u16[(flow + F_NET_REV) >>> 1] = path.to;
    if (position === 0) u16[(flow + F_NET_FWD) >>> 1] = this.entranceOf(view, path.from, routed);
    if (position !== route.length - 1) return;
    this.reportStart(flow, address, 'egress', 'first-packet');
    this.replicas.follow(flow);
  }

  /** The slot of a fragment that may go on, oldest first; −1 when there is none. */
  takeReleased(): number {
    return this.released.shift() ?? -1;
  }

  /** After a batch: flows that ended are forgotten. */
  settle(): void {
    if (this.ended.length === 0) return;
    // What waits to enter goes before the end.
    const paused = this.ended.filter(({ flow }) => this.node.entrances.isPaused(flow));
    while (this.ended.length > 0) {
      const { flow, id, end } = this.ended.pop()!;
      if (this.node.entrances.isPaused(flow)) continue;
      if (!this.superseded.has(id)) this.endUnused(flow, id, end);
    }
    this.ended.push(...paused);
  }

  /** At each hello round, or at once when the grid is taken down: superseded flows whose time has come end. */
  endSuperseded(round = Infinity): void {
    for (const [id, due] of this.superseded) {
      if (round < due) continue;
      this.superseded.delete(id);
      const flow = this.node.flows.find(id);
      if (flow !== 0) this.endUnused(flow, id, 'idle');
    }
  }

  /** Ends a flow that has no connection, unless it ended before: it may have twice in a batch, or by its owner's word. */
  private endUnused(flow: number, id: FlowId, end: ConnectionEnd): void {
    if (this.node.flows.find(id) !== flow) return;
    if (this.node.ctx.arena.u32[(flow + F_CONNS) >>> 2] === 0 && this.mayEnd(flow)) this.endFlow(flow, end);
  }

  /** A connection goes on by a branch of its flow, which ends if it has no other. */
  goesOnBy(connection: number, branch: number): void {
    const { u32 } = this.node.ctx.arena;
    const flow = u32[(connection + C_FLOW) >>> 2];
    this.siblings.retract(connection, u32[(connection + C_HASH) >>> 2]);
    u32[(connection + C_FLOW) >>> 2] = branch;
    u32[(flow + F_CONNS) >>> 2]--;
    u32[(branch + F_CONNS) >>> 2]++;
    this.siblings.announce(connection);
    if (u32[(flow + F_CONNS) >>> 2] === 0) this.ended.push({ flow, id: u32[(flow + F_ID) >>> 2], end: 'idle' });
  }

  /** A branch of a flow has begun, with the frame at this address. */
  branchBegan(flow: number, address: number): void {
    this.reportStart(flow, address, 'ingress', 'first-packet');
  }

  /** Type of flows under a policy, by its index; 0 = there is none. */
  typeOf(policyIndex: number): number {
    return this.policies[policyIndex]?.flowType ?? 0;
  }

  /** A function at node `by` has opened a flow ([0062]) with the frame at this address, because of a frame of `parent`. */
  secondaryBegan(flow: number, address: number, parent: FlowId, by: NodeRef): void {
    const { ctx } = this.node;
    this.reportStart(flow, address, 'ingress', startOf(ctx.arena, address));
    this.node.emitEvent({
      type: 'FlowBound',
      at: ctx.now,
      flow: ctx.arena.u32[(flow + F_ID) >>> 2],
      topologySeq: this.node.seqOf(flow),
      parent,
      by,
    });
  }

  /** A flow was allocated here, and could not begin. */
  forgetUnbegun(flow: number): void {
    const { side, ctx } = this.node;
    this.allocation.ended(ctx.arena.u32[(flow + F_ID) >>> 2], side.path[this.node.aux(flow)]);
    this.node.removeFlow(flow);
  }

  /** The node dies: nobody is told of what ends from now on. */
  die(): void {
    this.dying = true;
  }

  /** Gives up every slot held to `lose`. */
  abandon(lose: (slot: number) => void): void {
    for (const slot of this.released) lose(slot);
    this.released.length = 0;
    this.ended.length = 0;
    this.superseded.clear();
  }

  /**
   * The flow's owner has ended it: its connections end here too, so that what comes after begins a flow of its own. The
   * entry itself goes after the batch, whose frames may still use it.
   */
  endConnections(classifier: Classifier, flow: number): void {
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

  /* ---- ClassifierPorts ---------------------------------------------------------------------------------------- */

  allocateFlow(address: number, _connection: number, policyIndex: number): number {
    const adoption = this.stateless.takeAdoption();
    if (adoption !== undefined) return this.allocation.allocateAs(address, adoption);
    return this.allocation.allocate(address, this.policies[policyIndex]);
  }

  /** What would travel against its flow from where the flow itself began, or with it from its far end, has no next hop. */
  joinFlow(address: number, _connection: number, { flowId }: Expectation, isAgainst: boolean): number {
    const { u16 } = this.node.ctx.arena;
    const flow = this.node.flows.find(flowId);
    if (flow === 0) return 0;
    const entrance = u16[(flow + (isAgainst ? F_NET_REV : F_NET_FWD)) >>> 1];
    return entrance === u16[(address + S_NETWORK) >>> 1] ? flow : 0;
  }

  connectionStarted(connection: number, start: ConnectionStart, address: number): void {
    const { u32 } = this.node.ctx.arena;
    const flow = u32[(connection + C_FLOW) >>> 2];
    if (u32[(flow + F_CONNS) >>> 2] === 1) {
      this.reportStart(flow, address, 'ingress', start);
      const unused = this.replicas.begin(flow);
      if (unused !== 0) this.allocation.release(unused);
    }
    this.siblings.announce(connection);
  }

  connectionEnded(connection: number, end: ConnectionEnd, last: boolean, hash: number): void {
    if (!this.dying) this.siblings.retract(connection, hash);
    if (!last) return;
    const { u32 } = this.node.ctx.arena;
    const flow = u32[(connection + C_FLOW) >>> 2];
    this.ended.push({ flow, id: u32[(flow + F_ID) >>> 2], end });
  }

  /** Of two flows that were begun for one connection, at either end, the one with the lesser ID stays: both ends are asked. */
  goesOver(own: number, other: number): boolean {
    const { ctx, side } = this.node;
    const { u32 } = ctx.arena;
    if ((side.phase[this.node.aux(own)] & PHASE_OWNED) === 0) return true;
    // What a branch of a flow brings back shows where it is to go on, not that it was begun twice.
    if (this.branches.isBranch(other, own)) return false;
    const id = u32[(own + F_ID) >>> 2];
    if (id < u32[(other + F_ID) >>> 2]) return false;
    const { detectMultiplier } = this.node.viewOf(own).topology.timing;
    this.superseded.set(id, ctx.round + 2 * (detectMultiplier + 2));
    return true;
  }

  expected(expectation: Expectation): void {
    this.siblings.tellExpectation(expectation);
  }

  refined(connection: number, policyIndex: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    const flow = u32[(connection + C_FLOW) >>> 2];
    const policy = this.policies[policyIndex];
    if (flow === 0 || policy === undefined) return;
    u16[(flow + F_TYPE) >>> 1] = policy.flowType;
    if ((this.node.side.phase[this.node.aux(flow)] & PHASE_OWNED) !== 0) this.chooseTail(flow, policy);
  }

  /**
   * The tail of the path as later bytes want it ([0060]): the clusters of the policy's own path, if they are some of those
   * that the flow is on, in the same order. What it has entered stays, and nothing new comes in between.
   */
  private chooseTail(flow: number, policy: FlowPolicy): void {
    const { ctx, side } = this.node;
    const { u16 } = ctx.arena;
    const view = this.node.viewOf(flow);
    const path = this.allocation.pathFor(view, policy, u16[(flow + F_NET_FWD) >>> 1], u16[(flow + F_NET_REV) >>> 1]);
    if (path === undefined || path.id === side.path[this.node.aux(flow)]) return;
    const now = this.node.routeOf(flow).map((ref) => clusterOf(ref));
    const skipped = now.filter((cluster) => !path.clusters.includes(cluster));
    const kept = now.filter((cluster) => path.clusters.includes(cluster));
    const isTail = kept.length === path.clusters.length && kept.every((cluster, i) => cluster === path.clusters[i]);
    if (isTail && skipped.length > 0) this.shorten(flow, skipped);
  }

  recognised(): void {
    // Reports name flows by their type; the application's name is told by the type's policy.
  }

  release(address: number): void {
    this.released.push(this.node.ctx.arena.slotNumber(address));
  }

  /**
   * Whether the end of the last connection here ends the flow: its owner decides; elsewhere its sequences must go on for
   * as long as the owner may send, so the owner's word is waited for.
   */
  private mayEnd(flow: number): boolean {
    const owned = (this.node.side.phase[this.node.aux(flow)] & PHASE_OWNED) !== 0;
    return owned || (this.node.ctx.arena.u32[(flow + F_STATE) >>> 2] & FS_ENDED) !== 0;
  }

  /** The network by which a flow came in, where only its path is known, and `routed`, where its answers are routed to. */
  private entranceOf(view: TopologyView, networks: readonly number[], routed: number): number {
    if (networks.includes(routed)) return routed;
    return networks.find((id) => view.network(id)?.cluster === this.node.cluster) ?? 0;
  }

  private reportStart(flow: number, address: number, observedAs: 'ingress' | 'egress', start: ConnectionStart): void {
    const { ctx, counters } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    if (observedAs === 'ingress') {
      counters.values[FLOWS_STARTED]++;
      counters.types.started(ctx.arena, flow);
    }
    const route = this.node.routeOf(flow).map((ref, i) => this.known(flow, ref, i));
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
      backups: route.map((ref) => ((ref & 0x7f) === 0 ? 0 : this.node.heirs.shadowOf(flow, ref))),
      start,
    });
  }

  /** A node of a flow's route; where it died and only copies went there, frames go on naming it, and who got them is not known here. */
  private known(flow: number, ref: NodeRef, place: number): NodeRef {
    const view = this.node.viewOf(flow);
    const isStale = isCopyAt(view, this.node.routeOf(flow), place) && this.node.obituary.isDeadIn(view, ref);
    return isStale ? nodeRef(clusterOf(ref), 0) : ref;
  }

  /** The flow's last connection is over: it is forgotten here, and all along its route. */
  private endFlow(flow: number, end: ConnectionEnd): void {
    const { counters, side } = this.node;
    const { u32 } = this.node.ctx.arena;
    const aux = this.node.aux(flow);
    const id = u32[(flow + F_ID) >>> 2];
    if ((side.phase[aux] & PHASE_OWNED) !== 0) {
      const clone = side.replica[aux];
      for (const branch of this.branches.take(flow)) this.endFlow(branch, end);
      counters.values[FLOWS_ENDED]++;
      counters.types.ended(this.node.ctx.arena, flow);
      this.tellEnd(flow, end);
      if (clone !== 0) this.endClone(clone, end);
      this.allocation.ended(id, side.path[aux]);
    }
    if (this.node.emits(flow)) this.tellToForget(id, this.siblings.peers());
    this.node.removeFlow(flow);
  }

  /** The clone of a flow that was allocated here is over. */
  endClone(clone: number, end: ConnectionEnd): void {
    const id = this.node.ctx.arena.u32[(clone + F_ID) >>> 2];
    this.tellEnd(clone, end);
    this.allocation.cloneEnded(cloneOf(id));
    this.node.removeFlow(clone);
  }

  /** The end of a flow that was allocated here, for the log and for the nodes of its route. */
  private tellEnd(flow: number, end: ConnectionEnd): void {
    const { ctx } = this.node;
    const { u32, f64 } = ctx.arena;
    const id = u32[(flow + F_ID) >>> 2];
    this.node.emitEvent({
      type: 'FlowEnded',
      at: ctx.now,
      flow: id,
      topologySeq: this.node.seqOf(flow),
      end,
      packets: [u32[(flow + F_PACKETS_FWD) >>> 2], u32[(flow + F_PACKETS_REV) >>> 2]],
      bytes: [f64[(flow + F_BYTES_FWD) >>> 3], f64[(flow + F_BYTES_REV) >>> 3]],
    });
    this.tellToForget(id, this.node.hopsBehind(flow));
  }

  /** Whoever has an entry or a copy of the flow forgets it. */
  private tellToForget(id: FlowId, nodes: readonly NodeRef[]): void {
    for (const to of nodes) this.node.tellEnd(id, to, 0);
  }
}
