import type { TapRecord } from '../../domain/seams/tap';
import type { FrameEntry } from './frame-book';
import { hashFrame, type FrameHash } from './frame-hash';
import { ipHeaderAt, tcpHeaderAt, word } from './headers';
import type { Judge } from './words';

/** Packets that may be cut, remembered at once; the oldest goes unjudged beyond it. */
const CUTTABLE_MAX = 1024;
const ETHERNET_HEADER = 14;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const TCP_SYN = 2;
const OPTION_MSS = 2;

/** What a SYN announced when it entered. */
export interface AnnouncedMss {
  /** Place of the value in the frame, and of the TCP header. */
  readonly at: number;
  readonly tcp: number;
  readonly value: number;
  readonly checksum: number;
  /** Of the frame without the two. */
  readonly rest: FrameHash;
}

/** A packet that may leave in pieces. */
interface Cuttable {
  readonly frameNo: number;
  readonly length: number;
  /** Where its payload begins if it is itself a fragment, bytes. */
  readonly base: number;
  readonly payload: number;
  /** Of the pieces so far: how much of the payload they made up, and its hash. */
  made: number;
  hash: number;
  /** Another packet of the same name was still inside: whose pieces leave cannot be told, nor whether they are whole. */
  readonly isAmbiguous: boolean;
}

/**
 * What may leave changed because a link on the path, or the network by which it leaves, is narrower than that by which it
 * came, judged to the byte: a SYN whose announced segment size alone was lowered and whose checksum was corrected for it, and an IPv4 packet in fragments that
 * make it up again.
 */
export class NarrowLinks {
  clamped = 0;
  fragmented = 0;
  private readonly cuttable = new Map<string, Cuttable>();

  constructor(private readonly judge: Judge) {}

  /** A frame entered a grid through which packets of up to `fits` bytes always go as they are. */
  enter({ bytes, frameNo }: TapRecord, entry: FrameEntry, fits: number): void {
    entry.mss = announcedMss(bytes);
    const ip = ipHeaderAt(bytes);
    if (ip === 0 || bytes[ip]! >>> 4 !== 4 || bytes.length - ETHERNET_HEADER <= fits) return;
    if ((word(bytes, ip + 6) & DONT_FRAGMENT) !== 0) return;
    const from = ip + 4 * (bytes[ip]! & 15);
    const end = Math.min(bytes.length, ip + (word(bytes, ip + 2) || bytes.length));
    const base = 8 * (word(bytes, ip + 6) & 0x1fff);
    const key = packetKey(bytes, ip);
    const isAmbiguous = this.cuttable.delete(key);
    if (this.cuttable.size >= CUTTABLE_MAX) this.cuttable.delete(this.cuttable.keys().next().value!);
    const payload = hashOn(0, bytes, from, end);
    this.cuttable.set(key, { frameNo, length: end - from, base, payload, made: 0, hash: 0, isAmbiguous });
  }

  /** A frame left: if it is a piece of a packet that was cut, it must continue what left of it before. */
  leave(record: TapRecord, isAlteredInside: (frameNo: number) => boolean): void {
    if (this.cuttable.size === 0) return;
    const { bytes } = record;
    const ip = ipHeaderAt(bytes);
    if (ip === 0 || bytes[ip]! >>> 4 !== 4) return;
    const key = packetKey(bytes, ip);
    const cut = this.cuttable.get(key);
    if (cut === undefined || cut.isAmbiguous) return;
    // A whole packet that has the name of one whose other pieces were lost.
    if ((word(bytes, ip + 6) & ~DONT_FRAGMENT) === 0 && record.frameNo !== cut.frameNo) return;
    const from = ip + 4 * (bytes[ip]! & 15);
    const end = Math.min(bytes.length, ip + word(bytes, ip + 2));
    const place = 8 * (word(bytes, ip + 6) & 0x1fff) - cut.base;
    // A piece before it was lost, which others count; or the packet was changed.
    if (place > cut.made || isAlteredInside(cut.frameNo)) {
      this.cuttable.delete(key);
      return;
    }
    if (place < cut.made) return this.judge.broken(`frame ${cut.frameNo}: a fragment of it left twice`);
    cut.hash = hashOn(cut.hash, bytes, from, end);
    cut.made += end - from;
    if (cut.made < cut.length) return;
    this.cuttable.delete(key);
    if (cut.made > cut.length || cut.hash !== cut.payload)
      this.judge.broken(`frame ${cut.frameNo} left in fragments that do not make it up again`);
  }

  /** Whether a narrow link explains that a frame left with other bytes than it entered with; counted if it does. */
  explains(record: TapRecord, entry: FrameEntry): boolean {
    if (entry.mss !== undefined && isClamped(record.bytes, entry.length, entry.mss)) {
      this.clamped++;
      return true;
    }
    if (!this.isFirstPiece(record, entry)) return false;
    this.fragmented++;
    return true;
  }

  private isFirstPiece({ bytes }: TapRecord, entry: FrameEntry): boolean {
    const ip = ipHeaderAt(bytes);
    if (ip === 0 || bytes.length >= entry.length || (word(bytes, ip + 6) & MORE_FRAGMENTS) === 0) return false;
    const cut = this.cuttable.get(packetKey(bytes, ip));
    if (cut?.isAmbiguous === true) return true;
    return cut?.frameNo === entry.frameNo && cut.made === bytes.length - ip - 4 * (bytes[ip]! & 15);
  }
}

/** Names an IPv4 packet: addresses, identification, protocol. */
function packetKey(bytes: Uint8Array, ip: number): string {
  return `${word(bytes, ip + 4)} ${bytes[ip + 9]} ${bytes.subarray(ip + 12, ip + 20).join('.')}`;
}

function announcedMss(bytes: Uint8Array): AnnouncedMss | undefined {
  const tcp = tcpHeaderAt(bytes);
  if (tcp === 0 || (bytes[tcp + 13]! & TCP_SYN) === 0) return undefined;
  const end = Math.min(bytes.length, tcp + 4 * (bytes[tcp + 12]! >>> 4));
  for (let at = tcp + 20; at + 1 < end && bytes[at] !== 0; at += bytes[at] === 1 ? 1 : Math.max(2, bytes[at + 1]!)) {
    if (bytes[at] !== OPTION_MSS || bytes[at + 1] !== 4 || at + 4 > end) continue;
    const place = { at: at + 2, tcp };
    return { ...place, value: word(bytes, at + 2), checksum: word(bytes, tcp + 16), rest: hashWithout(bytes, place) };
  }
  return undefined;
}

/** Whether only the announced size differs, is smaller, and the checksum accounts for it. */
function isClamped(bytes: Uint8Array, length: number, mss: AnnouncedMss): boolean {
  if (bytes.length !== length) return false;
  const value = word(bytes, mss.at);
  const rest = hashWithout(bytes, mss);
  if (value >= mss.value || rest.low !== mss.rest.low || rest.high !== mss.rest.high) return false;
  const isOdd = ((mss.at - mss.tcp) & 1) !== 0;
  const weight = isOdd ? 256 : 1;
  // One's complement sums are sums modulo 65535, in which a byte's place counts by powers of 256.
  const before = (mss.checksum + mss.value * weight) % 0xffff;
  return (word(bytes, mss.tcp + 16) + value * weight) % 0xffff === before;
}

function hashWithout(bytes: Uint8Array, { at, tcp }: Pick<AnnouncedMss, 'at' | 'tcp'>): FrameHash {
  const rest = bytes.slice();
  rest.fill(0, at, at + 2);
  rest.fill(0, tcp + 16, tcp + 18);
  const hash = { low: 0, high: 0 };
  hashFrame(rest, hash);
  return hash;
}

/** Goes on with a hash over bytes, however they are cut into pieces. */
function hashOn(hash: number, bytes: Uint8Array, from: number, end: number): number {
  let on = hash;
  for (let i = from; i < end; i++) on = (Math.imul(on ^ (bytes[i]! + 1), 0x01000193) + 0x9e3779b9) | 0;
  return on;
}
