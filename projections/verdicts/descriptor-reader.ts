import { nodeRef, type NodeRef } from '../../domain/base/ids';

/**
 * A reader of flow descriptors of its own, made from the written layout ([0074] Table 2) and not from the dataplane's
 * code: a mistake there must not blind what judges it.
 *
 * A descriptor stands at the frame's end, all integers big-endian, 42 + 2·count bytes: marker and version 2, checksum 2,
 * signature 8, MACs 12, flags 1, topology ID 1, flow type 2, flow ID 4, sequence 4, ingress time 4, count 1, the path
 * 2·count, length 1.
 */

const MARKER = 0xf161;
const FIXED_BYTES = 42;
const COUNT_MAX = 104;
const PATH = 41;
const SIGNED_FROM = 12;
const SIGNED_BYTES_MAX = 64;

const CHECKSUM_AT = 2;
const SIGNATURE_AT = 4;
const PROCESSED = 0x80;

const CONTROL_PASS = 8;

const FLAG_START = 0x01;
const FLAG_END = 0x02;
const FLAG_REPLICA = 0x08;
const FLAG_REVERSE = 0x10;
const FLAG_REEMITTED = 0x40;
const FLAG_FLOOD = 0x80;

/** What is wrong with a trailer; `none`: it is a descriptor. */
export type Flaw = 'none' | 'length' | 'marker' | 'checksum';

/**
 * A cursor over the descriptor of one frame after the other; reading allocates nothing. The fields are those of the
 * last frame for which {@link read} returned `none`.
 */
export class DescriptorReader {
  private bytes: Uint8Array = new Uint8Array(0);
  /** Where the descriptor starts, which is the length of the frame without it. */
  start = 0;
  /** Bytes of the descriptor. */
  length = 0;
  flow = 0;
  flowType = 0;
  wireId = 0;
  sequence = 0;
  count = 0;
  private flags = 0;

  /** Finds and checks the descriptor at the end of `bytes`, all but its signature. */
  read(bytes: Uint8Array): Flaw {
    const length = bytes.length === 0 ? 0 : bytes[bytes.length - 1]!;
    const start = bytes.length - length;
    if (length < FIXED_BYTES || start < 0) return 'length';
    if (u16(bytes, start) !== MARKER) return 'marker';
    const count = bytes[start + 40]!;
    if (count > COUNT_MAX || length !== FIXED_BYTES + 2 * count) return 'length';
    if (onesComplementSum(bytes, start, length) !== 0xffff) return 'checksum';
    this.bytes = bytes;
    this.start = start;
    this.length = length;
    this.count = count;
    this.flags = bytes[start + 24]!;
    this.wireId = bytes[start + 25]!;
    this.flowType = u16(bytes, start + 26);
    this.flow = u32(bytes, start + 28);
    this.sequence = u32(bytes, start + 32);
    return 'none';
  }

  /** Whether it stands on a frame of an external network that one INODE passes to another: control kind 8. */
  get isPassed(): boolean {
    return this.flowType === 0 && this.flow >>> 24 === CONTROL_PASS;
  }

  get isStart(): boolean {
    return (this.flags & FLAG_START) !== 0;
  }
  get isEnd(): boolean {
    return (this.flags & FLAG_END) !== 0;
  }
  get isReplica(): boolean {
    return (this.flags & FLAG_REPLICA) !== 0;
  }
  get isReverse(): boolean {
    return (this.flags & FLAG_REVERSE) !== 0;
  }
  get isReemitted(): boolean {
    return (this.flags & FLAG_REEMITTED) !== 0;
  }
  get isFlood(): boolean {
    return (this.flags & FLAG_FLOOD) !== 0;
  }

  /** Cluster of the path's element `index`. */
  clusterAt(index: number): number {
    return this.bytes[this.start + PATH + 2 * index]!;
  }
  /** Node chosen in the path's element `index`; the node ID part is 0 when none is chosen yet. */
  nodeAt(index: number): NodeRef {
    return nodeRef(this.clusterAt(index), this.bytes[this.start + PATH + 2 * index + 1]! & 0x7f);
  }
  /** Whether the cluster of element `index` has processed the packet. */
  isProcessed(index: number): boolean {
    return (this.bytes[this.start + PATH + 2 * index + 1]! & PROCESSED) !== 0;
  }
  /**
   * The node that numbered the packet: the ingress INODE, first in the order of travel. Where a path ends in the cluster that
   * it begins in, the last hop writes there by which INODE it leaves: then its cluster alone, whose heirs number on.
   */
  get stamper(): NodeRef {
    if (this.count === 0) return 0;
    const isReturning = this.count > 1 && this.clusterAt(0) === this.clusterAt(this.count - 1);
    return isReturning ? nodeRef(this.clusterAt(0), 0) : this.nodeAt(0);
  }

  /**
   * The node that the list names for `cluster`, 0 if it names none: in the element not yet processed, where the packet
   * is on its way into the cluster; else (a copy between its members) in the one that is.
   */
  emitterIn(cluster: number): NodeRef {
    let named = 0;
    for (let i = 0; i < this.count; i++) {
      if (this.clusterAt(i) !== cluster) continue;
      named = this.nodeAt(i);
      if (!this.isProcessed(i)) break;
    }
    return (named & 0x7f) === 0 ? 0 : named;
  }

  /** The signature on the wire as 16 hex digits. */
  signature(): string {
    return hexOf(this.bytes, this.start + SIGNATURE_AT, 8);
  }

  /**
   * The bytes that the signature covers: the descriptor with checksum and signature zero, the frame's length without it
   * in two bytes, and up to 64 bytes of the frame from offset 12 on.
   */
  signedBytes(): Uint8Array {
    const covered = Math.max(0, Math.min(SIGNED_BYTES_MAX, this.start - SIGNED_FROM));
    const signed = new Uint8Array(this.length + 2 + covered);
    signed.set(this.bytes.subarray(this.start, this.start + this.length));
    signed.fill(0, CHECKSUM_AT, SIGNATURE_AT + 8);
    signed[this.length] = this.start >>> 8;
    signed[this.length + 1] = this.start & 0xff;
    signed.set(this.bytes.subarray(SIGNED_FROM, SIGNED_FROM + covered), this.length + 2);
    return signed;
  }
}

/** The node that a frame's source MAC names: the grid's MACs are 02:f1:60:00:cluster:node; 0 = no node's. */
export function senderByMac(frame: Uint8Array): NodeRef {
  const isOurs = frame.length >= 14 && u32(frame, 6) === 0x02f16000;
  return isOurs ? nodeRef(frame[10]!, frame[11]!) : 0;
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function hexOf(bytes: Uint8Array, at: number, length: number): string {
  let text = '';
  for (let i = at; i < at + length; i++) text += bytes[i]!.toString(16).padStart(2, '0');
  return text;
}

/** RFC 1071 sum, folded to 16 bits; over correct bytes, checksum included, it is 0xffff. Lengths are even. */
function onesComplementSum(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let i = at; i < at + length; i += 2) sum += u16(bytes, i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
