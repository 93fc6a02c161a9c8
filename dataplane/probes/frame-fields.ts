import { descriptorAt, isMarked } from '../descriptor/place';
import type { Arena } from '../frames/arena';
import { D_FLAGS, D_FLOW_ID, D_FLOW_TYPE, D_MACS } from '../frames/layout';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, isVlanTag } from '../headers/numbers';

const TAGS_MAX = 4;
const IPV6_HEADER = 40;
const NEXT_FRAGMENT = 44;
const PORT_PROTOCOLS = new Set([6, 17, 132]);

/** What filters ask of a frame, read once for all of them; the fields are used again for the next frame. */
export class FrameFields {
  readonly u8: Uint8Array;
  /** Bytes without a descriptor. */
  length = 0;
  /** Where the frame's own destination and source MAC lie. */
  macs = 0;
  etherType = 0;
  tags = 0;
  readonly vlans = new Int32Array(TAGS_MAX);
  /** 4, 6, or 0 = no IP. */
  version = 0;
  source = 0;
  destination = 0;
  proto = -1;
  /** −1 = none: another protocol, or not the first fragment. */
  sourcePort = -1;
  destinationPort = -1;
  hasDescriptor = false;
  flow = -1;
  flowType = -1;
  flags = 0;
  private readonly view: DataView;

  constructor({ u8, view }: Pick<Arena, 'u8' | 'view'>) {
    this.u8 = u8;
    this.view = view;
  }

  /** Reads the frame of `length` bytes at `start`; `isSealed` where a descriptor ends it. */
  read(start: number, length: number, isSealed: boolean): void {
    this.length = length;
    this.macs = start;
    this.version = 0;
    this.proto = this.sourcePort = this.destinationPort = -1;
    this.flow = this.flowType = -1;
    this.flags = 0;
    this.hasDescriptor = false;
    if (isSealed) this.readDescriptor(start, length);
    this.readNetwork(start, start + this.length);
  }

  private readDescriptor(start: number, length: number): void {
    const { u8, view } = this;
    const at = descriptorAt(u8, start, length);
    if (at === 0 || !isMarked(u8, at)) return;
    this.hasDescriptor = true;
    this.length = at - start;
    this.flow = view.getUint32(at + D_FLOW_ID);
    this.flowType = view.getUint16(at + D_FLOW_TYPE);
    this.flags = u8[at + D_FLAGS]!;
    // Control frames are the node's own.
    if (this.flowType !== 0) this.macs = at + D_MACS;
  }

  private readNetwork(start: number, end: number): void {
    const { view } = this;
    let at = start + 12;
    this.tags = 0;
    this.etherType = at + 2 <= end ? view.getUint16(at) : 0;
    while (isVlanTag(this.etherType) && this.tags < TAGS_MAX && at + 6 <= end) {
      this.vlans[this.tags++] = view.getUint16(at + 2) & 0xfff;
      at += 4;
      this.etherType = view.getUint16(at);
    }
    at += 2;
    if (this.etherType === ETHERTYPE_IPV4) this.readIpv4(at, end);
    else if (this.etherType === ETHERTYPE_IPV6) this.readIpv6(at, end);
  }

  private readIpv4(at: number, end: number): void {
    const { u8, view } = this;
    if (at + 20 > end || u8[at]! >>> 4 !== 4) return;
    this.version = 4;
    this.proto = u8[at + 9]!;
    this.source = at + 12;
    this.destination = at + 16;
    if ((view.getUint16(at + 6) & 0x1fff) === 0) this.readPorts(at + 4 * (u8[at]! & 15), end);
  }

  /** Extension headers but for that of fragments are not passed over, as in pcap-filter. */
  private readIpv6(at: number, end: number): void {
    const { u8, view } = this;
    if (at + IPV6_HEADER > end || u8[at]! >>> 4 !== 6) return;
    this.version = 6;
    this.proto = u8[at + 6]!;
    this.source = at + 8;
    this.destination = at + 24;
    let next = at + IPV6_HEADER;
    if (this.proto === NEXT_FRAGMENT && next + 8 <= end) {
      this.proto = u8[next]!;
      if ((view.getUint16(next + 2) & 0xfff8) !== 0) return;
      next += 8;
    }
    this.readPorts(next, end);
  }

  private readPorts(at: number, end: number): void {
    if (!PORT_PROTOCOLS.has(this.proto) || at + 4 > end) return;
    this.sourcePort = this.view.getUint16(at);
    this.destinationPort = this.view.getUint16(at + 2);
  }
}
