import type { Incarnation, Micros, NodeRef } from '../../domain/base/ids';
import type { TopologyView } from '../select/topology-view';
import type { ControlCursor } from './control-frames';
import type { Node } from './node';

/** Most records that one frame carries. */
const TOLD_MAX = 256;

const FLOODING = 1;
const HOLDS = 2;

/** What one node says of a flood. */
interface FloodRecord {
  readonly origin: NodeRef;
  readonly incarnation: Incarnation;
  /** Grows with each change: of two records of one life the one with the higher number counts. */
  readonly stamp: number;
  /** It has no room for entries, or sees more new flows than it may. */
  readonly flooding: boolean;
  /** Flows without an entry pass it, or did until shortly: the topology below must stay. */
  readonly holds: boolean;
  readonly version: number;
  readonly wireId: number;
}

/**
 * What the nodes of a grid say of floods, passed on from neighbour to neighbour as it changes, and with every hello. All
 * nodes so agree whether entries are written for new flows, and which topology hashes flows that have none: the oldest
 * that any node holds, which is the one that was stamped when the flood began.
 */
export class FloodRecords {
  private readonly records = new Map<NodeRef, FloodRecord>();
  /** When the word of a node that is gone lapses, microseconds. */
  private readonly lapses = new Map<NodeRef, Micros>();
  private held: { readonly version: number; readonly wireId: number } | undefined;
  private isFlooding = false;
  private stamp = 0;

  constructor(private readonly node: Node) {}

  /** Some node writes no entries for new flows: nobody does, as a flow needs one at both ends. */
  get flooding(): boolean {
    return this.isFlooding;
  }

  /** The topology that frames without an entry are hashed under; undefined while there are none. */
  get pinned(): TopologyView | undefined {
    return this.held === undefined ? undefined : this.node.ctx.topologies.exactly(this.held);
  }

  /** What this node itself says. */
  say(flooding: boolean, held: TopologyView | undefined): void {
    this.records.set(this.node.ref, {
      origin: this.node.ref,
      incarnation: this.node.incarnation,
      stamp: ++this.stamp,
      flooding,
      holds: held !== undefined,
      version: held?.topology.version ?? 0,
      wireId: held?.topology.wireId ?? 0,
    });
    this.derive();
  }

  /** A node died: what it held is kept for as long as its flows can live, since others carry them now. */
  died(ref: NodeRef, until: Micros): void {
    const record = this.records.get(ref);
    if (record === undefined) return;
    this.records.set(ref, { ...record, flooding: false });
    this.lapses.set(ref, until);
    this.derive();
  }

  /** At each hello round: what nodes that are gone had said lapses. */
  tick(longestIdleUs: Micros): void {
    const { now, topologies } = this.node.ctx;
    for (const [ref, record] of this.records) {
      const isMember = topologies.latest?.incarnationOf(ref) === record.incarnation;
      if (!isMember && ref !== this.node.ref && !this.lapses.has(ref)) this.died(ref, now + longestIdleUs);
    }
    for (const [ref, until] of this.lapses) {
      if (until > now) continue;
      this.lapses.delete(ref);
      this.records.delete(ref);
      this.derive();
    }
  }

  /**
   * Writes the records: count u16, then for each origin u16, incarnation u32, stamp u32, what it says u8, version u32,
   * wire ID u8.
   */
  write(control: ControlCursor): void {
    control.u16(Math.min(this.records.size, TOLD_MAX));
    let told = 0;
    for (const record of this.records.values()) {
      if (++told > TOLD_MAX) return;
      control.u16(record.origin);
      control.u32(record.incarnation);
      control.u32(record.stamp);
      control.u8((record.flooding ? FLOODING : 0) | (record.holds ? HOLDS : 0));
      control.u32(record.version);
      control.u8(record.wireId);
    }
  }

  /** Reads what {@link write} wrote; says whether something was new. */
  read(body: ControlCursor): boolean {
    let isNews = false;
    for (let n = body.readU16(); n > 0; n--) {
      const origin = body.readU16();
      const incarnation = body.readU32();
      const stamp = body.readU32();
      const says = body.readU8();
      const record = {
        origin,
        incarnation,
        stamp,
        flooding: (says & FLOODING) !== 0,
        holds: (says & HOLDS) !== 0,
        version: body.readU32(),
        wireId: body.readU8(),
      };
      if (this.take(record)) isNews = true;
    }
    if (isNews) this.derive();
    return isNews;
  }

  private take(record: FloodRecord): boolean {
    const { origin, incarnation, stamp } = record;
    if (origin === this.node.ref || this.node.obituary.isDead(origin, incarnation)) return false;
    const known = this.records.get(origin);
    if (known !== undefined && known.incarnation > incarnation) return false;
    if (known?.incarnation === incarnation && known.stamp >= stamp) return false;
    this.records.set(origin, record);
    this.lapses.delete(origin);
    return true;
  }

  private derive(): void {
    this.isFlooding = false;
    this.held = undefined;
    for (const { flooding, holds, version, wireId } of this.records.values()) {
      if (flooding) this.isFlooding = true;
      if (holds && (this.held === undefined || version < this.held.version)) this.held = { version, wireId };
    }
  }
}
