import { clusterOf, type FlowId, type Micros, type NodeRef } from '../../domain/base/ids';
import { isOfFlood, type FlowEvent } from '../../domain/flow/events';
import type { TapRecord } from '../../domain/seams/tap';
import type { DescriptorReader } from './descriptor-reader';
import { flowName } from '../names';
import type { KnownGrid } from './known-grid';
import {
  lostKey,
  networkStage,
  ObservedFlow,
  stageCluster,
  type Doubt,
  type Hop,
  type LostFrame,
  type Stage,
} from './observed-flow';
import { SequenceSet } from './sequence-set';
import { Judge, type InvariantName } from './words';

/** An ended flow is forgotten after this much grid time: events of all its nodes have come, its ID is not yet given again. */
const LINGER_US = 10_000_000;
/** Flows watched at once; beyond it the oldest is judged by what is known and forgotten. */
const FLOWS_MAX = 1 << 20;
/** Frames lost with a node that are remembered for one flow, to see whether a backup emits them. */
const LOST_MAX = 4096;

/** Frames of flows that a cluster took in and that never came out of it. */
export interface Missing {
  frames: number;
  readonly what: string;
}

/** What a node's death did to the frames that were on their way to it. */
export interface Toll {
  /** Not emitted by anybody else. */
  lost: number;
  /** Emitted by the node that took over, or already by the one that died. */
  recovered: number;
}

/** What the descriptor said of a frame when it was last seen inside. */
export type Seen = Pick<DescriptorReader, 'isReverse' | 'stamper' | 'sequence' | 'wireId'>;

type FlowInvariant = 'affinity' | 'pinnedTopology' | 'oneEmitter';
type FlowJudges = { readonly [name in FlowInvariant]: Judge };

/**
 * Judges affinity, pinned topology and one emitter: flow by flow, from frames on internal links, frames that leave, and
 * the flow events. What a frame shows before its event has come is doubted, and broken only when the flow is forgotten,
 * or the run over, without the event.
 */
export class FlowBook {
  private readonly flows = new Map<FlowId, ObservedFlow>();
  private readonly ended: ObservedFlow[] = [];
  private readonly judges: FlowJudges = { affinity: new Judge(), pinnedTopology: new Judge(), oneEmitter: new Judge() };
  private readonly missing = new Map<number, Missing>();
  /** Frames lost on their way to a node that died, by node. Complete once {@link judged} was final. */
  readonly tolls = new Map<NodeRef, Toll>();
  /** Frames under flood guard, which are exempt from these invariants. */
  exempt = 0;

  constructor(private readonly grid: KnownGrid) {}

  get liveFlows(): number {
    return this.flows.size;
  }

  /** A frame with a descriptor was sent to the node that shall emit it. */
  sent(record: TapRecord, descriptor: DescriptorReader): ObservedFlow | undefined {
    if (descriptor.isFlood) {
      this.exempt++;
      return undefined;
    }
    this.forgetEnded(record.at);
    const flow = this.flowOf(descriptor.flow);
    const { isReverse, stamper } = descriptor;
    const from = stageOf(descriptor, clusterOf(record.from), isReverse, true);
    const to = stageOf(descriptor, clusterOf(record.to), isReverse, false);
    const hop = flow.hop({ from, to, isReverse, stamper }, record.from, descriptor.wireId);
    this.judgeWireId(flow, hop, descriptor, record);
    if (this.judgeEmitter(flow, hop, record, descriptor.sequence)) {
      this.judgeNamed(flow, hop, record);
      this.judgeSequence(flow, hop, record, descriptor.sequence, descriptor.isReemitted);
    }
    return flow;
  }

  /** A frame of `flow` left the grid, as `seen` inside; returns the hop for the judgement of its order. */
  left(flow: ObservedFlow, seen: Seen, record: TapRecord): Hop {
    const { isReverse, stamper } = seen;
    const from = exitStage(flow, clusterOf(record.from), isReverse);
    const hop = flow.hop({ from, to: networkStage(record.network), isReverse, stamper }, record.from, seen.wireId);
    if (this.judgeEmitter(flow, hop, record, seen.sequence)) {
      this.judgeSequence(flow, hop, record, seen.sequence, false);
    }
    return hop;
  }

  /** A frame was lost on its way to its emitter. */
  lost(record: TapRecord, descriptor: DescriptorReader): void {
    const { flow: id, isFlood, isReverse, stamper, sequence } = descriptor;
    if (isFlood || sequence === 0) return;
    const flow = this.flowOf(id);
    if (flow.lost.size >= LOST_MAX) return;
    const lost = { node: record.to, isReverse, stamper, sequence, frameNo: record.frameNo };
    flow.lost.set(lostKey(lost), lost);
  }

  note(event: FlowEvent): void {
    if (isOfFlood(event)) return;
    const flow = this.flowOf(event.flow);
    flow.note(event);
    if (event.type === 'FlowEnded') this.ended.push(flow);
  }

  /** The judges as of now. When the log is complete (`isFinal`), what no event has explained is broken. */
  judged(isFinal: boolean): FlowJudges {
    if (isFinal) for (const flow of this.flows.values()) this.settle(flow);
    return this.judges;
  }

  /** By cluster: frames of protected flows that went in and never came out. Complete once {@link judged} was final. */
  missingFrames(): ReadonlyMap<number, Missing> {
    return this.missing;
  }

  private flowOf(id: FlowId): ObservedFlow {
    const known = this.flows.get(id);
    if (known !== undefined) return known;
    if (this.flows.size >= FLOWS_MAX) this.forget(this.flows.values().next().value!);
    const flow = new ObservedFlow(id);
    this.flows.set(id, flow);
    return flow;
  }

  private forgetEnded(now: Micros): void {
    while (this.ended.length > 0 && this.ended[0]!.endedAt! + LINGER_US < now) this.forget(this.ended.shift()!);
  }

  private forget(flow: ObservedFlow): void {
    if (this.flows.get(flow.id) !== flow) return;
    this.settle(flow);
    this.flows.delete(flow.id);
  }

  private judgeWireId(flow: ObservedFlow, hop: Hop, descriptor: DescriptorReader, record: TapRecord): void {
    this.judges.pinnedTopology.observed();
    const { wireId, isReemitted } = descriptor;
    if (hop.wireId === wireId) return;
    const what = `frame ${record.frameNo} carries topology ID ${wireId} instead of ${hop.wireId}`;
    // What a backup emits again it may have held since before the flow got another ID: it is the one that was stamped.
    const kind = isReemitted ? 'held-wire-id' : 'wire-id';
    flow.doubt({ invariant: 'pinnedTopology', kind, from: hop.wireId, to: wireId, what });
    if (!isReemitted) hop.wireId = wireId;
  }

  /**
   * Whether the frame comes from the present emitter; one from a replaced emitter is no more than put by: if the flow came
   * back to that one, the event of it may be yet to come.
   */
  private judgeEmitter(flow: ObservedFlow, hop: Hop, record: TapRecord, sequence: number): boolean {
    this.judges.affinity.observed();
    if (hop.emitter === record.from) return true;
    const isReplaced = hop.replaced.includes(record.from);
    if (isReplaced && !flow.hasBack(record.from, hop.emitter)) {
      if (sequence !== 0 && !hop.sequences.has(sequence)) {
        (hop.fenced ??= new Map()).set(sequence, { emitter: hop.emitter, by: record.from });
      }
      return false;
    }
    this.doubtMove(flow, hop.emitter, record.from, record.frameNo);
    hop.replaced.push(hop.emitter);
    hop.emitter = record.from;
    hop.ofHeir = new SequenceSet();
    // The new emitter detects for itself whom to name.
    hop.named = 0;
    return true;
  }

  private judgeNamed(flow: ObservedFlow, hop: Hop, record: TapRecord): void {
    if (hop.named === 0) hop.named = flow.nodeAt(hop.to, record.to);
    if (hop.named === record.to) return;
    this.doubtMove(flow, hop.named, record.to, record.frameNo);
    hop.named = record.to;
  }

  /** A node that failed may be left without an event that names the flow; a node that is active may not. */
  private doubtMove(flow: ObservedFlow, from: NodeRef, to: NodeRef, frameNo: number): void {
    const what = `frame ${frameNo} met ${this.grid.nodeName(to)} instead of ${this.grid.nodeName(from)}`;
    flow.doubt({ invariant: 'affinity', kind: 'move', from, to, what });
  }

  private judgeSequence(flow: ObservedFlow, hop: Hop, record: TapRecord, sequence: number, isReemitted: boolean): void {
    if (sequence === 0) return;
    this.judges.oneEmitter.observed();
    hop.fenced?.delete(sequence);
    const isRepeat = hop.sequences.add(sequence) === 'repeat';
    const isOwnRepeat = hop.ofHeir?.add(sequence) === 'repeat';
    const isPassedOn = isRepeat && !isOwnRepeat && passesOnReemission(flow, hop, sequence);
    // The stage behind may have a new node, too, which passes it on as well.
    if (isReemitted || isPassedOn) (hop.reemitted ??= new SequenceSet()).add(sequence);
    if (isRepeat && !isReemitted && !isPassedOn) {
      this.breaks('oneEmitter', flow, `frame ${record.frameNo}: sequence ${sequence} ${this.tookTwice(hop)}`);
    }
    // Who passes a frame on within its own cluster, to where the flow went, passes on what it says.
    if (isReemitted && hop.from !== hop.to) this.doubtReemission(flow, record);
    for (const before of flow.hops) {
      if (before.to === hop.from && before.isReverse === hop.isReverse)
        this.doubtReturn(flow, before, record, sequence);
    }
  }

  /** The stage behind a hop has accepted what a replaced emitter sent: then that one must have its place back. */
  private doubtReturn(flow: ObservedFlow, hop: Hop, record: TapRecord, sequence: number): void {
    const putBy = hop.fenced?.get(sequence);
    if (putBy === undefined) return;
    hop.fenced!.delete(sequence);
    hop.sequences.add(sequence);
    const what =
      `frame ${record.frameNo}: ${this.grid.nodeName(record.from)} accepted sequence ${sequence} ` +
      `from fenced ${this.grid.nodeName(putBy.by)}`;
    flow.doubt({ invariant: 'oneEmitter', kind: 'return', from: putBy.emitter, to: putBy.by, what });
  }

  private tookTwice(hop: Hop): string {
    const by = this.grid.nodeName(hop.emitter);
    return hop.to >= networkStage(0)
      ? `left twice at ${by}`
      : `was sent twice by ${by}, the second not marked as re-emitted`;
  }

  private doubtReemission(flow: ObservedFlow, record: TapRecord): void {
    if (flow.doubts.some((doubt) => doubt.kind === 'reemission' && doubt.to === record.from)) return;
    const what = `frame ${record.frameNo} is marked as re-emitted by ${this.grid.nodeName(record.from)}, which took nothing over`;
    flow.doubt({ invariant: 'oneEmitter', kind: 'reemission', from: 0, to: record.from, what });
  }

  /** Judges what stays open of a flow; repeatable, because what was judged is taken away. */
  private settle(flow: ObservedFlow): void {
    for (const doubt of flow.doubts) if (!this.isAllowed(flow, doubt)) this.breaks(doubt.invariant, flow, doubt.what);
    flow.doubts.length = 0;
    for (const hop of flow.hops) takeBackIn(flow, hop);
    for (const lost of flow.lost.values()) this.settleLost(flow, lost);
    flow.lost.clear();
    this.countMissing(flow);
    flow.hops.length = 0;
  }

  private isAllowed(flow: ObservedFlow, doubt: Doubt): boolean {
    if (flow.isExplained(doubt)) return true;
    return doubt.kind === 'move' && flow.movedTo(doubt.from).some((node) => this.grid.hasFailed(node));
  }

  private settleLost(flow: ObservedFlow, lost: LostFrame): void {
    const cluster = clusterOf(lost.node);
    const isOut = flow.hops.some(
      (hop) =>
        hop.isReverse === lost.isReverse &&
        hop.stamper === lost.stamper &&
        stageCluster(hop.from) === cluster &&
        hop.sequences.has(lost.sequence),
    );
    const toll = this.tollOf(lost.node);
    if (isOut) toll.recovered++;
    else toll.lost++;
    if (!this.isPromised(flow, cluster)) return;
    this.judges.oneEmitter.observed();
    // What is discarded behind the backup is judged by count alone, against what nodes reported.
    if (isOut || flow.isDiscardedBehind(cluster, lost.isReverse)) return;
    const where = this.grid.clusterName(cluster);
    this.breaks(
      'oneEmitter',
      flow,
      `frame ${lost.frameNo} was lost with a node of ${where} and its backup did not emit it`,
    );
  }

  private tollOf(node: NodeRef): Toll {
    let toll = this.tolls.get(node);
    if (toll === undefined) this.tolls.set(node, (toll = { lost: 0, recovered: 0 }));
    return toll;
  }

  private countMissing(flow: ObservedFlow): void {
    for (const hop of flow.hops) {
      const cluster = stageCluster(hop.to);
      if (hop.to >= networkStage(0) || !this.isPromised(flow, cluster)) continue;
      const onward = flow.hops.filter((other) => leadsTo(hop, other));
      if (!hop.sequences.isExact || onward.some((other) => !other.sequences.isExact)) continue;
      const frames = hop.sequences.size - SequenceSet.unionSize(onward.map((other) => other.sequences));
      if (frames <= 0) continue;
      const known = this.missing.get(cluster);
      if (known !== undefined) known.frames += frames;
      else this.missing.set(cluster, { frames, what: `flow ${flowName(flow.id)}` });
    }
  }

  private isPromised(flow: ObservedFlow, cluster: number): boolean {
    return this.grid.isLossless(cluster) && !flow.unprotected.has(cluster);
  }

  private breaks(invariant: InvariantName, flow: ObservedFlow, what: string): void {
    this.judges[invariant as FlowInvariant].broken(`flow ${flowName(flow.id)}: ${what}`);
  }
}

/**
 * Whether a repeat came into its stage marked, to a node that took the place of another one there: it cannot know what
 * its predecessor had sent on, and the stage behind it can.
 */
function passesOnReemission(flow: ObservedFlow, hop: Hop, sequence: number): boolean {
  if (hop.replaced.length === 0 || hop.to >= networkStage(0)) return false;
  return flow.hops.some((before) => leadsTo(before, hop) && before.reemitted?.has(sequence) === true);
}

/** What was put by of an emitter that has its place back, as is known by now, it has sent. */
function takeBackIn(flow: ObservedFlow, hop: Hop): void {
  for (const [sequence, { emitter, by }] of hop.fenced ?? []) {
    if (flow.hasBack(by, emitter)) hop.sequences.add(sequence);
  }
}

/** Whether frames of one hop go on over the other. */
function leadsTo(hop: Hop, onward: Hop): boolean {
  return hop.to === onward.from && hop.isReverse === onward.isReverse && hop.stamper === onward.stamper;
}

/**
 * The stage of a cluster in a frame's path. A cluster that stands in the path once is its own stage; one that connects
 * both ends is two: the initiator's and the responder's. `isSender`: the cluster has just processed the frame.
 */
function stageOf(descriptor: DescriptorReader, cluster: number, isReverse: boolean, isSender: boolean): Stage {
  let elements = 0;
  let processed = 0;
  for (let i = 0; i < descriptor.count; i++) {
    if (descriptor.clusterAt(i) !== cluster) continue;
    elements++;
    if (descriptor.isProcessed(i)) processed++;
  }
  if (elements < 2) return cluster;
  const isExit = isSender ? processed > 1 : processed > 0;
  return cluster | (isExit === isReverse ? INITIATOR_END : RESPONDER_END);
}

const INITIATOR_END = 0x100;
const RESPONDER_END = 0x200;

/** The stage from which a flow leaves in one direction: where its last hop led. */
function exitStage(flow: ObservedFlow, cluster: number, isReverse: boolean): Stage {
  for (const hop of flow.hops) {
    const isInto = hop.isReverse === isReverse && hop.to < networkStage(0) && stageCluster(hop.to) === cluster;
    if (isInto) return hop.to;
  }
  return cluster;
}
