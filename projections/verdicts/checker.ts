import { clusterOf, nodeRef, type ChainId, type NodeRef, type Seq } from '../../domain/base/ids';
import type { TopologyEvent } from '../../domain/events';
import type { FlowEvent } from '../../domain/flow/events';
import type { Commit } from '../../domain/log/commit';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { TapRecord } from '../../domain/seams/tap';
import type { Topology } from '../../domain/topology/topology';
import { judgeConservation, TapCounts } from './conservation';
import { DescriptorReader, senderByMac } from './descriptor-reader';
import { FlowBook, type Toll } from './flow-book';
import { CREATED, FrameBook, journeyTo } from './frame-book';
import { KnownGrid } from './known-grid';
import { sipHash24 } from './siphash';
import { Judge, type Verdicts } from './words';

export interface CheckerOptions {
  /** The 16-byte keys under which a node may have signed: the current and the previous. Absent: signatures go unjudged. */
  readonly keysOf?: (node: NodeRef) => readonly Uint8Array[];
}

/** What the caller knows and taps do not see. */
export interface Evidence {
  /** Statistics of every live incarnation, read while no frame moved. Absent: conservation is not judged. */
  readonly nodes?: readonly NodeStatistics[];
  /** The last statistics of incarnations that died, as far as they are known. */
  readonly dead?: readonly NodeStatistics[];
  /** Frames that are on links, sent and not yet received; 0 when the grid has come to rest. */
  readonly inTransit?: number;
  /** Hash of the live state at `seq`, and of the state rebuilt from the log up to it. */
  readonly replay?: { readonly seq: Seq; readonly live: string; readonly rebuilt: string };
  /** Commands whose success was acknowledged, and what the log says of them now. */
  readonly durability?: { readonly acknowledged: readonly Acknowledged[]; readonly logged: ReadonlyMap<string, Seq> };
  /** Whether the log is complete: what no event has explained by now is then broken. Default true. */
  readonly isFinal?: boolean;
}

export interface Acknowledged {
  readonly commandId: string;
  readonly seq: Seq;
}

/** Numbers beside the verdicts. */
export interface CheckerFigures {
  readonly entered: number;
  readonly left: number;
  readonly created: number;
  /** Frames that left changed, by a function or for a narrow link, and the flows that they were of. */
  readonly altered: number;
  readonly alteredFlows: number;
  /** Of the altered: SYNs whose segment size was lowered, and packets that left in fragments. */
  readonly clamped: number;
  readonly fragmented: number;
  readonly unjudged: number;
  readonly floodExempt: number;
  readonly liveFlows: number;
  /** Frames that left more than once to the same network. */
  readonly duplicates: number;
  /** What the deaths of nodes cost, by node. */
  readonly tolls: ReadonlyMap<NodeRef, Readonly<Toll>>;
}

/**
 * Judges the invariants while a grid runs, from taps and the log alone, in memory bounded by the live flows. It shares no
 * code with what it judges.
 */
export interface Checker {
  /** A frame crossed a link. Records of one link come in the order of that link. */
  observe(record: TapRecord): void;
  /** An event of a flow chain; it may come before or after the frames that it explains. */
  observeFlowEvent(chain: ChainId, event: FlowEvent): void;
  /** What stood when the watching began: the topologies that are live, oldest first, and the nodes that had failed. */
  observeStanding(topologies: readonly Topology[], failed: readonly NodeRef[]): void;
  /** An accepted commit of `topology`. */
  observeCommit(commit: Commit<TopologyEvent>): void;
  /** A node was killed: what is sent to it from now on is lost with it, until it is back. */
  observeDeath(node: NodeRef): void;
  /** A new incarnation of the node receives again. */
  observeRevival(node: NodeRef): void;
  verdicts(evidence?: Evidence): Verdicts;
  /** Numbers beside the verdicts; those about lost frames are complete after final {@link verdicts}. */
  figures(): CheckerFigures;
}

export function createChecker(options: CheckerOptions = {}): Checker {
  return new StreamingChecker(options);
}

class StreamingChecker implements Checker {
  private readonly grid = new KnownGrid();
  private readonly flows = new FlowBook(this.grid);
  private readonly frames = new FrameBook(this.grid);
  private readonly taps = new TapCounts();
  private readonly isolation = new Judge();
  private readonly descriptor = new DescriptorReader();
  /** Nodes that are dead now, and those that ever died. */
  private readonly dead = new Set<NodeRef>();
  private readonly died = new Set<NodeRef>();
  private created = 0;

  constructor(private readonly options: CheckerOptions) {}

  observe(record: TapRecord): void {
    switch (record.kind) {
      case 'entered':
        return this.entered(record);
      case 'sent':
        return this.sent(record);
      case 'left':
        return this.left(record);
      case 'lost':
        return this.lost(record);
    }
  }

  observeFlowEvent(_chain: ChainId, event: FlowEvent): void {
    this.flows.note(event);
  }

  observeStanding(topologies: readonly Topology[], failed: readonly NodeRef[]): void {
    for (const topology of topologies) this.grid.publish(topology);
    for (const node of failed) this.grid.markFailed(node);
  }

  observeCommit(commit: Commit<TopologyEvent>): void {
    for (const event of commit.events) {
      if (event.type === 'TopologyPublished') this.grid.publishNext(event.data);
      else if (event.type === 'NodeFailed') this.grid.markFailed(nodeRef(event.data.cluster, event.data.node));
    }
  }

  observeDeath(node: NodeRef): void {
    this.dead.add(node);
    this.died.add(node);
  }

  observeRevival(node: NodeRef): void {
    this.dead.delete(node);
  }

  figures(): CheckerFigures {
    return {
      entered: this.taps.entered,
      left: this.taps.left,
      created: this.created,
      altered: this.frames.altered,
      alteredFlows: this.frames.alteredFlows,
      clamped: this.frames.narrow.clamped,
      fragmented: this.frames.narrow.fragmented,
      unjudged: this.frames.unjudged,
      floodExempt: this.flows.exempt,
      liveFlows: this.flows.liveFlows,
      duplicates: this.frames.duplicates,
      tolls: this.flows.tolls,
    };
  }

  verdicts(evidence: Evidence = {}): Verdicts {
    const isFinal = evidence.isFinal ?? true;
    const { affinity, pinnedTopology, oneEmitter } = this.flows.judged(isFinal);
    const emitters = oneEmitter.copy();
    if (isFinal && evidence.nodes !== undefined) {
      this.judgeMissing(emitters, [...evidence.nodes, ...(evidence.dead ?? [])]);
    }
    return {
      affinity: affinity.verdict(),
      pinnedTopology: pinnedTopology.verdict(),
      oneEmitter: emitters.verdict(),
      conservation: this.conservation(evidence).verdict(),
      isolation: this.isolation.verdict(),
      transparency: this.frames.judge.verdict(),
      replay: judgeReplay(evidence).verdict(),
      durability: judgeDurability(evidence).verdict(),
    };
  }

  private entered(record: TapRecord): void {
    this.taps.entered++;
    if (record.to !== 0) this.taps.at(record.to).entered++;
    this.frames.enter(record);
  }

  private sent(record: TapRecord): void {
    if (!this.isSealed(record)) return;
    if (this.descriptor.isPassed) this.countSent(record, false);
    if (this.descriptor.flowType === 0) return;
    const named = this.descriptor.emitterIn(clusterOf(record.to));
    const isShadowCopy = named !== 0 && named !== record.to;
    this.countSent(record, isShadowCopy);
    if (isShadowCopy) return;
    const flow = this.flows.sent(record, this.descriptor);
    if (this.dead.has(record.to) && !this.descriptor.isReplica) this.flows.lost(record, this.descriptor);
    if (this.descriptor.isReplica) return this.frames.travelAsReplica(record);
    if (flow === undefined) return;
    this.frames.travel(record, flow, this.descriptor, clusterOf(record.from));
  }

  private countSent(record: TapRecord, isShadowCopy: boolean): void {
    const sender = this.taps.at(record.from);
    sender.sent++;
    if (isShadowCopy) sender.shadowCopies++;
    if (this.descriptor.isReplica) sender.replicas++;
    this.taps.at(record.to).sentTo++;
  }

  /** Isolation inside: between members of the link, under a descriptor signed by the sender. */
  private isSealed(record: TapRecord): boolean {
    this.isolation.observed();
    const flaw = this.descriptor.read(record.bytes);
    if (flaw !== 'none') {
      this.breaksInside(record, `carries no descriptor (its ${flaw} is wrong)`);
      return false;
    }
    if (!this.grid.isEmpty) this.judgeMembership(record, record.from);
    if (!this.grid.isEmpty) this.judgeMembership(record, record.to);
    if (senderByMac(record.bytes) !== record.from) this.breaksInside(record, "has another sender's MAC");
    if (!this.isSigned(record.from)) this.breaksInside(record, 'is not signed by its sender');
    return true;
  }

  private judgeMembership(record: TapRecord, node: NodeRef): void {
    if (this.grid.isOnLink(record.link, node)) return;
    this.breaksInside(
      record,
      `goes to ${this.grid.nodeName(record.to)}: ${this.grid.nodeName(node)} is no member of the link`,
    );
  }

  private breaksInside(record: TapRecord, what: string): void {
    const link = this.grid.linkName(record.link);
    this.isolation.broken(`frame ${record.frameNo} on ${link} from ${this.grid.nodeName(record.from)} ${what}`);
  }

  private isSigned(sender: NodeRef): boolean {
    const keys = this.options.keysOf?.(sender);
    if (keys === undefined) return true;
    const signed = this.descriptor.signedBytes();
    const signature = this.descriptor.signature();
    return keys.some((key) => sipHash24(key, signed) === signature);
  }

  private left(record: TapRecord): void {
    this.taps.left++;
    this.taps.at(record.from).left++;
    if (record.frameNo === CREATED) this.created++;
    const entry = this.frames.find(record.frameNo);
    this.judgeOutside(record, entry);
    const journey = entry === undefined ? undefined : journeyTo(entry, record.from);
    const hop = journey === undefined ? undefined : this.flows.left(journey.flow, journey, record);
    this.frames.leave(record, entry, hop);
  }

  /** Isolation outside: no descriptor and no replica leaves, and nodes serve their own networks only. */
  private judgeOutside(record: TapRecord, entry: ReturnType<FrameBook['find']>): void {
    this.isolation.observed();
    if (this.descriptor.read(record.bytes) === 'none' && !this.frames.isAsEntered(record, entry)) {
      this.breaksOutside(record, 'with its descriptor');
    }
    if (this.frames.isReplica(record, entry)) this.breaksOutside(record, 'as a replica');
    if (!this.grid.isEmpty && !this.grid.isOnNetwork(record.network, record.from)) {
      this.breaksOutside(record, `to network ${record.network}, which another cluster connects`);
    }
    if (entry?.isGroup === true && this.grid.bridgeOf(entry.network) !== 0) this.judgeBridged(record, entry.network);
  }

  /** A broadcast reaches other networks of its bridge domain, and no others. */
  private judgeBridged(record: TapRecord, from: number): void {
    if (record.network === from) this.breaksOutside(record, `to network ${from}, where it was broadcast`);
    else if (this.grid.bridgeOf(record.network) !== this.grid.bridgeOf(from)) {
      this.breaksOutside(record, `to network ${record.network}, outside of the bridge domain that it was broadcast in`);
    }
  }

  private breaksOutside(record: TapRecord, what: string): void {
    this.isolation.broken(`frame ${record.frameNo} left ${this.grid.nodeName(record.from)} ${what}`);
  }

  private lost(record: TapRecord): void {
    if (record.link !== 0 && this.descriptor.read(record.bytes) === 'none') {
      if (this.descriptor.flowType === 0 && !this.descriptor.isPassed) return;
      const named = this.descriptor.emitterIn(clusterOf(record.to));
      if (named === record.to && !this.descriptor.isReplica) this.flows.lost(record, this.descriptor);
    }
    this.taps.lost++;
    // What came from an external network, and waited for a node that was dead, never entered.
    if (record.from !== 0) this.taps.at(record.to).lostTo++;
  }

  private conservation(evidence: Evidence): Judge {
    const judge = new Judge();
    if (evidence.nodes === undefined || this.taps.entered + this.taps.left === 0) return judge;
    const figures = { nodes: evidence.nodes, dead: evidence.dead ?? [], inTransit: evidence.inTransit ?? 0 };
    judgeConservation(judge, this.taps, figures, this.died, this.grid);
    return judge;
  }

  /** A cluster that hands on what it gets may miss no more frames than its nodes, in all lives, dropped or still hold. */
  private judgeMissing(judge: Judge, nodes: readonly NodeStatistics[]): void {
    for (const [cluster, missing] of this.flows.missingFrames()) {
      const own = nodes.filter((node) => clusterOf(node.node) === cluster);
      const reported = own.reduce((total, node) => total + node.inFlight + droppedForGood(node), 0);
      if (missing.frames <= reported) continue;
      const where = this.grid.clusterName(cluster);
      judge.broken(
        `${missing.what}: ${missing.frames} frames went into ${where} and never came out, ${reported} are reported`,
      );
    }
  }
}

/** Reasons that drop a copy of a frame whose other copy goes on: for what died with a node, its backup's. */
const COPY_REASONS: readonly string[] = ['duplicate', 'replay-old', 'fenced', 'node-dead'];

function droppedForGood(node: NodeStatistics): number {
  return Object.entries(node.dropped).reduce(
    (total, [reason, n]) => total + (COPY_REASONS.includes(reason) ? 0 : n),
    0,
  );
}

function judgeReplay({ replay }: Evidence): Judge {
  const judge = new Judge();
  if (replay === undefined) return judge;
  judge.observed();
  if (replay.live !== replay.rebuilt) {
    judge.broken(
      `at seq ${replay.seq} the live state hashes to ${replay.live}, the state rebuilt from the log to ${replay.rebuilt}`,
    );
  }
  return judge;
}

function judgeDurability({ durability }: Evidence): Judge {
  const judge = new Judge();
  for (const { commandId, seq } of durability?.acknowledged ?? []) {
    judge.observed();
    const logged = durability?.logged.get(commandId);
    if (logged === undefined) judge.broken(`${commandId} was acknowledged at seq ${seq} and is not in the log`);
    else if (logged !== seq) judge.broken(`${commandId} was acknowledged at seq ${seq} and stands at ${logged}`);
  }
  return judge;
}
