import type { Stations } from '../bridging/stations';
import type { Micros, NodeRef } from '../../domain/base/ids';
import { NODE_REF_COUNT } from '../../domain/base/ids';
import type { TapListener, TapRecord } from '../../domain/seams/tap';
import type { FunctionSpec } from '../../domain/topology/topology';
import type { Arena } from '../frames/arena';
import { S_FLAGS, S_FRAME_NO, S_FROM, S_LEN, S_LINK, S_NETWORK, S_OFF, S_REASON, S_TIME, S_TO } from '../frames/layout';
import { NO_FRAME_NUMBER, SlotPool } from '../frames/slots';
import { PathLists } from '../flows/path-lists';
import type { FunctionHost, FunctionServices } from '../functions/host';
import type { Kernels } from '../kernels/kernels';
import { ProbePoints, type PointSetup } from '../probes/probe-points';
import { UPLINK, WORLD, type Fabric } from '../rings/fabric';
import type { RingWriter } from '../rings/spsc-ring';
import { RendezvousTables } from '../select/topology-view';
import { HoldChunks } from './held-frames';
import { Topologies } from './topologies';

/** Frames taken from a ring at a time. */
export const BATCH = 64;

/** Sizes of what a node holds; powers of two where said. */
export interface NodeLimits {
  /** Places in the flow table (power of two). */
  readonly flows: number;
  /** Places in an INODE's connection table (power of two). */
  readonly connections: number;
  /** Bytes of frames that a node holds as shadow before it lets the oldest go (`hold-budget`). */
  readonly holdBytes: number;
  /** Flow events kept until the agent drains them. */
  readonly events: number;
}

export const DEFAULT_LIMITS: NodeLimits = {
  flows: 16_384,
  connections: 16_384,
  holdBytes: 64 * 1024 * 1024,
  events: 100_000,
};

/** What a group of nodes is made of. */
export interface NodeGroupOptions {
  readonly arena: Arena;
  readonly kernels: Kernels;
  readonly fabric: Fabric;
  /** This group's producer number in the fabric, 0 … fabric.groups − 1. */
  readonly group: number;
  /** The SipHash key of a node (16 bytes) in the present key epoch. */
  readonly nodeKey: (ref: NodeRef) => Uint8Array;
  /** Key epoch written to the node table. */
  readonly keyEpoch: number;
  /** Name of the agent that hosts the group: members that the latest topology puts elsewhere are reached by the underlay. */
  readonly agent?: string;
  /** Makes the packet function of a node ({@link FunctionHost}); throws FlowgridError on a wrong specification. */
  readonly createFunction: (spec: FunctionSpec, services: FunctionServices) => FunctionHost;
  readonly limits?: Partial<NodeLimits>;
  /** Rendezvous tables, to be shared by the groups of one thread; its own by default. */
  readonly tables?: RendezvousTables;
  /** Sees every frame that crosses a link; costs a copy a frame, so only where somebody looks. */
  readonly tap?: TapListener;
  /** The wall clock, microseconds since 1970, for what probes capture; absent: they note the grid time. */
  readonly wallClock?: () => Micros;
  /**
   * Takes each frame that leaves the grid, by slot number, and owns the slot from then on. Without it frames go to the
   * world's ring ({@link WorldPort}).
   */
  readonly output?: (slot: number, network: number) => void;
}

/** What the nodes of one group share: the memory, the kernels, the time of the batch at hand, the way out. */
export class GroupContext {
  readonly arena: Arena;
  readonly kernels: Kernels;
  readonly slots: SlotPool;
  readonly paths: PathLists;
  readonly holdChunks: HoldChunks;
  /** Tables of stations, by the INODE whose they are in all its lives: there is no giving room back. */
  readonly stations = new Map<NodeRef, Stations>();
  readonly topologies: Topologies;
  readonly limits: NodeLimits;
  readonly tap: TapListener | undefined;
  readonly probes: ProbePoints;
  /** Whether anybody sees frames that cross links: a tap or a probe. */
  isWatched: boolean;
  /** Grid time of the present run or tick. */
  now: Micros = 0;
  /** Hello rounds so far; silence and holding are measured in rounds, so that gaps in time do not kill. */
  round = 1;
  /** Hello intervals that the latest round stands for: more than one after a silent gap, in which no round was made. */
  intervals = 1;
  private readonly writers: (RingWriter | undefined)[] = new Array<undefined>(NODE_REF_COUNT).fill(undefined);
  /** Nodes whose rings have entries to publish: the first {@link dirtyCount} places count. */
  private readonly dirtyRefs: NodeRef[] = [];
  private readonly dirty = new Uint8Array(NODE_REF_COUNT);
  private dirtyCount = 0;
  private pushed = 0;
  private readonly own = new Uint8Array(NODE_REF_COUNT);
  /** 1 = another agent hosts the node. */
  private readonly elsewhere = new Uint8Array(NODE_REF_COUNT);
  private outward = false;
  private toWorld = false;

  constructor(readonly options: NodeGroupOptions) {
    this.arena = options.arena;
    this.kernels = options.kernels;
    this.slots = new SlotPool(options.arena);
    this.paths = new PathLists(options.arena);
    this.holdChunks = new HoldChunks(options.arena);
    this.topologies = new Topologies(options.tables ?? new RendezvousTables());
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.tap = options.tap;
    this.isWatched = this.tap !== undefined;
    this.probes = new ProbePoints(this.arena, options.wallClock ?? (() => this.now), () => this.topologies.latest);
  }

  /** Byte address of a slot. */
  slot(number: number): number {
    return this.arena.slot(number);
  }

  /** Room for a list of `n` slot numbers (u32), as kernels take them. Every user has its own, so that none nests. */
  allocateList(n: number): number {
    return this.arena.allocate(4 * n, 4);
  }

  /** Makes `list` a list of one slot and returns it. */
  one(list: number, slot: number): number {
    this.arena.u32[list >>> 2] = slot;
    return list;
  }

  /**
   * Hands a sealed frame to the ring of its next hop (`S_TO`); visible after {@link publish}. False: the ring is full
   * or there is no such node; the slot is still the caller's.
   */
  hand(slot: number, address: number, from: NodeRef): boolean {
    const to = this.arena.u16[(address + S_TO) >>> 1];
    this.arena.u16[(address + S_FROM) >>> 1] = from;
    return this.push(slot, to);
  }

  /** Whether a node has an inbox anywhere. */
  knows(ref: NodeRef): boolean {
    return this.writers[ref] !== undefined;
  }

  /** Hands a frame to the world. */
  handOut(slot: number, network: number): boolean {
    if (this.options.output !== undefined) {
      this.options.output(slot, network);
      return true;
    }
    return this.push(slot, WORLD);
  }

  /** Shows to their consumers all frames handed over since the last call. */
  publish(): void {
    if (this.pushed === 0) return;
    this.options.fabric.countPublished(this.options.group, this.pushed);
    this.pushed = 0;
    for (let i = 0; i < this.dirtyCount; i++) {
      const ref = this.dirtyRefs[i];
      this.writers[ref]?.publish();
      this.dirty[ref] = 0;
      if (ref === WORLD) this.toWorld = true;
      else if (this.own[ref] === 0) this.outward = true;
    }
    this.dirtyCount = 0;
  }

  /** A node of this group. */
  hosts(ref: NodeRef): void {
    this.own[ref] = 1;
  }

  /** A node is hosted by another agent from now on, or here. Everything handed over must have been published. */
  place(ref: NodeRef, isElsewhere: boolean): void {
    if ((this.elsewhere[ref] === 1) === isElsewhere) return;
    this.elsewhere[ref] = isElsewhere ? 1 : 0;
    this.writers[ref] = undefined;
  }

  /** Whether frames were published to nodes of other groups since the last call. */
  takeOutward(): boolean {
    const before = this.outward;
    this.outward = false;
    return before;
  }

  /** Whether frames were published to the world since the last call. */
  takeToWorld(): boolean {
    const before = this.toWorld;
    this.toWorld = false;
    return before;
  }

  attachProbe(setup: PointSetup): void {
    this.probes.attach(setup);
    this.isWatched = true;
  }

  detachProbe(id: number): void {
    this.probes.detach(id);
    this.isWatched = this.tap !== undefined || this.probes.isActive;
  }

  /** Tells tap and probes, if any, what crosses a link. Call with the frame exactly as it is on the link. */
  observe(kind: TapRecord['kind'], address: number, from: NodeRef, to: NodeRef): void {
    if (!this.isWatched) return;
    if (this.probes.isActive) this.probes.crossed(kind, address, from, to);
    if (this.tap !== undefined) this.tell(this.tap, kind, address, from, to);
  }

  private tell(tap: TapListener, kind: TapRecord['kind'], address: number, from: NodeRef, to: NodeRef): void {
    const { u8, u16, u32, f64 } = this.arena;
    const start = address + u32[(address + S_OFF) >>> 2];
    const external = kind === 'entered' || kind === 'left';
    tap({
      kind,
      at: f64[(address + S_TIME) >>> 3],
      network: external ? u16[(address + S_NETWORK) >>> 1] : 0,
      link: external ? 0 : u16[(address + S_LINK) >>> 1],
      from,
      to,
      frameNo: u32[(address + S_FRAME_NO) >>> 2],
      bytes: u8.slice(start, start + u32[(address + S_LEN) >>> 2]),
    });
  }

  /** A slot for a frame of the node's own making: no reason, no flags, no source number; −1 when none is free. */
  takeSlot(): number {
    const slot = this.slots.allocate();
    if (slot < 0) return slot;
    const address = this.slot(slot);
    this.arena.u16[(address + S_REASON) >>> 1] = 0;
    this.arena.u16[(address + S_FLAGS) >>> 1] = 0;
    this.arena.u16[(address + S_NETWORK) >>> 1] = 0;
    this.arena.u32[(address + S_FRAME_NO) >>> 2] = NO_FRAME_NUMBER;
    this.arena.f64[(address + S_TIME) >>> 3] = this.now;
    return slot;
  }

  private push(slot: number, to: NodeRef): boolean {
    const writer = this.writers[to] ?? this.findWriter(to);
    if (writer === undefined || !writer.push(slot)) return false;
    this.pushed++;
    if (this.dirty[to] === 0) {
      this.dirty[to] = 1;
      this.dirtyRefs[this.dirtyCount++] = to;
    }
    return true;
  }

  private findWriter(to: NodeRef): RingWriter | undefined {
    const { fabric, group } = this.options;
    // One ring has one writing end: all nodes elsewhere share it.
    if (this.elsewhere[to] === 1) return (this.writers[to] = this.writers[UPLINK] ??= fabric.writer(group, UPLINK));
    return (this.writers[to] = fabric.writer(group, to));
  }
}
