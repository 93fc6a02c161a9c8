import type { FlowId, NodeRef } from '../../domain/base/ids';
import type { TopologyView } from '../select/topology-view';

/** End of a list of slots. */
export const NO_SLOT_NUMBER = 0xffffffff;

/** Bits of {@link FlowSide.phase}. */
/** Shadow without the flow's state yet: frames wait in the `wait` list for the emitter's export. */
export const PHASE_AWAITS = 1;
/** Shadow that is being fed by the emitter: frames that come directly wait until the emitter says that all is copied. */
export const PHASE_FED = 2;
/** Allocated by this node: counts among the live flows of its wire ID. */
export const PHASE_OWNED = 8;
/** Emitter that gives the flow to another member: frames wait, to be passed on. */
export const PHASE_MOVING = 16;
/** The member that gets it, until all frames that the old one had are here. */
export const PHASE_TAKING = 32;
/** Given away: what still comes is passed on. */
export const PHASE_GONE = 64;
/** Its path is being shortened behind this node: frames wait, but for those that come back through what is left out. */
export const PHASE_DETOUR = 128;
/** This shadow missed frames: what it holds back is let go when the emitter's state comes. */
export const PHASE_ASTRAY = 4;

/**
 * What a node remembers of its flows besides the entries that kernels read: arrays indexed by `F_AUX`. They grow by
 * doubling, so that no frame allocates.
 */
export class FlowSide {
  /** Own cluster's place on the flow's path (forward). */
  position = new Uint8Array(64);
  phase = new Uint8Array(64);
  /** Frames that this node holds back as shadow: how many, and the address of the newest ({@link HeldFrames}). */
  heldCount = new Uint32Array(64);
  heldTail = new Uint32Array(64);
  /** Frames that wait to be processed. */
  waitHead = new Uint32Array(64);
  waitTail = new Uint32Array(64);
  /** Hello round until which the backup gets a copy of every frame from this node; 0 = not fed. */
  feedUntil = new Uint32Array(64);
  /** Flows whose backup is being fed. */
  feeding = 0;
  /** Hello round since which frames wait. */
  waitSince = new Uint32Array(64);
  /** Latest sequence that the function has processed, at 2 × index forward and 2 × index + 1 reverse. */
  processed = new Uint32Array(128);
  /** Entry of the flow's clone here, which gets a copy of every frame that enters for the flow (INODEs); 0 = none. */
  replica = new Uint32Array(64);
  /** The nodes of clusters in mode `copy` that get a copy of what leaves here, forward and reverse; 0 = none. */
  copyFwd = new Uint16Array(64);
  copyRev = new Uint16Array(64);
  /** Flow entries here with such a node. */
  copying = 0;
  /** 1: the flow leads through a cluster in mode `drop`, so that its frames end where they enter. */
  isDropped = new Uint8Array(64);
  /** Flow entries here of which this is so. */
  dropping = 0;
  /** Flow entries here that are clones. */
  replicas = 0;
  /** Sum of the mixed sequences that the function has processed, modulo 2^32; indexed like `processed`. */
  digest = new Uint32Array(128);
  /** 1: had frames since its digest was told last, and stands in the list of such flows. */
  private isActive = new Uint8Array(64);
  private active = new Uint32Array(64);
  private activeCount = 0;
  view: (TopologyView | undefined)[] = [];
  /** Members by which a re-pinned flow is backed up, cluster by cluster, instead of by its topology's order. */
  order: (readonly NodeRef[] | undefined)[] = [];
  /** The last phase of a re-pinning that this node, and everybody behind it, has done. */
  repinned: (string | undefined)[] = [];
  /** Path ID, for events (INODEs). */
  path = new Uint16Array(64);
  /** The sibling that was told of this node's choice of the next hop; 0 = none. */
  confidant = new Uint16Array(64);
  /** The node whose place the next hop has taken, and since when; indexed like `processed` ({@link Succession}); 0 = none. */
  replaced = new Uint16Array(128);
  replacedAt = new Float64Array(128);
  /** 1: the flow visits clusters that frames which enter the grid do not list ({@link completeLists}). */
  isDiverted = new Uint8Array(64);
  /** Flow entries here of which this is so. */
  diverted = 0;
  /** Nodes behind this one that the flow does not visit any more, to be told of its end. */
  leftOut: (readonly NodeRef[] | undefined)[] = [];
  /** The member that gave this node the flow; 0 = none. */
  movedFrom = new Uint16Array(64);
  /** When the flow fell to this node; 0 = it has been here from its beginning ({@link Egress}). */
  inheritedAt = new Float64Array(64);
  /** Nodes that this node chose for the flow and counts it at ({@link Routing}). */
  counted: (readonly NodeRef[] | undefined)[] = [];
  /** 1: a function opened the flow ({@link Node.isSecondary}). */
  isSecondary = new Uint8Array(64);
  /** The connection that was registered last as it left here (INODEs); it may be gone. */
  connection = new Uint32Array(64);
  private next = 0;
  private readonly freed: number[] = [];

  /** A fresh index. */
  allocate(view: TopologyView): number {
    const index = this.freed.pop() ?? this.next++;
    if (index === this.phase.length) this.grow();
    this.position[index] = 0;
    this.phase[index] = 0;
    this.heldCount[index] = this.heldTail[index] = 0;
    this.waitHead[index] = this.waitTail[index] = NO_SLOT_NUMBER;
    this.feedUntil[index] = 0;
    this.waitSince[index] = 0;
    this.path[index] = 0;
    this.connection[index] = 0;
    this.isSecondary[index] = 0;
    this.confidant[index] = 0;
    this.movedFrom[index] = this.inheritedAt[index] = 0;
    this.replaced[2 * index] = this.replaced[2 * index + 1] = 0;
    this.replica[index] = 0;
    this.copyFwd[index] = this.copyRev[index] = this.isDiverted[index] = this.isDropped[index] = 0;
    this.processed[2 * index] = this.processed[2 * index + 1] = 0;
    this.digest[2 * index] = this.digest[2 * index + 1] = this.isActive[index] = 0;
    this.view[index] = view;
    this.order[index] = this.repinned[index] = this.counted[index] = this.leftOut[index] = undefined;
    return index;
  }

  free(index: number): void {
    this.stopCounting(index);
    this.copyFwd[index] = this.copyRev[index] = this.isDiverted[index] = this.isDropped[index] = 0;
    this.view[index] = undefined;
    this.freed.push(index);
  }

  /** Who gets copies of what leaves here, and whether frames end where they enter, is known anew. */
  standOn(index: number, copyFwd: NodeRef, copyRev: NodeRef, isDropped: boolean): void {
    this.stopCounting(index);
    this.copyFwd[index] = copyFwd;
    this.copyRev[index] = copyRev;
    this.isDropped[index] = isDropped ? 1 : 0;
    this.isDiverted[index] = 0;
    if (copyFwd !== 0 || copyRev !== 0) this.copying++;
    if (isDropped) this.dropping++;
  }

  private stopCounting(index: number): void {
    if (this.copyFwd[index] !== 0 || this.copyRev[index] !== 0) this.copying--;
    if (this.isDiverted[index] === 1) this.diverted--;
    if (this.isDropped[index] === 1) this.dropping--;
  }

  /** The flow had a frame; its digest is to be told. */
  markActive(id: FlowId, index: number): void {
    if (this.isActive[index] !== 0) return;
    this.isActive[index] = 1;
    if (this.activeCount === this.active.length) this.active = doubled(this.active, Uint32Array);
    this.active[this.activeCount++] = id;
  }

  /** The digest of a flow that {@link takeActive} gave is told, or need not be. */
  clearActive(index: number): void {
    this.isActive[index] = 0;
  }

  /** Takes the IDs of the flows marked; some may be over. */
  takeActive(): readonly FlowId[] {
    const taken = this.activeCount === 0 ? NONE : Array.from(this.active.subarray(0, this.activeCount));
    this.activeCount = 0;
    return taken;
  }

  private grow(): void {
    this.position = doubled(this.position, Uint8Array);
    this.phase = doubled(this.phase, Uint8Array);
    this.heldCount = doubled(this.heldCount, Uint32Array);
    this.heldTail = doubled(this.heldTail, Uint32Array);
    this.waitHead = doubled(this.waitHead, Uint32Array);
    this.waitTail = doubled(this.waitTail, Uint32Array);
    this.feedUntil = doubled(this.feedUntil, Uint32Array);
    this.waitSince = doubled(this.waitSince, Uint32Array);
    this.path = doubled(this.path, Uint16Array);
    this.connection = doubled(this.connection, Uint32Array);
    this.isSecondary = doubled(this.isSecondary, Uint8Array);
    this.confidant = doubled(this.confidant, Uint16Array);
    this.movedFrom = doubled(this.movedFrom, Uint16Array);
    this.inheritedAt = doubled(this.inheritedAt, Float64Array);
    this.replaced = doubled(this.replaced, Uint16Array);
    this.replacedAt = doubled(this.replacedAt, Float64Array);
    this.processed = doubled(this.processed, Uint32Array);
    this.digest = doubled(this.digest, Uint32Array);
    this.isActive = doubled(this.isActive, Uint8Array);
    this.replica = doubled(this.replica, Uint32Array);
    this.isDiverted = doubled(this.isDiverted, Uint8Array);
    this.isDropped = doubled(this.isDropped, Uint8Array);
    this.copyFwd = doubled(this.copyFwd, Uint16Array);
    this.copyRev = doubled(this.copyRev, Uint16Array);
  }
}

const NONE: readonly FlowId[] = [];

function doubled<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
  array: T,
  type: new (n: number) => T,
): T {
  const larger = new type(array.length * 2);
  larger.set(array);
  return larger;
}
