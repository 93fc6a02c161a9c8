import type { NodeRef } from '../../domain/base/ids';
import type { TapRecord } from '../../domain/seams/tap';
import type { DescriptorReader } from './descriptor-reader';
import { hashFrame, type FrameHash } from './frame-hash';
import { flowName } from '../names';
import type { KnownGrid } from './known-grid';
import type { Hop, ObservedFlow } from './observed-flow';
import { Judge } from './words';

/** Frames remembered at once, a power of two; one that is still inside when so many have entered after it is not judged. */
const FRAMES = 1 << 16;
/** The frame number of frames that a node itself created. */
export const CREATED = 0xffffffff;

/** What is remembered of a frame from its entry on. */
export interface FrameEntry {
  frameNo: number;
  /** Counts entries, because a source that is fed in again repeats its frame numbers. */
  ordinal: number;
  readonly hash: FrameHash;
  length: number;
  isFragment: boolean;
  /** Where its descriptor was last seen; undefined while none was. */
  flow: ObservedFlow | undefined;
  isReverse: boolean;
  stamper: NodeRef;
  sequence: number;
  wireId: number;
  isAltered: boolean;
  /** External networks to which it has left: broadcast goes once to each. */
  readonly leftTo: number[];
}

/**
 * Judges transparency: what leaves entered, byte for byte (unless an application on its path may change frames), once to
 * each network, and in the order in which it entered within its flow and direction. Later fragments may be overtaken:
 * they wait for their first fragment.
 */
export class FrameBook {
  readonly judge = new Judge();
  /** Frames that left changed by an application on their path. */
  altered = 0;
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
    entry.flow = undefined;
    entry.isAltered = false;
    entry.leftTo.length = 0;
    hashFrame(record.bytes, entry.hash);
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
    entry.flow = flow;
    entry.isReverse = descriptor.isReverse;
    entry.stamper = descriptor.stamper;
    entry.sequence = descriptor.sequence;
    entry.wireId = descriptor.wireId;
    if (this.grid.mayAlter(sender)) entry.isAltered = true;
  }

  /** A frame left; `hop` as the flow book gave it. */
  leave(record: TapRecord, entry: FrameEntry | undefined, hop: Hop | undefined): void {
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
    hashFrame(record.bytes, this.hash);
    return this.hash.low === entry.hash.low && this.hash.high === entry.hash.high;
  }

  private judgeBytes(record: TapRecord, entry: FrameEntry): void {
    if (this.isAsEntered(record, entry)) return;
    if (entry.isAltered) this.altered++;
    else this.breaks(record, entry, `left changed: ${entry.length} bytes entered, ${record.bytes.length} left`);
  }

  private leaveUnknown(record: TapRecord): void {
    if (this.entered > 0 && this.newest - record.frameNo >= FRAMES) this.unjudged++;
    else this.judge.broken(`frame ${record.frameNo} left at ${this.grid.nodeName(record.from)} and never entered`);
  }

  private breaks(record: TapRecord, entry: FrameEntry, what: string): void {
    const flow = entry.flow === undefined ? '' : ` of flow ${flowName(entry.flow.id)}`;
    this.judge.broken(`frame ${record.frameNo}${flow} at ${this.grid.nodeName(record.from)} ${what}`);
  }
}

function emptyEntry(): FrameEntry {
  return {
    frameNo: CREATED,
    ordinal: 0,
    hash: { low: 0, high: 0 },
    length: 0,
    isFragment: false,
    flow: undefined,
    isReverse: false,
    stamper: 0,
    sequence: 0,
    wireId: 0,
    isAltered: false,
    leftTo: [],
  };
}

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_TAGS: readonly number[] = [0x8100, 0x88a8];
const IPV6_FRAGMENT = 44;
/** IPv6 extension headers before a fragment header: hop-by-hop, routing, destination options. */
const IPV6_EXTENSIONS: readonly number[] = [0, 43, 60];

/** Whether a frame, behind any VLAN tags, is an IP fragment. */
function isFragment(bytes: Uint8Array): boolean {
  let at = 12;
  while (at + 4 < bytes.length && ETHERTYPE_TAGS.includes(u16(bytes, at))) at += 4;
  const etherType = u16(bytes, at);
  if (etherType === ETHERTYPE_IPV4) return at + 10 < bytes.length && (u16(bytes, at + 8) & 0x3fff) !== 0;
  if (etherType !== ETHERTYPE_IPV6) return false;
  let next = bytes[at + 8] ?? 0;
  for (let header = at + 42; IPV6_EXTENSIONS.includes(next) && header + 1 < bytes.length;) {
    next = bytes[header]!;
    header += 8 * (bytes[header + 1]! + 1);
  }
  return next === IPV6_FRAGMENT;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
