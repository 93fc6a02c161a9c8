import { nodeRef, type Micros, type NodeRef } from '../../domain/base/ids';
import { DEFAULT_FLOOD, DEFAULT_TIMING } from '../../domain/topology/topology';
import { classifierTiming, idleLimit } from '../classify/timing';
import type { ConnectionTable } from '../flows/connection-table';
import type { TopologyView } from '../select/topology-view';
import { CONTROL_FLOOD, type ControlCursor } from './control-frames';
import { FLOODED } from './counters';
import { FloodRecords } from './flood-records';
import type { Node } from './node';

/** A table is short of room when fewer places than this part of its limit are left; it has room again at twice that. */
const RESERVE = 1 / 8;
/** After an entry could not be made although there seemed to be room, none is tried for this long, microseconds. */
const EXHAUSTED_US = 1_000_000;
const SECOND_US = 1_000_000;
/** After this long a SYN that nobody answered is not sent again (Linux gives up after 127 s). */
const SYN_WAIT_US = 130_000_000;
const DEFAULT_IDLE = classifierTiming(DEFAULT_TIMING);

/** A table, as far as its room is concerned. */
interface Room {
  readonly size: number;
  readonly limit: number;
}

/**
 * Decides whether entries are written for new flows (DESIGN.md section 5, flood guard): not while some node of the grid
 * sees more new flows than configured, or is short of room. Part of each table is kept back for what is under way when
 * a flood begins, so that a flow has its entry at both ends or at none.
 */
export class FloodGuard {
  private readonly records: FloodRecords;
  private cause: 'rate' | 'tables' | undefined;
  private exhaustedUntil: Micros = 0;
  /** New flows that may still begin, at most those of one second. */
  private tokens = Infinity;
  private tokensAt: Micros = 0;
  /** Until when flows without an entry may be alive here. */
  private holdsUntil: Micros = 0;
  private holding: TopologyView | undefined;
  private framesAtBegin = 0;
  private readonly tables: readonly Room[];

  constructor(
    private readonly node: Node,
    connections: ConnectionTable | undefined,
  ) {
    this.records = new FloodRecords(node);
    this.tables = connections === undefined ? [node.flows] : [node.flows, connections];
  }

  /** No entries are written for new flows. */
  get isOn(): boolean {
    return this.records.flooding;
  }

  /** The topology that frames without an entry are hashed under; undefined while there are none. */
  get pinned(): TopologyView | undefined {
    return this.records.pinned;
  }

  /** Whether this node may yet be chosen for flows without an entry: it is not drained before that ends. */
  get isBound(): boolean {
    const { pinned } = this;
    if (pinned === undefined) return this.holding !== undefined;
    const { ref, incarnation } = this.node;
    const isMember = pinned
      .cluster(this.node.cluster)
      .members.some(({ node, state }) => nodeRef(this.node.cluster, node) === ref && state === 'active');
    return this.holding !== undefined || (isMember && pinned.incarnationOf(ref) === incarnation);
  }

  /** A new flow has come: whether it gets an entry. */
  admitsNewFlow(): boolean {
    if (this.isOn) return false;
    this.refill();
    if (this.tokens < 1) this.begin('rate');
    else if (this.isShort(RESERVE)) this.begin('tables');
    else this.tokens--;
    return !this.isOn;
  }

  /** An entry was made that was not asked for, by a flow that others began. */
  watchTables(): void {
    if (this.cause === undefined && this.isShort(RESERVE)) this.begin('tables');
  }

  /** An entry could not be made. */
  exhausted(): void {
    this.exhaustedUntil = this.node.ctx.now + EXHAUSTED_US;
    if (this.cause === undefined) this.begin('tables');
  }

  /**
   * A frame without an entry enters or leaves here, so that its flow lives for an idle timeout more. Returns the topology
   * that such frames are hashed under: what is pinned, or `named` by another node, or the one stamped now.
   * @param begins it opens a TCP connection, of which nothing will be heard if nobody answers
   */
  carry(proto: number, begins: boolean, named: TopologyView | undefined): TopologyView | undefined {
    const until = this.node.ctx.now + this.idleUs(proto, begins);
    if (until > this.holdsUntil) this.holdsUntil = until;
    if (this.holding === undefined) {
      this.holding = this.records.pinned ?? named ?? this.node.ctx.topologies.active;
      this.tell();
    }
    return this.records.pinned;
  }

  /** At each hello round. */
  tick(longestIdleUs: Micros): void {
    this.records.tick(longestIdleUs);
    if (this.cause !== undefined && this.isOver(this.cause)) this.end();
    if (this.holding !== undefined && this.cause === undefined && this.node.ctx.now > this.holdsUntil) {
      this.holding = undefined;
      this.tell();
    }
  }

  /** A node died; flows live `longestIdleUs` at most without a word. */
  died(ref: NodeRef, longestIdleUs: Micros): void {
    this.records.died(ref, this.node.ctx.now + longestIdleUs);
  }

  /** Writes what is known of floods into a hello or a `FLOOD` frame. */
  write(control: ControlCursor): void {
    this.records.write(control);
  }

  /** Reads what a neighbour knows of floods; what was new is passed on at once. */
  read(body: ControlCursor, from: NodeRef): void {
    if (!this.records.read(body)) return;
    if (this.holding !== undefined) this.agree(this.holding);
    this.pass(from);
  }

  private begin(cause: 'rate' | 'tables'): void {
    const { ctx, counters } = this.node;
    this.cause = cause;
    this.framesAtBegin = counters.values[FLOODED];
    this.tell();
    const view = this.pinned ?? ctx.topologies.active;
    const topologySeq = view?.published.seq ?? 0;
    this.node.emitEvent({ type: 'FloodBegan', at: ctx.now, flow: 0, topologySeq, cause });
  }

  private end(): void {
    const { ctx, counters } = this.node;
    this.cause = undefined;
    this.tell();
    const topologySeq = (this.pinned ?? ctx.topologies.active)?.published.seq ?? 0;
    const frames = counters.values[FLOODED] - this.framesAtBegin;
    this.node.emitEvent({ type: 'FloodEnded', at: ctx.now, flow: 0, topologySeq, frames });
  }

  private idleUs(proto: number, begins: boolean): Micros {
    const limit = idleLimit(this.node.ctx.topologies.latest?.idle ?? DEFAULT_IDLE, proto, 0);
    return begins ? Math.min(SYN_WAIT_US, limit) : limit;
  }

  private isOver(cause: 'rate' | 'tables'): boolean {
    if (cause === 'tables') return this.node.ctx.now >= this.exhaustedUntil && !this.isShort(2 * RESERVE);
    this.refill();
    return this.tokens * 2 >= this.rate();
  }

  private isShort(part: number): boolean {
    for (const { size, limit } of this.tables) if (size >= limit - Math.ceil(limit * part)) return true;
    return false;
  }

  private refill(): void {
    const rate = this.rate();
    const { now } = this.node.ctx;
    const refilled = this.tokens + ((now - this.tokensAt) * rate) / SECOND_US;
    this.tokens = rate === Infinity ? Infinity : Math.min(rate, refilled);
    this.tokensAt = now;
  }

  /** New flows a second for which entries are written; Infinity where it is not limited. */
  private rate(): number {
    const flood = this.node.ctx.topologies.active?.topology.flood ?? DEFAULT_FLOOD;
    return flood.newFlowsPerSecond === 0 ? Infinity : flood.newFlowsPerSecond;
  }

  /** Nodes that began to hold in the same instant under different topologies end at the older one. */
  private agree(own: TopologyView): void {
    const { pinned } = this.records;
    if (pinned === undefined || pinned.topology.version >= own.topology.version) return;
    this.holding = pinned;
    this.tell();
  }

  private tell(): void {
    this.records.say(this.cause !== undefined, this.holding);
    this.pass(0);
  }

  private pass(except: NodeRef): void {
    const { control, ref, incarnation, ctx } = this.node;
    for (const neighbour of ctx.topologies.latest?.neighbours(ref) ?? []) {
      if (neighbour === except || !control.begin(incarnation)) continue;
      this.write(control);
      control.send(ref, neighbour, CONTROL_FLOOD, 0);
    }
  }
}
