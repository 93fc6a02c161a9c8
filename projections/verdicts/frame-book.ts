import { clusterOf, type NodeRef } from '../../domain/base/ids';
import type { TapRecord } from '../../domain/seams/tap';
import type { DescriptorReader } from './descriptor-reader';
import { hashFrame, type FrameHash } from './frame-hash';
import { isFragment } from './headers';
import { flowName } from '../names';
import type { KnownGrid } from './known-grid';
import { NarrowLinks, type AnnouncedMss } from './narrow-links';
import type { Hop, ObservedFlow } from './observed-flow';
import { asRouted, sourceMac, withoutMacs } from './routed-frames';
import { Judge } from './words';

/** Frames remembered at once, a power of two; one that is still inside when so many have entered after it is not judged. */
const FRAMES = 1 << 16;
const ETHERNET_HEADER = 14;
/** The frame number of frames that a node itself created. */
export const CREATED = 0xffffffff;

/** A frame's way through the grid as a frame of one flow. */
export interface Journey {
  readonly flow: ObservedFlow;
  /** The cluster by which its path leads out. */
  readonly exit: number;
  readonly isReverse: boolean;
  readonly stamper: NodeRef;
  readonly sequence: number;
  readonly wireId: number;
}

/** What is remembered of a frame from its entry on. */
export interface FrameEntry {
  frameNo: number;
  /** Counts entries, because a source that is fed in again repeats its frame numbers. */
  ordinal: number;
  readonly hash: FrameHash;
  length: number;
  isFragment: boolean;
  /** The network at which it entered, and whether it went to a group of hosts. */
  network: number;
  isGroup: boolean;
  /** Where its descriptor was last seen, by flow: one, but for broadcasts that went several ways; empty while none was. */
  readonly journeys: Journey[];
  isAltered: boolean;
  /** Of a SYN that entered a grid in which something is narrow. */
  mss: AnnouncedMss | undefined;
  /** Where the frame, and where a replica of it, was sent last. */
  at: NodeRef;
  replicaAt: NodeRef;
  /** External networks to which it has left: broadcast goes once to each. */
  readonly leftTo: number[];
}

/**
 * Judges transparency: what leaves entered, byte for byte (unless an application on its path may change frames), once to
 * each network, and in the order in which it entered within its flow and direction. Later fragments may be overtaken:
 * they wait for their first fragment. Of what a router changes it is judged that it is that and no more.
 */
export class FrameBook {
  readonly judge = new Judge();
  /** Frames that left changed: by an application on their path, or for a narrow link. */
  altered = 0;
  /** Flows of which frames left so. */
  alteredFlows = 0;
  readonly narrow = new NarrowLinks(this.judge);
  /** Frames that left and were not judged, because too many had entered after them. */
  unjudged = 0;
  /** Frames that left more than once to the same network. */
  duplicates = 0;
  private readonly entries: FrameEntry[] = [];
  private entered = 0;
  private newest = 0;
  private readonly hash: FrameHash = { low: 0, high: 0 };

  constructor(private readonly grid: KnownGrid) {}

  enter(record: TapRecord): void {
    const at = record.frameNo & (FRAMES - 1);
    const entry = (this.entries[at] ??= emptyEntry());
    entry.frameNo = record.frameNo;
    entry.ordinal = this.entered++;
    entry.length = record.bytes.length;
    entry.isFragment = isFragment(record.bytes);
    const expected = this.grid.routerMac(record.network) === undefined ? record : asRouted(record);
    entry.journeys.length = 0;
    entry.network = record.network;
    entry.isGroup = (record.bytes[0]! & 1) !== 0;
    entry.isAltered = false;
    entry.at = entry.replicaAt = 0;
    entry.leftTo.length = 0;
    entry.mss = undefined;
    const { fitsEverywhere } = this.grid;
    if (fitsEverywhere !== Infinity) this.narrow.enter(expected, entry, fitsEverywhere);
    hashFrame(expected.bytes, entry.hash);
    this.newest = record.frameNo;
  }

  /** The entry of a frame, if it is remembered. */
  find(frameNo: number): FrameEntry | undefined {
    const entry = this.entries[frameNo & (FRAMES - 1)];
    return entry !== undefined && entry.frameNo === frameNo && frameNo !== CREATED ? entry : undefined;
  }

  /** A frame was seen on an internal link, as `flow`'s: remembers what its descriptor says. */
  travel(record: TapRecord, flow: ObservedFlow, descriptor: DescriptorReader, sender: number): void {
    const entry = this.find(record.frameNo);
    if (entry === undefined) return;
    entry.at = record.to;
    const { isReverse, stamper, sequence, wireId, count } = descriptor;
    const exit = descriptor.clusterAt(isReverse ? 0 : count - 1);
    const journey = { flow, exit, isReverse, stamper, sequence, wireId };
    const at = entry.journeys.findIndex((known) => known.flow === flow);
    if (at < 0) entry.journeys.push(journey);
    else entry.journeys[at] = journey;
    if (this.grid.mayAlter(sender)) entry.isAltered = true;
  }

  /** A replica of a frame was seen on an internal link. */
  travelAsReplica(record: TapRecord): void {
    const entry = this.find(record.frameNo);
    if (entry !== undefined) entry.replicaAt = record.to;
  }

  /** Whether what leaves as this frame can be no more than a replica of it: the frame is elsewhere, or has left already. */
  isReplica(record: TapRecord, entry: FrameEntry | undefined): boolean {
    if (entry === undefined || entry.replicaAt !== record.from) return false;
    return entry.at !== record.from || entry.leftTo.includes(record.network);
  }

  /** A frame left; `hop` as the flow book gave it. */
  leave(left: TapRecord, entry: FrameEntry | undefined, hop: Hop | undefined): void {
    const router = this.grid.routerMac(left.network);
    const record = router === undefined ? left : withoutMacs(left);
    if (router !== undefined && sourceMac(left) !== router)
      this.judge.broken(
        `frame ${left.frameNo} left to network ${left.network} from ${sourceMac(left)}, not from the router`,
      );
    if (left.bytes.length - ETHERNET_HEADER > this.grid.mtuOf(left.network))
      this.judge.broken(
        `frame ${left.frameNo} left to network ${left.network}, which does not take ${left.bytes.length} bytes`,
      );
    this.narrow.leave(record, (frameNo) => this.find(frameNo)?.isAltered === true);
    if (record.frameNo === CREATED) return;
    if (entry === undefined) return this.leaveUnknown(record);
    this.judge.observed();
    if (entry.leftTo.includes(record.network)) {
      this.duplicates++;
      this.breaks(record, entry, 'left twice');
    }
    entry.leftTo.push(record.network);
    this.judgeBytes(record, entry);
    if (hop === undefined || entry.isFragment) return;
    if (entry.ordinal < hop.lastOrdinal) this.breaks(record, entry, 'left after frames of its flow that entered later');
    hop.lastOrdinal = Math.max(hop.lastOrdinal, entry.ordinal);
  }

  /** Whether exactly these bytes came in as this frame: then what they look like is payload. */
  isAsEntered(record: TapRecord, entry: FrameEntry | undefined): boolean {
    if (entry === undefined || entry.length !== record.bytes.length) return false;
    const bytes = this.grid.routerMac(record.network) === undefined ? record.bytes : withoutMacs(record).bytes;
    hashFrame(bytes, this.hash);
    return this.hash.low === entry.hash.low && this.hash.high === entry.hash.high;
  }

  private judgeBytes(record: TapRecord, entry: FrameEntry): void {
    if (this.isAsEntered(record, entry)) return;
    if (!entry.isAltered && !this.narrow.explains(record, entry)) {
      this.breaks(record, entry, `left changed: ${entry.length} bytes entered, ${record.bytes.length} left`);
      return;
    }
    this.altered++;
    const flow = journeyTo(entry, record.from)?.flow;
    if (flow === undefined || flow.isAltered) return;
    flow.isAltered = true;
    this.alteredFlows++;
  }

  private leaveUnknown(record: TapRecord): void {
    if (this.entered > 0 && this.newest - record.frameNo >= FRAMES) this.unjudged++;
    else this.judge.broken(`frame ${record.frameNo} left at ${this.grid.nodeName(record.from)} and never entered`);
  }

  private breaks(record: TapRecord, entry: FrameEntry, what: string): void {
    const journey = journeyTo(entry, record.from);
    const flow = journey === undefined ? '' : ` of flow ${flowName(journey.flow.id)}`;
    this.judge.broken(`frame ${record.frameNo}${flow} at ${this.grid.nodeName(record.from)} ${what}`);
  }
}

/** The journey that led a frame out at a node: of several the one whose path ends there. */
export function journeyTo({ journeys }: FrameEntry, node: NodeRef): Journey | undefined {
  if (journeys.length < 2) return journeys[0];
  return journeys.find(({ exit }) => exit === clusterOf(node)) ?? journeys[0];
}

function emptyEntry(): FrameEntry {
  return {
    frameNo: CREATED,
    ordinal: 0,
    hash: { low: 0, high: 0 },
    length: 0,
    isFragment: false,
    network: 0,
    isGroup: false,
    journeys: [],
    isAltered: false,
    mss: undefined,
    at: 0,
    replicaAt: 0,
    leftTo: [],
  };
}
