import {
  clusterOf,
  nodeOf,
  nodeRef,
  type ClusterId,
  type FlowId,
  type Incarnation,
  type Micros,
  type NodeRef,
  type Seq,
} from '../../domain/base/ids';
import type { FlowEvent, FlowRerouted } from '../../domain/flow/events';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { TopologyCluster } from '../../domain/topology/topology';
import { FlowEventBuffer } from '../flows/flow-events';
import { type FlowTable } from '../flows/flow-table';
import {
  F_AUX,
  F_BACKUP,
  F_COUNT,
  F_EMITTER,
  F_ID,
  F_LAST,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_PATH,
  F_SHADOW_FWD,
  F_SHADOW_REV,
  F_STARTED,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FS_REPLICA,
  PATH_COUNT_MAX,
} from '../frames/layout';
import { reason, type Reason } from '../frames/reasons';
import type { FunctionHost } from '../functions/host';
import { Obituary } from '../select/liveness';
import { copyTarget, placeBeside, standFor } from '../select/copies';
import { cloneOf } from '../select/replica';
import type { TopologyView } from '../select/topology-view';
import type { ConnectionTable } from '../flows/connection-table';
import type { GroupContext } from './context';
import { CONTROL_END, ControlCursor } from './control-frames';
import { CONSUMED, Counters } from './counters';
import { FloodGuard } from './flood-guard';
import { Entrances } from './entrances';
import { FlowSide, PHASE_OWNED } from './flow-side';
import { Choices } from './choices';
import { Figures } from './figures';
import { Heirs } from './heirs';
import { isDroppedUnder } from './mode-plan';
import type { Learning } from './learning';
import type { Router } from './router';
import { Routing } from './routing';
import { StatelessFlows } from './stateless-flows';

/**
 * One node: what it knows of flows, topologies and neighbours, and what it counted. The work on it is done by the
 * modules beside this file: `receiver`, `stage`, `takeover`, `gateway`, `watch`.
 */
export class Node {
  readonly cluster: ClusterId;
  readonly side = new FlowSide();
  readonly obituary = new Obituary();
  readonly counters = new Counters();
  readonly events: FlowEventBuffer;
  readonly control: ControlCursor;
  readonly routing: Routing;
  readonly choices: Choices;
  readonly figures: Figures;
  readonly flood: FloodGuard;
  readonly stateless: StatelessFlows;
  readonly entrances: Entrances;
  readonly heirs: Heirs;
  /** Live flows allocated here, by wire ID. */
  readonly ownedByWire = new Float64Array(256);
  /** Frames in held and wait lists, and in queues inside the node. */
  inFlight = 0;
  host: FunctionHost | undefined;
  /** Of an INODE. */
  router: Router | undefined;
  /** INODEs only. */
  learning: Learning | undefined;
  /** What the function had dropped, by its reasons, when it went with the node. */
  functionDrops: { readonly [reason: string]: number } = {};
  /** Hello round until which flows learned here are fed to their backups, because others may not know of a death yet. */
  unsettledUntil = 0;
  /** Whether a flow has been here whose path ends in this node's cluster as it begins there. */
  hasReturning = false;
  /** Hello round until which backups may emit again what a node had sent on whose flow has fallen to this one. */
  inheritsUntil = 0;

  constructor(
    readonly ctx: GroupContext,
    readonly ref: NodeRef,
    readonly incarnation: Incarnation,
    readonly flows: FlowTable,
    connections?: ConnectionTable,
  ) {
    this.cluster = clusterOf(ref);
    this.events = new FlowEventBuffer(ctx.limits.events);
    this.control = new ControlCursor(ctx);
    if (incarnation > 1) this.obituary.record(ref, incarnation - 1);
    this.routing = new Routing(this);
    this.choices = new Choices(this);
    this.figures = new Figures(this);
    this.flood = new FloodGuard(this, connections);
    this.stateless = new StatelessFlows(this);
    this.entrances = new Entrances(this);
    this.heirs = new Heirs(this);
  }

  /** The topology of a flow. */
  viewOf(flow: number): TopologyView {
    return this.side.view[this.aux(flow)] as TopologyView;
  }

  /** Whether frames of the flow leave this cluster from here. */
  emits(flow: number): boolean {
    return this.ctx.arena.u16[(flow + F_EMITTER) >>> 1] === this.ref;
  }

  aux(flow: number): number {
    return this.ctx.arena.u32[(flow + F_AUX) >>> 2];
  }

  clusterIn(view: TopologyView): TopologyCluster {
    return view.cluster(this.cluster);
  }

  /** Cluster at a place of a flow's path; 0 outside of it. */
  clusterAt(flow: number, position: number): ClusterId {
    const { u8, u32 } = this.ctx.arena;
    if (position < 0 || position >= u8[flow + F_COUNT]) return 0;
    return u8[u32[(flow + F_PATH) >>> 2] + 2 * position];
  }

  /** Node that a flow's route has at a place of its path; 0 where none is chosen yet. */
  nodeAt(flow: number, position: number): NodeRef {
    const { u8, u32 } = this.ctx.arena;
    const at = u32[(flow + F_PATH) >>> 2] + 2 * position;
    return (u8[at + 1] & 0x7f) === 0 ? 0 : nodeRef(u8[at], u8[at + 1] & 0x7f);
  }

  /** Whether the flow's path ends in this node's cluster as it begins there ([0049]): one INODE has both of its ends. */
  returns(flow: number): boolean {
    const last = this.ctx.arena.u8[flow + F_COUNT] - 1;
    return last > 0 && this.clusterAt(flow, 0) === this.cluster && this.clusterAt(flow, last) === this.cluster;
  }

  /** This node's place on the flow's path for what it sends in direction `step`: see {@link standFor}. */
  placeFor(flow: number, step: number): number {
    if (step < 0 && this.returns(flow)) return this.ctx.arena.u8[flow + F_COUNT] - 1;
    return this.side.position[this.aux(flow)];
  }

  /** A flow's route, forward; node 0 = not chosen yet. */
  routeOf(flow: number): NodeRef[] {
    const { u8, u32 } = this.ctx.arena;
    return this.ctx.paths.read(u32[(flow + F_PATH) >>> 2], u8[flow + F_COUNT]);
  }

  /** Puts another route of as many clusters in its place; false when there is no room for it. */
  setRoute(flow: number, route: readonly NodeRef[]): boolean {
    const { u32 } = this.ctx.arena;
    const path = this.ctx.paths.intern(route);
    if (path === 0) return false;
    this.ctx.paths.release(u32[(flow + F_PATH) >>> 2]);
    u32[(flow + F_PATH) >>> 2] = path;
    return true;
  }

  /** The flow visits further clusters from now on: `route` is its own with those inserted. False when there is no room. */
  divert(flow: number, route: readonly NodeRef[]): boolean {
    const { u8, u32 } = this.ctx.arena;
    if (route.length > PATH_COUNT_MAX || !this.setRoute(flow, route)) return false;
    u8[flow + F_COUNT] = route.length;
    const aux = u32[(flow + F_AUX) >>> 2];
    this.side.position[aux] = route.findIndex((ref) => clusterOf(ref) === this.cluster);
    if (this.side.isDiverted[aux] === 0) this.side.diverted++;
    this.side.isDiverted[aux] = 1;
    return true;
  }

  /** A new flow entry with its side index; 0 when the table or the room for paths is full. */
  insertFlow(id: number, type: number, view: TopologyView, route: readonly NodeRef[], position: number): number {
    const { u8, u16, u32, f64 } = this.ctx.arena;
    const path = this.ctx.paths.intern(route);
    if (path === 0) return 0;
    const flow = this.flows.insert(id);
    if (flow === 0) {
      this.ctx.paths.release(path);
      return 0;
    }
    const aux = this.side.allocate(view);
    u32[(flow + F_AUX) >>> 2] = aux;
    u16[(flow + F_TYPE) >>> 1] = type;
    u8[flow + F_WIRE] = view.topology.wireId;
    u8[flow + F_COUNT] = route.length;
    u32[(flow + F_PATH) >>> 2] = path;
    f64[(flow + F_STARTED) >>> 3] = f64[(flow + F_LAST) >>> 3] = this.ctx.now;
    const first = clusterOf(route[0]);
    this.side.isSecondary[aux] = view.hasCluster(first) && view.cluster(first).role !== 'inode' ? 1 : 0;
    this.standOn(flow, route, position);
    this.hasReturning ||= this.returns(flow);
    return flow;
  }

  /** This node stands at `position` of the flow's route: what follows from that under the flow's topology. */
  standOn(flow: number, route: readonly NodeRef[], position: number): void {
    const view = this.viewOf(flow);
    const aux = this.aux(flow);
    const id = this.ctx.arena.u32[(flow + F_ID) >>> 2];
    this.side.position[aux] = position;
    const copyAt = (step: number): NodeRef => {
      const to = copyTarget(view, route, position, step, id, this.obituary);
      const named = route[standFor(route, position, step) + step] ?? 0;
      // A flow that has another topology than it began under keeps its order of members.
      return to === 0 || to === named || nodeOf(named) === 0 ? to : this.heirs.nextFor(flow, named);
    };
    const isDropped = isDroppedUnder(
      view,
      route.map((ref) => clusterOf(ref)),
    );
    this.side.standOn(aux, copyAt(1), copyAt(-1), isDropped);
  }

  /** The place of a flow's path that what leaves here goes to next, in direction `step`: see {@link placeBeside}. */
  placeBeside(flow: number, step: number): number {
    return placeBeside(this.viewOf(flow), this.routeOf(flow), this.side.position[this.aux(flow)], step);
  }

  /** Whether this node's cluster gets copies of the flow only. */
  getsCopies(flow: number): boolean {
    return this.clusterIn(this.viewOf(flow)).mode === 'copy';
  }

  /**
   * Whether a function opened the flow ([0062]): its path begins at the function's node, and the INODE at its other end owns
   * it, so that word of it goes against its direction.
   */
  isSecondary(flow: number): boolean {
    return this.side.isSecondary[this.aux(flow)] === 1;
  }

  /** The place on a flow's path of the INODE that owns it. */
  ownersPlace(flow: number): number {
    return this.isSecondary(flow) ? this.ctx.arena.u8[flow + F_COUNT] - 1 : 0;
  }

  /**
   * Whom word of the flow's end or change goes to from here, away from its owner, besides siblings: who emits next, who
   * shadows, who gets copies. Behind a stage that gets copies only, those stand who do too; all others hear it from the
   * stage before.
   */
  hopsBehind(flow: number): NodeRef[] {
    const { u16 } = this.ctx.arena;
    if (this.isSecondary(flow)) {
      const hops = [
        u16[(flow + F_NEXT_REV) >>> 1],
        u16[(flow + F_SHADOW_REV) >>> 1],
        this.side.copyRev[this.aux(flow)],
      ];
      return hops.filter((ref) => ref !== 0);
    }
    const next = u16[(flow + F_NEXT_FWD) >>> 1];
    if (this.getsCopies(flow)) {
      return next !== 0 && this.viewOf(flow).cluster(clusterOf(next)).mode === 'copy' ? [next] : [];
    }
    const hops = [next, u16[(flow + F_SHADOW_FWD) >>> 1], this.side.copyFwd[this.aux(flow)]];
    return hops.filter((ref) => ref !== 0);
  }

  /** Forgets a flow; its lists must be empty. */
  removeFlow(flow: number): void {
    const { u8, u32 } = this.ctx.arena;
    const aux = this.aux(flow);
    if ((this.side.phase[aux] & PHASE_OWNED) !== 0) this.ownedByWire[u8[flow + F_WIRE]]--;
    this.entrances.forget(flow);
    this.routing.release(flow);
    this.choices.forget(u32[(flow + F_ID) >>> 2]);
    if ((u32[(flow + F_STATE) >>> 2] & FS_REPLICA) !== 0) this.forgetReplica(flow);
    this.host?.flowEnded(u32[(flow + F_ID) >>> 2]);
    this.ctx.paths.release(u32[(flow + F_PATH) >>> 2]);
    this.side.free(aux);
    this.flows.remove(flow);
  }

  /** The entry is a clone's ([0084]): its frames carry flag 3 and end inside the grid. */
  markReplica(flow: number): void {
    this.side.replicas++;
    this.setState(flow, FS_REPLICA);
  }

  /** The entry is one of a flow's own frames again, and not of copies of them. */
  unmarkReplica(flow: number): void {
    this.side.replicas--;
    this.clearState(flow, FS_REPLICA);
  }

  private forgetReplica(clone: number): void {
    this.side.replicas--;
    const original = this.flows.find(cloneOf(this.ctx.arena.u32[(clone + F_ID) >>> 2]));
    if (original !== 0 && this.side.replica[this.aux(original)] === clone) this.side.replica[this.aux(original)] = 0;
  }

  /** The flow has fallen to this node, which cannot know what the one before it had sent on. */
  inherits(flow: number): void {
    const { detectMultiplier } = this.viewOf(flow).topology.timing;
    this.side.inheritedAt[this.aux(flow)] = this.ctx.now;
    this.inheritsUntil = this.ctx.round + detectMultiplier + 2;
  }

  /** Whether this node's own function can hand a flow's state to another. */
  get canExport(): boolean {
    return this.host === undefined || this.host.stateKind !== 'opaque';
  }

  /** Whether a backup can begin with any frame: nothing is remembered between frames. */
  get isStateless(): boolean {
    return this.host === undefined || this.host.stateKind === 'stateless';
  }

  /** A copy of a frame in a slot of its own; −1 when none is free, which is counted. */
  copyOf(slot: number): number {
    const copy = this.ctx.slots.allocate();
    if (copy < 0) this.count('no-slot');
    else this.ctx.kernels.copySlot(slot, copy);
    return copy;
  }

  /** Tells another node that a flow has ended; the argument is that of `END`. */
  tellEnd(flow: FlowId, to: NodeRef, argument: number): void {
    if (to === 0 || !this.control.begin(this.incarnation)) return;
    this.control.u32(flow);
    this.control.send(this.ref, to, CONTROL_END, argument);
  }

  drop(slot: number, why: Reason): void {
    this.counters.drop(why);
    this.ctx.slots.free(slot);
  }

  /** The node has taken a frame for itself. */
  consume(slot: number): void {
    this.counters.values[CONSUMED]++;
    this.ctx.slots.free(slot);
  }

  /** Counts a drop of something that never had a slot of its own (a copy that could not be made). */
  count(name: Parameters<typeof reason>[0]): void {
    this.counters.drop(reason(name));
  }

  emitEvent(event: FlowEvent): void {
    this.events.push(event);
  }

  /** Says that a flow goes through `to` (0 = nobody) instead of `from`, from now on if nothing else is said. */
  reportReroute(
    flow: number,
    reason: FlowRerouted['reason'],
    from: NodeRef,
    to: NodeRef,
    effectiveAt: Micros = this.ctx.now,
  ): void {
    this.emitEvent({
      type: 'FlowRerouted',
      at: this.ctx.now,
      flow: this.ctx.arena.u32[(flow + F_ID) >>> 2],
      topologySeq: this.seqOf(flow),
      reason,
      from,
      to,
      effectiveAt,
    });
  }

  /** Commit under which a flow's topology was published. */
  seqOf(flow: number): Seq {
    return this.viewOf(flow).published.seq;
  }

  statistics(): NodeStatistics {
    let flowsPrimary = 0;
    let flowsBackup = 0;
    const allocated: number[] = [];
    this.visitFlows((flow) => {
      const { u16, u32 } = this.ctx.arena;
      const owned = (this.side.phase[this.aux(flow)] & PHASE_OWNED) !== 0;
      if (owned && (u32[(flow + F_STATE) >>> 2] & FS_REPLICA) === 0) allocated.push(flow);
      if (u16[(flow + F_EMITTER) >>> 1] === this.ref) flowsPrimary++;
      else if (u16[(flow + F_BACKUP) >>> 1] === this.ref) flowsBackup++;
    });
    const counted = this.host?.counted() ?? { ...this.router?.counted(), ...this.learning?.counted() };
    return {
      ...this.counters.statistics(
        { node: this.ref, incarnation: this.incarnation, at: this.ctx.now },
        {
          flowsPrimary,
          flowsBackup,
          boundByFlood: this.flood.isBound,
          inFlight: this.inFlight,
          utilisation: this.figures.utilisation,
          congested: this.figures.congested,
          types: this.counters.types.traffic(this.ctx.arena, allocated),
        },
        this.host?.dropsByReason() ?? this.functionDrops,
      ),
      ...(Object.keys(counted).length > 0 ? { counted } : {}),
    };
  }

  /** Visits every flow entry; for what happens once per failure or report. The visit may remove the entry. */
  visitFlows(visit: (flow: number) => void): void {
    if (this.flows.size > 0) this.flows.scan(0, Number.MAX_SAFE_INTEGER, visit);
  }

  setState(flow: number, bits: number): void {
    this.ctx.arena.u32[(flow + F_STATE) >>> 2] |= bits;
  }

  clearState(flow: number, bits: number): void {
    this.ctx.arena.u32[(flow + F_STATE) >>> 2] &= ~bits;
  }
}
