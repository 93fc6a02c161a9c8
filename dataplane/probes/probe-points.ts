import type { Micros, NodeRef } from '../../domain/base/ids';
import type { Filter } from '../../domain/probe/filter';
import type { TapRecord } from '../../domain/seams/tap';
import type { Arena } from '../frames/arena';
import { S_FROM, S_LEN, S_LINK, S_NETWORK, S_OFF } from '../frames/layout';
import type { TopologyView } from '../select/topology-view';
import { CaptureWriter, IN, OUT } from './capture-ring';
import { compileFilter, type FrameTest } from './filter-match';
import { FrameFields } from './frame-fields';

/** A probe point as a group of nodes gets it; structured-cloneable. */
export interface PointSetup {
  readonly id: number;
  /** Virtual link ID; 0 = the point is where a network joins. */
  readonly link: number;
  /** The external network there, or that the link leads to; 0 = the link is an internal one. */
  readonly network: number;
  /** The node whose interface is tapped; 0 = the link as a whole. */
  readonly node: NodeRef;
  /** Absent: every frame. */
  readonly filter?: Filter;
  /** Address of this group's ring ({@link createCaptureRing}). */
  readonly ring: number;
}

interface Point {
  readonly setup: PointSetup;
  readonly passes: FrameTest | undefined;
  readonly writer: CaptureWriter;
}

/**
 * The probe points of a group of nodes ([0040]). A link probe sees what the nodes here send on the link; an interface
 * probe also what arrives at the node, before it is verified. Where a network joins both see what enters and leaves. Who has no points asks {@link isActive}, and no more.
 */
export class ProbePoints {
  /** Whether there is a point at all. */
  isActive = false;
  private points: readonly Point[] = [];
  private hasFilters = false;
  private readonly fields: FrameFields;

  constructor(
    private readonly arena: Arena,
    /** The wall clock, microseconds since 1970. */
    private readonly clock: () => Micros,
    /** The latest topology, which tells links apart. */
    private readonly latest: () => TopologyView | undefined,
  ) {
    this.fields = new FrameFields(arena);
  }

  attach(setup: PointSetup): void {
    const passes = setup.filter === undefined ? undefined : compileFilter(setup.filter);
    const writer = new CaptureWriter(this.arena, setup.ring, setup.id);
    this.keep([...this.points.filter((point) => point.setup.id !== setup.id), { setup, passes, writer }]);
  }

  detach(id: number): void {
    this.keep(this.points.filter(({ setup }) => setup.id !== id));
  }

  /** A frame crosses the border of a node here, exactly as it is on the link or network. */
  crossed(kind: TapRecord['kind'], address: number, from: NodeRef, to: NodeRef): void {
    const { u16 } = this.arena;
    if (this.hasFilters) this.readFields(address, from !== 0 && to !== 0);
    if (kind === 'sent') this.capture(address, u16[(address + S_LINK) >>> 1]!, 0, from, to, from, OUT);
    else if (kind === 'entered') this.capture(address, 0, u16[(address + S_NETWORK) >>> 1]!, 0, to, to, IN);
    else if (kind === 'left') this.capture(address, 0, u16[(address + S_NETWORK) >>> 1]!, from, 0, from, OUT);
  }

  /** A control frame that a node here has sent. */
  sentControl(address: number, from: NodeRef, to: NodeRef): void {
    if (this.hasFilters) this.readFields(address, true);
    this.capture(address, this.latest()?.linkBetween(from, to, true)?.id ?? 0, 0, from, to, from, OUT);
  }

  /** A list of sealed frames has arrived at a node here. */
  received(list: number, n: number, node: NodeRef): void {
    const { u16, u32 } = this.arena;
    for (let i = 0; i < n; i++) {
      const address = this.arena.slot(u32[(list >>> 2) + i]!);
      const from = u16[(address + S_FROM) >>> 1]!;
      this.readFields(address, true);
      const link = this.latest()?.linkBetween(from, node, this.fields.flowType === 0)?.id ?? 0;
      this.capture(address, link, 0, from, node, node, IN);
    }
  }

  /**
   * Gives a frame, whose fields have been read if there are filters, to the points that it passes.
   *
   * @param node the node here at whose interface it is seen, `direction` from there
   */
  private capture(
    address: number,
    link: number,
    network: number,
    from: NodeRef,
    to: NodeRef,
    node: NodeRef,
    direction: number,
  ): void {
    for (let i = 0; i < this.points.length; i++) {
      const { setup, passes, writer } = this.points[i]!;
      if (setup.network !== network || (network === 0 && setup.link !== link)) continue;
      // What a node receives on an internal link, the link's probe has seen where it was sent.
      if (setup.node === 0 ? direction === IN && network === 0 : setup.node !== node) continue;
      if (passes !== undefined && !passes(this.fields)) continue;
      const { u32 } = this.arena;
      const start = address + u32[(address + S_OFF) >>> 2]!;
      const length = u32[(address + S_LEN) >>> 2]!;
      // On an internal link a frame goes from one node to another: in and out are at their interfaces.
      const isSided = setup.node !== 0 || network !== 0;
      writer.write(start, length, this.clock(), isSided ? direction : 0, from, to);
    }
  }

  private readFields(address: number, isSealed: boolean): void {
    const { u32 } = this.arena;
    this.fields.read(address + u32[(address + S_OFF) >>> 2]!, u32[(address + S_LEN) >>> 2]!, isSealed);
  }

  private keep(points: readonly Point[]): void {
    this.points = points;
    this.isActive = points.length > 0;
    this.hasFilters = points.some(({ passes }) => passes !== undefined);
  }
}
