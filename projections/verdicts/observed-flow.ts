import { clusterOf, nodeOf, type FlowId, type Micros, type NodeRef, type WireId } from '../../domain/base/ids';
import { changesPath, type FlowEvent, type FlowRerouted, type FlowStarted } from '../../domain/flow/events';
import { SequenceSet } from './sequence-set';
import type { InvariantName } from './words';

/** Doubts kept for one flow at most; further ones of the same flow add nothing to a verdict. */
const DOUBTS_MAX = 32;

/** Marks a stage that is an external network: cluster IDs end at 255. */
const NETWORK_STAGE = 0x1000;

/**
 * A place in a flow's path: the cluster, and, where one cluster connects both ends of the path, which end; or the
 * external network to which frames leave.
 */
export type Stage = number;

/** The stage of an external network. */
export function networkStage(network: number): Stage {
  return NETWORK_STAGE | network;
}
export function stageCluster(stage: Stage): number {
  return stage & 0xff;
}

/** Names a hop within its flow. */
export type HopKey = Pick<Hop, 'from' | 'to' | 'isReverse' | 'stamper'>;

/** What was seen of one flow between two stages in one direction. */
export interface Hop {
  readonly from: Stage;
  readonly to: Stage;
  readonly isReverse: boolean;
  /** The node that numbered the frames: another one numbers anew. */
  readonly stamper: NodeRef;
  readonly sequences: SequenceSet;
  /** Of them, those that a node which had taken over emitted again, or that a new node passed on of these. */
  reemitted?: SequenceSet;
  /** Of them, those that the present emitter sent, once it has taken the place of another. */
  ofHeir?: SequenceSet;
  /** Who emits for the first stage, who did before, and whom it names in the second. */
  emitter: NodeRef;
  readonly replaced: NodeRef[];
  named: NodeRef;
  wireId: WireId;
  /** By sequence, what only a replaced emitter sent: unless it took its place back, the next stage must not accept it. */
  fenced?: Map<number, PutBy>;
  /** Entry ordinal of the last frame that left, for its order. */
  lastOrdinal: number;
}

/** A replaced emitter sent a frame while another one, `emitter`, had its place. */
export interface PutBy {
  readonly emitter: NodeRef;
  readonly by: NodeRef;
}

/** A change that was seen before an event explained it; if none ever does, the invariant is broken. */
export interface Doubt {
  readonly invariant: InvariantName;
  readonly kind: 'move' | 'return' | 'wire-id' | 'held-wire-id' | 'reemission';
  readonly from: number;
  readonly to: number;
  readonly what: string;
}

/** A frame that was on its way to its emitter when that node died. */
export interface LostFrame {
  readonly node: NodeRef;
  readonly isReverse: boolean;
  readonly stamper: NodeRef;
  readonly sequence: number;
  readonly frameNo: number;
}

/** Names a lost frame within its flow: the same frame may be told of by the sender and by the queue that died. */
export function lostKey({ node, isReverse, stamper, sequence }: LostFrame): string {
  return `${clusterOf(node)} ${isReverse} ${stamper} ${sequence}`;
}

/** From a node, or a wire ID, to another. */
interface Step {
  readonly from: number;
  readonly to: number;
}

/** All that is remembered of a live flow. Events and frames may come in either order. */
export class ObservedFlow {
  readonly hops: Hop[] = [];
  readonly doubts: Doubt[] = [];
  /** By {@link lostKey}. */
  readonly lost = new Map<string, LostFrame>();
  /** Clusters in which no backup holds the flow's state: nothing is promised there. */
  readonly unprotected = new Set<number>();
  /** Clusters that discard: what a node before one of them emits is dropped there, counted, and seen by nobody. */
  private readonly discarding: number[] = [];
  /** Clusters of its path, initiator's end first; empty while no event has told. */
  private path: readonly number[] = [];
  /** Frames of it left changed. */
  isAltered = false;
  endedAt: Micros | undefined;
  private readonly nodes = new Map<Stage, NodeRef>();
  private readonly moves: Step[] = [];
  private readonly repins: Step[] = [];
  /** By cluster, the node that the flow had there when it left it out. */
  private readonly left = new Map<number, NodeRef>();
  private readonly returned = new Set<number>();
  private firstWireId: WireId | undefined;

  constructor(readonly id: FlowId) {}

  /** Takes in an event that names the flow. */
  note(event: FlowEvent): void {
    switch (event.type) {
      case 'FlowStarted':
        event.backups.forEach((backup, i) => {
          if (backup === 0 && nodeOf(event.route[i]!) !== 0) this.unprotected.add(clusterOf(event.route[i]!));
        });
        this.path = event.route.map((ref) => clusterOf(ref));
        this.noteStartedUnder(event);
        return;
      case 'FlowEnded':
        this.endedAt = event.at;
        return;
      case 'FlowTakenOver':
        this.moves.push({ from: event.from, to: event.to });
        if (event.backup === 0) this.unprotected.add(clusterOf(event.to));
        return;
      case 'FlowRerouted':
        if (changesPath(event)) return this.noteVisit(event);
        this.moves.push({ from: event.from, to: event.to });
        // A flow that moves for congestion takes its state along: nothing of it may be missing.
        if (event.reason !== 'congested') this.unprotected.add(clusterOf(event.from));
        if (event.to === 0) this.discarding.push(clusterOf(event.from));
        return;
      case 'FlowRepinned':
        this.repins.push({ from: event.fromWireId, to: event.toWireId });
        return;
      case 'FlowReplicated':
      case 'FlowBound':
      case 'CloneStarted':
      case 'CloneCompared':
        return;
    }
  }

  /** A cluster that the flow had left and comes to again may have another node for it: nothing of it was kept. */
  private noteVisit({ from, to }: FlowRerouted): void {
    if (to === 0) {
      this.left.set(clusterOf(from), from);
      return;
    }
    const before = this.left.get(clusterOf(to));
    if (before === undefined) return;
    this.moves.push({ from: before, to });
    this.returned.add(clusterOf(to));
  }

  private noteStartedUnder({ wireId, observedAs }: FlowStarted): void {
    if (this.firstWireId !== undefined && this.firstWireId !== wireId) {
      const what = `the log says that it started under topology ID ${wireId}, its frames carried ${this.firstWireId}`;
      // Who learns of a flow late tells what it carries then.
      const [from, to] = observedAs === 'ingress' ? [wireId, this.firstWireId] : [this.firstWireId, wireId];
      this.doubt({ invariant: 'pinnedTopology', kind: 'wire-id', from, to, what });
    }
    this.firstWireId ??= wireId;
  }

  /** Whether what a cluster emits in one direction goes on to one that discards it. */
  isDiscardedBehind(cluster: number, isReverse: boolean): boolean {
    const from = this.path.indexOf(cluster);
    return this.discarding.some((end) => {
      const to = this.path.indexOf(end);
      return from < 0 || to < 0 || (isReverse ? to < from : to > from);
    });
  }

  /** The hop that frames took, made on first use under what is known of the flow. */
  hop({ from, to, isReverse, stamper }: HopKey, emitter: NodeRef, wireId: WireId): Hop {
    for (const hop of this.hops) {
      if (hop.from === from && hop.to === to && hop.isReverse === isReverse && hop.stamper === stamper) return hop;
    }
    this.firstWireId ??= wireId;
    const hop: Hop = {
      from,
      to,
      isReverse,
      stamper,
      sequences: new SequenceSet(),
      emitter: this.nodeAt(from, emitter),
      replaced: [],
      named: 0,
      wireId: this.firstWireId,
      lastOrdinal: -1,
    };
    this.hops.push(hop);
    return hop;
  }

  /** The node of this flow in a stage: the first that was seen there, `seen` if none was. */
  nodeAt(stage: Stage, seen: NodeRef): NodeRef {
    const known = this.nodes.get(stage);
    if (known !== undefined) return known;
    this.nodes.set(stage, seen);
    return seen;
  }

  doubt(doubt: Doubt): void {
    if (this.doubts.length < DOUBTS_MAX) this.doubts.push(doubt);
  }

  /** Whether events explain a doubt by now. */
  isExplained(doubt: Doubt): boolean {
    if (doubt.kind === 'return') return this.hasBack(doubt.to, doubt.from);
    if (doubt.kind === 'reemission') return this.moves.some((move) => move.to === doubt.to);
    if (doubt.kind === 'held-wire-id' && reaches(this.repins, doubt.to, doubt.from)) return true;
    return reaches(doubt.kind === 'move' ? this.moves : this.repins, doubt.from, doubt.to);
  }

  /** The nodes that events say the flow went to from one, itself included. */
  movedTo(from: NodeRef): readonly NodeRef[] {
    return [...reachedFrom(this.moves, from)];
  }

  /** Whether a node has its place back from `emitter`: by a move, or because the flow left its cluster and came again. */
  hasBack(node: NodeRef, emitter: NodeRef): boolean {
    return this.returned.has(clusterOf(node)) || reaches(this.moves, emitter, node);
  }
}

function reaches(steps: readonly Step[], from: number, to: number): boolean {
  return reachedFrom(steps, from).has(to);
}

/** Where steps lead from a place, itself included. */
function reachedFrom(steps: readonly Step[], from: number): ReadonlySet<number> {
  const reached = new Set([from]);
  for (let grew = true; grew;) {
    grew = false;
    for (const step of steps) {
      if (!reached.has(step.from) || reached.has(step.to)) continue;
      reached.add(step.to);
      grew = true;
    }
  }
  return reached;
}
