import type { Micros } from '../../domain/base/ids';
import { mix32 } from '../../domain/base/hash';
import {
  S_DSCP,
  S_ETHERTYPE,
  S_FLAGS,
  S_FRAGMENT,
  S_FRAME_NO,
  S_IP,
  S_IP_ID,
  S_L3,
  S_L4,
  S_LEN,
  S_OFF,
  S_PAYLOAD,
  S_PAYLOAD_LEN,
  S_PROTO,
  S_TAGS,
  S_TCP_FLAGS,
  S_TIME,
  SF_ALTERED,
} from '../frames/layout';
import { updateChecksum } from './checksum-update';

/** The views of the shared memory that functions are given (an arena has them). */
export interface ArenaViews {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
}

export const PROTO_ICMP = 1;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;
export const PROTO_ICMPV6 = 58;
export const PROTO_UDPLITE = 136;

/**
 * One frame as a function sees it: a reusable cursor over a slot of the shared memory. Offsets are relative to the
 * frame's first byte; reading outside the frame gives 0, so that no content, however broken, makes a function throw.
 * Setters keep IPv4, TCP, UDP and ICMP checksums right incrementally and mark the frame as altered (the grid promises
 * that what no application changed leaves byte for byte, and reports the rest).
 */
export class FrameView {
  private slot = 0;
  private base = 0;
  private size = 0;
  private draws = 0;
  private seed = 0;
  private time: Micros = 0;

  constructor(private readonly views: ArenaViews) {}

  /**
   * Points at the slot at byte address `slot`; `now` and `seed` are the frame's own time and randomness. The host calls
   * it; functions do not.
   */
  moveTo(slot: number, now: Micros, seed: number): void {
    this.slot = slot;
    this.base = slot + this.views.u32[(slot + S_OFF) >>> 2];
    this.size = this.views.u32[(slot + S_LEN) >>> 2];
    this.time = now;
    this.seed = seed;
    this.draws = 0;
  }

  /** Byte address of the slot: identifies the frame while it is being processed. */
  get address(): number {
    return this.slot;
  }

  /** The whole shared memory; the frame is at {@link offset}. For loops that cannot afford a call per byte. */
  get bytes(): Uint8Array {
    return this.views.u8;
  }

  /** Where the frame begins in {@link bytes}. */
  get offset(): number {
    return this.base;
  }

  /** Length of the frame in bytes, without FCS. */
  get length(): number {
    return this.size;
  }

  /**
   * The time for functions, microseconds since 1970: when the frame entered the grid, never less than an earlier frame
   * had (of the same flow and direction; with `exported` functions, of any). The same at primary and backup.
   */
  get now(): Micros {
    return this.time;
  }

  /** When the frame entered the grid, as its ingress node's clock had it. May step back between frames. */
  get ingressTime(): Micros {
    return this.views.f64[(this.slot + S_TIME) >>> 3];
  }

  /** A uniform 32-bit number, drawn from the frame's identity: primary and backup draw the same. */
  random(): number {
    return mix32((this.seed + Math.imul(++this.draws, 0x9e3779b9)) | 0);
  }

  /** Number of the frame in its source; the same for copies. */
  get number(): number {
    return this.views.u32[(this.slot + S_FRAME_NO) >>> 2];
  }

  /* ---- Raw bytes ------------------------------------------------------------------------------------------- */

  u8(at: number): number {
    return at >= 0 && at < this.size ? this.views.u8[this.base + at] : 0;
  }

  /** Big-endian, as on the wire. */
  u16(at: number): number {
    return (this.u8(at) << 8) | this.u8(at + 1);
  }

  /** Big-endian, as on the wire. */
  u32(at: number): number {
    return ((this.u16(at) << 16) | this.u16(at + 2)) >>> 0;
  }

  /* ---- Headers (valid for functions that read `headers`); 0 = absent ---------------------------------------- */

  /** EtherType behind the tags; 0 for 802.3 lengths. */
  get etherType(): number {
    return this.views.u16[(this.slot + S_ETHERTYPE) >>> 1];
  }
  /** Number of VLAN tags. */
  get tags(): number {
    return this.views.u8[this.slot + S_TAGS];
  }
  /** 4, 6, or 0 = no (readable) IP header. */
  get ip(): number {
    return this.views.u8[this.slot + S_IP];
  }
  /** Offset of the IP header. */
  get l3(): number {
    return this.views.u16[(this.slot + S_L3) >>> 1];
  }
  /** Offset of the transport header; 0 in later fragments. */
  get l4(): number {
    return this.views.u16[(this.slot + S_L4) >>> 1];
  }
  /** Transport protocol number (behind IPv6 extension headers). */
  get proto(): number {
    return this.views.u8[this.slot + S_PROTO];
  }
  get dscp(): number {
    return this.views.u8[this.slot + S_DSCP];
  }
  /** TCP flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32. */
  get tcpFlags(): number {
    return this.views.u8[this.slot + S_TCP_FLAGS];
  }
  /** 0 no fragment, 1 first, 2 later, 3 atomic. */
  get fragment(): number {
    return this.views.u8[this.slot + S_FRAGMENT];
  }
  /** IP identification. */
  get ipId(): number {
    return this.views.u32[(this.slot + S_IP_ID) >>> 2];
  }
  /** Offset of the transport payload; 0 when there is no readable TCP or UDP header. */
  get payload(): number {
    return this.views.u16[(this.slot + S_PAYLOAD) >>> 1];
  }
  /** Length of the transport payload that is present in the frame. */
  get payloadLength(): number {
    return this.views.u16[(this.slot + S_PAYLOAD_LEN) >>> 1];
  }
  /** Whether there are port numbers to read. */
  get hasPorts(): boolean {
    if (this.l4 === 0 || this.fragment === 2 || this.l4 + 4 > this.size) return false;
    const proto = this.proto;
    return proto === PROTO_TCP || proto === PROTO_UDP || proto === PROTO_UDPLITE || proto === 132 || proto === 33;
  }
  get sourcePort(): number {
    return this.hasPorts ? this.u16(this.l4) : 0;
  }
  get destinationPort(): number {
    return this.hasPorts ? this.u16(this.l4 + 2) : 0;
  }
  /** TCP sequence number of the first payload byte or flag. */
  get tcpSequence(): number {
    return this.proto === PROTO_TCP && this.l4 !== 0 ? this.u32(this.l4 + 4) : 0;
  }
  /** Offset of the source address: 4 or 16 bytes, by {@link ip}. */
  get sourceAddressAt(): number {
    return this.ip === 4 ? this.l3 + 12 : this.ip === 6 ? this.l3 + 8 : 0;
  }
  /** Offset of the destination address. */
  get destinationAddressAt(): number {
    return this.ip === 4 ? this.l3 + 16 : this.ip === 6 ? this.l3 + 24 : 0;
  }

  /* ---- Setters --------------------------------------------------------------------------------------------- */

  /** Writes the source port. @returns false when there is none, or its checksum cannot be corrected (SCTP's CRC). */
  setSourcePort(port: number): boolean {
    return this.setPort(this.l4, port);
  }

  setDestinationPort(port: number): boolean {
    return this.setPort(this.l4 + 2, port);
  }

  /** Writes the low `length` bytes (4 or 16) of an address from `source[from…]` over the one at `at`. */
  setAddress(at: number, source: Uint8Array, from: number): void {
    if (this.ip === 0) return;
    const ipChecksum = this.ip === 4 ? this.l3 + 10 : 0;
    const transport = this.transportChecksumAt(true);
    const length = this.ip === 4 ? 4 : 16;
    for (let i = 0; i < length; i += 2) {
      const word = (source[from + i] << 8) | source[from + i + 1];
      this.replace16(at + i, word, ipChecksum, transport);
    }
  }

  /** Writes the DSCP, keeping the ECN bits. */
  setDscp(dscp: number): void {
    if (this.ip === 4) {
      this.replace16(this.l3, (this.u16(this.l3) & 0xff03) | ((dscp & 63) << 2), this.l3 + 10, 0);
    } else if (this.ip === 6) {
      this.replace16(this.l3, (this.u16(this.l3) & 0xf03f) | ((dscp & 63) << 6), 0, 0);
    } else return;
    this.views.u8[this.slot + S_DSCP] = dscp & 63;
  }

  /**
   * Overwrites `length` bytes of the transport payload at `at` (relative to the frame) from `source[from…]`, keeping
   * the length of the frame. @returns false when the range is not inside the payload.
   */
  setPayload(at: number, source: Uint8Array, from: number, length: number): boolean {
    const start = this.payload;
    if (start === 0 || at < start || at + length > start + this.payloadLength) return false;
    const transport = this.transportChecksumAt(false);
    for (let i = 0; i < length; i++) this.replace8(at + i, source[from + i], this.l4, transport);
    return true;
  }

  /** Overwrites the identifier of an ICMP or ICMPv6 echo. */
  setIcmpId(id: number): void {
    if (this.l4 !== 0) this.replace16(this.l4 + 4, id, 0, this.transportChecksumAt(false));
  }

  /**
   * Overwrites one 16-bit word at an even distance from the checksum's first byte, and corrects the checksums at
   * `checksumA` and `checksumB` (0 = none). The building block of every other setter.
   */
  replace16(at: number, word: number, checksumA: number, checksumB: number): void {
    if (at < 0 || at + 2 > this.size) return;
    const before = this.u16(at);
    if (before === word) return;
    this.store16(at, word);
    if (checksumA !== 0) this.correct(checksumA, before, word);
    if (checksumB !== 0) this.correct(checksumB, before, word);
    this.markAltered();
  }

  /** Overwrites one byte without touching any checksum (Ethernet addresses, tags). */
  setByte(at: number, value: number): void {
    if (at < 0 || at >= this.size || this.u8(at) === value) return;
    this.views.u8[this.base + at] = value;
    this.markAltered();
  }

  /**
   * Where the transport checksum stands, 0 = none that is present and in use. `pseudo`: only if it also covers the
   * addresses.
   */
  transportChecksumAt(pseudo: boolean): number {
    const l4 = this.l4;
    if (l4 === 0 || this.fragment === 2) return 0;
    let at = 0;
    switch (this.proto) {
      case PROTO_TCP:
        at = l4 + 16;
        break;
      case PROTO_UDP:
      case PROTO_UDPLITE:
        at = l4 + 6;
        // A zero UDP checksum means that the sender computed none (RFC 768).
        if (this.proto === PROTO_UDP && this.u16(at) === 0) return 0;
        break;
      case PROTO_ICMP:
        at = pseudo ? 0 : l4 + 2;
        break;
      case PROTO_ICMPV6:
        at = l4 + 2;
        break;
      case 33:
        at = l4 + 6;
        break;
    }
    return at !== 0 && at + 2 <= this.size ? at : 0;
  }

  private setPort(at: number, port: number): boolean {
    if (!this.hasPorts || this.proto === 132) return false;
    this.replace16(at, port, 0, this.transportChecksumAt(false));
    return true;
  }

  private replace8(at: number, value: number, checksumBase: number, checksum: number): void {
    const even = at - ((at - checksumBase) & 1);
    // The pair may straddle the end of the frame: the missing byte counts as zero, as it does in the checksum.
    const before = this.u16(even);
    const word = even === at ? (value << 8) | (before & 0xff) : (before & 0xff00) | value;
    if (before === word) return;
    this.views.u8[this.base + at] = value;
    if (checksum !== 0) this.correct(checksum, before, word);
    this.markAltered();
  }

  private correct(at: number, before: number, after: number): void {
    if (at + 2 > this.size) return;
    let checksum = updateChecksum(this.u16(at), before, after);
    // UDP writes a computed zero as all ones, because zero says "none".
    if (checksum === 0 && this.proto === PROTO_UDP && at === this.l4 + 6) checksum = 0xffff;
    this.store16(at, checksum);
  }

  private store16(at: number, word: number): void {
    this.views.u8[this.base + at] = word >>> 8;
    this.views.u8[this.base + at + 1] = word & 0xff;
  }

  private markAltered(): void {
    this.views.u16[(this.slot + S_FLAGS) >>> 1] |= SF_ALTERED;
  }
}
