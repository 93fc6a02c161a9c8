import { nodeRef, type Incarnation, type Micros, type NodeRef, type WireId } from '../../domain/base/ids';
import { FlowgridError } from '../../domain/base/errors';
import type { FlowEvent } from '../../domain/flow/events';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { ClusterRole, PublishedTopology } from '../../domain/topology/topology';
import { writeNode } from '../descriptor/node-table';
import { ConnectionTable } from '../flows/connection-table';
import { FlowTable } from '../flows/flow-table';
import type { PointSetup } from '../probes/probe-points';
import { GroupContext, type NodeGroupOptions } from './context';
import { HostedNode } from './hosted-node';
import type { WireTarget } from './repin';
import type { Detection, Hearing } from './watch';
import { WorldPort } from './world-port';

export type { NodeGroupOptions, NodeLimits } from './context';
export type { Detection } from './watch';

/**
 * One or more nodes hosted in one thread on one arena: the same code in the main thread or in a worker. Deterministic
 * and synchronous: it moves only inside {@link run} and {@link tick}, on the time they are given.
 *
 * The order of calls of a driver that steps the grid: `tick(t)` when a hello interval has passed, `inject` frames of
 * time ≤ t, then `run(t)` of every group until the fabric is quiescent.
 */
export class NodeGroup {
  private readonly ctx: GroupContext;
  private readonly hosted = new Map<NodeRef, HostedNode>();
  private readonly tables = new Map<NodeRef, { flows: FlowTable; connections: ConnectionTable | undefined }>();
  /** Hosted nodes, those nearest to the ends of paths first: downstream is drained before new frames are read. */
  private order: HostedNode[] = [];
  private readonly detections: Detection[] = [];
  private noticed = 0;
  private readonly written = new Set<NodeRef>();
  private world: WorldPort | undefined;
  private nextRound: Micros = 0;

  constructor(options: NodeGroupOptions) {
    this.ctx = new GroupContext(options);
  }

  /**
   * Hosts a node: its tables and rings are made, and it takes part from the next installed topology on that names it
   * (those installed before count too). @throws FlowgridError `internal` if it is hosted already.
   */
  addNode(ref: NodeRef, incarnation: Incarnation, role: ClusterRole): void {
    if (this.hosted.get(ref)?.alive === true) throw new FlowgridError('internal', `node ${ref} is hosted already`);
    this.ctx.options.fabric.openInbox(ref);
    this.ctx.hosts(ref);
    this.ctx.publish();
    this.ctx.place(ref, false);
    const tables = this.tablesOf(ref, role);
    const hosted = new HostedNode(this.ctx, {
      ref,
      incarnation,
      role,
      ...tables,
      inbox: this.ctx.options.fabric.readers(ref),
      detected: (detection) => {
        this.detections.push(detection);
        this.noticed++;
      },
    });
    this.hosted.set(ref, hosted);
    this.order = [...this.hosted.values()].sort((a, b) => b.node.ref - a.node.ref);
    const { active, latest } = this.ctx.topologies;
    if (latest !== undefined) hosted.installed(latest);
    if (active !== undefined) hosted.activated(active);
  }

  /**
   * Kills a node: function, tables and queues (frames in its rings, held frames) are gone at once; it stays silent, and
   * what is sent to it from now on is lost (tap `lost`, reason `node-dead`). Its last statistics stay readable.
   */
  kill(ref: NodeRef): void {
    const hosted = this.require(ref);
    hosted.kill();
    this.ctx.publish();
  }

  /** Brings a killed node back as a new incarnation, empty. It gets flows when a topology names that incarnation. */
  revive(ref: NodeRef, incarnation: Incarnation): void {
    const before = this.require(ref);
    if (before.alive) throw new FlowgridError('internal', `node ${ref} is alive`);
    while (before.drainInternal() + before.drainExternal() > 0);
    this.hosted.delete(ref);
    this.addNode(ref, incarnation, this.tables.get(ref)?.connections === undefined ? 'anode' : 'inode');
    this.require(ref).arrive();
    this.ctx.publish();
  }

  /** Stops hosting a drained node: it is gone like a killed one, and what it counted stays readable. */
  removeNode(ref: NodeRef): void {
    this.kill(ref);
  }

  /**
   * Installs a topology: flows that carry its wire ID are known from now on; neighbours and functions follow the latest
   * installed. Returns its version, as the acknowledgement of all hosted nodes.
   */
  install(published: PublishedTopology): number {
    this.writeKeys(published);
    const view = this.ctx.topologies.install(published);
    if (view === this.ctx.topologies.latest) this.placeMembers(published);
    for (const hosted of this.order) if (hosted.alive) hosted.installed(view);
    this.world?.install(published);
    this.ctx.publish();
    return view.topology.version;
  }

  /** FNODEs stamp new flows with this version from now on. @throws FlowgridError `not-found` if it is not installed. */
  activate(version: number): void {
    if (!this.ctx.topologies.activate(version)) {
      throw new FlowgridError('not-found', `topology version ${version} is not installed`);
    }
    const { active } = this.ctx.topologies;
    if (active !== undefined) for (const hosted of this.order) if (hosted.alive) hosted.activated(active);
  }

  /** Forgets a wire ID that no live flow carries. */
  retire(wireId: WireId): void {
    const view = this.ctx.topologies.retire(wireId);
    if (view !== undefined) for (const hosted of this.order) hosted.retired(view);
  }

  /**
   * Flows that the group's FNODEs allocated and that carry `from` are to carry the target's wire ID, their nodes
   * unchanged. It takes some hello rounds; {@link reportLiveWireIds} shows when none is left.
   */
  repin(from: WireId, target: WireTarget): void {
    for (const hosted of this.order) hosted.repin(from, target);
  }

  /** Frames that pass this point are captured in its ring from now on. */
  attachProbe(point: PointSetup): void {
    this.ctx.attachProbe(point);
  }

  detachProbe(id: number): void {
    this.ctx.detachProbe(id);
  }

  /** Wire IDs of live flows that the group's FNODEs allocated, ascending. */
  reportLiveWireIds(): WireId[] {
    const report = new Set<number>();
    for (const hosted of this.order) if (hosted.alive) hosted.liveWireIds(report);
    return [...report].sort((a, b) => a - b);
  }

  /**
   * A frame arrives at an external network; see {@link WorldPort.inject}. For single-threaded use: only one thread of a
   * grid may inject, through one port.
   */
  inject(network: number, slot: number, via: NodeRef = 0): boolean {
    const port = this.worldPort();
    const accepted = port.inject(network, slot, via);
    port.publish();
    return accepted;
  }

  /** The world's side of this group's fabric, for the thread that injects and takes what leaves. */
  worldPort(): WorldPort {
    if (this.world === undefined) {
      this.world = new WorldPort(this.ctx.arena, this.ctx.options.fabric);
      if (this.ctx.topologies.latest !== undefined) this.world.install(this.ctx.topologies.latest.published);
    }
    return this.world;
  }

  /**
   * Moves frames until nothing moves in this group: internal rings first, then new frames from external networks, in
   * batches. Returns the number of frames moved; 0 = idle. `nowUs` is grid time and never goes back.
   */
  run(nowUs: Micros): number {
    let moved = 0;
    for (;;) {
      const n = this.step(nowUs);
      if (n === 0) return moved;
      moved += n;
    }
  }

  /** As {@link run}, but at most one batch per node: between two steps a thread can look at something else. */
  step(nowUs: Micros): number {
    this.ctx.now = Math.max(this.ctx.now, nowUs);
    return this.drain(drainInternal) || this.drain(drainExternal);
  }

  /** Moves frames from external networks alone, at most one batch per node, though others may be inside. */
  enter(nowUs: Micros): number {
    this.ctx.now = Math.max(this.ctx.now, nowUs);
    return this.drain(drainExternal);
  }

  /** Whether frames were handed to nodes of other groups since the last call. */
  takeOutward(): boolean {
    return this.ctx.takeOutward();
  }

  /** Whether frames were handed to the world's ring since the last call. */
  takeToWorld(): boolean {
    return this.ctx.takeToWorld();
  }

  /** Whether frames wait in a ring into this group. */
  hasFrames(): boolean {
    return this.order.some((hosted) => hosted.hasFrames());
  }

  /**
   * The clock: at most one hello round per call, when a hello interval has passed since the last one. Hellos go out,
   * silent neighbours are found dead, held frames are let go, idle flows end.
   */
  tick(nowUs: Micros): void {
    this.ctx.now = Math.max(this.ctx.now, nowUs);
    const latest = this.ctx.topologies.latest;
    if (latest === undefined || this.ctx.now < this.nextRound) return;
    const helloUs = latest.topology.timing.helloMs * 1000;
    this.ctx.intervals = this.nextRound === 0 ? 1 : 1 + Math.floor((this.ctx.now - this.nextRound) / helloUs);
    this.nextRound = this.ctx.now + helloUs;
    this.ctx.round++;
    for (const hosted of this.order) hosted.round();
    this.ctx.publish();
  }

  /** When the next hello round is due; 0 before any topology is installed. */
  get dueRound(): Micros {
    return this.nextRound;
  }

  /** The grid is taken down in good order: every flow ends, as `eof` where its own end was not seen. Run the group then. */
  endFlows(nowUs: Micros): void {
    this.ctx.now = Math.max(this.ctx.now, nowUs);
    for (const hosted of this.order) hosted.endFlows();
    this.ctx.publish();
  }

  /** What a node counted in its present (or, if it is dead, last) life. */
  statistics(ref: NodeRef): NodeStatistics {
    return this.require(ref).node.statistics();
  }

  /** Flow events of a node since the last call, oldest first, for the chain (node, incarnation). */
  drainFlowEvents(ref: NodeRef): FlowEvent[] {
    return this.require(ref).node.events.drain();
  }

  /** Flow events of a node that were shed since the last call: the newest, after all that the call before drained. */
  takeShedEvents(ref: NodeRef): number {
    return this.require(ref).node.events.takeShed();
  }

  /** Deaths that hosted nodes noticed since the last call. */
  drainDetections(): Detection[] {
    return this.detections.splice(0);
  }

  /** Deaths that hosted nodes have noticed since the group began. */
  get deaths(): number {
    return this.noticed;
  }

  /** Whether a hosted node holds a life of another one dead. */
  holdsDead(ref: NodeRef, incarnation: Incarnation): boolean {
    return this.order.some(({ alive, node }) => alive && node.obituary.isDead(ref, incarnation));
  }

  /** Nodes that are or were neighbours of hosted nodes and that none of these hears: by node, the latest life known of it. */
  mute(): Map<NodeRef, Incarnation> {
    const hearing = new Map<NodeRef, Hearing>();
    for (const hosted of this.order) hosted.reportHearing(hearing);
    return new Map([...hearing].flatMap(([ref, { incarnation, isHeard }]) => (isHeard ? [] : [[ref, incarnation]])));
  }

  /** Hosted nodes, dead ones included. */
  nodes(): NodeRef[] {
    return [...this.hosted.keys()].sort((a, b) => a - b);
  }

  isAlive(ref: NodeRef): boolean {
    return this.hosted.get(ref)?.alive === true;
  }

  /** Tells all hosted nodes that a node is dead, as the control plane published it. */
  bury(ref: NodeRef, incarnation: Incarnation): void {
    for (const hosted of this.order) if (hosted.node.ref !== ref) hosted.bury(ref, incarnation);
    this.ctx.publish();
  }

  /** Gives unused slots of this thread's cache back to all. */
  flushSlots(): void {
    this.ctx.slots.flush();
  }

  private drain(step: (hosted: HostedNode) => number): number {
    let moved = 0;
    for (const hosted of this.order) {
      const n = step(hosted);
      if (n === 0) continue;
      moved += n;
      this.ctx.publish();
      this.ctx.options.fabric.countConsumed(this.ctx.options.group, n);
    }
    return moved;
  }

  private require(ref: NodeRef): HostedNode {
    const hosted = this.hosted.get(ref);
    if (hosted === undefined) throw new FlowgridError('not-found', `node ${ref} is not hosted here`);
    return hosted;
  }

  private tablesOf(ref: NodeRef, role: ClusterRole): { flows: FlowTable; connections: ConnectionTable | undefined } {
    const known = this.tables.get(ref);
    if (known !== undefined) return known;
    const { arena, limits } = this.ctx;
    const tables = {
      flows: new FlowTable(arena, limits.flows),
      connections: role === 'inode' ? new ConnectionTable(arena, limits.connections) : undefined,
    };
    this.tables.set(ref, tables);
    return tables;
  }

  /** Where members are hosted, in a grid of several agents. */
  private placeMembers({ topology }: PublishedTopology): void {
    const { agent } = this.ctx.options;
    if (agent === undefined) return;
    this.ctx.publish();
    for (const { id, members } of topology.clusters) {
      for (const member of members) {
        this.ctx.place(nodeRef(id, member.node), member.agent !== undefined && member.agent !== agent);
      }
    }
  }

  private writeKeys({ topology }: PublishedTopology): void {
    const { arena, options } = this.ctx;
    for (const cluster of topology.clusters) {
      for (const { node } of cluster.members) {
        const ref = nodeRef(cluster.id, node);
        if (this.written.has(ref)) continue;
        this.written.add(ref);
        writeNode(arena, ref, options.nodeKey(ref), options.keyEpoch);
      }
    }
  }
}

const drainInternal = (hosted: HostedNode): number => hosted.drainInternal();
const drainExternal = (hosted: HostedNode): number => hosted.drainExternal();
