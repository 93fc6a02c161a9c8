import type { NodeRef } from '../../domain/base/ids';
import { trailerV1 } from '../descriptor/codec';
import { macOf } from '../descriptor/node-table';
import {
  FRAME_MAX,
  S_DESC_LEN,
  S_DESCRIPTOR,
  S_FLOW,
  S_FRAME_NO,
  S_LEN,
  S_LINK,
  S_OFF,
  S_SEQ,
  S_SHADOW,
  S_TIME,
  S_TO,
  SLOT_FRAME,
} from '../frames/layout';
import type { GroupContext } from './context';

/**
 * Control frames between neighbours, in band: flow type 0, sequence 0, no path ([0057]: hello). The kind travels in the
 * high byte of the flow ID. The frame is an Ethernet frame of the local experimental EtherType 0x88B5 whose payload
 * begins with the sender's incarnation (u32); all integers are big-endian.
 */
export const CONTROL_HELLO = 1;
/** A flow's state for its new backup. */
export const CONTROL_EXPORT = 2;
/** The new backup now gets every frame of the flow directly: what waited may be processed. */
export const CONTROL_IN_STEP = 3;
/** A shadow asks the emitter for a flow's state. */
export const CONTROL_WANT = 4;
/** A flow ended: forget it, and pass this on. */
export const CONTROL_END = 5;
/** Shared state of an `exported` function, and its acknowledgement. */
export const CONTROL_DELTA = 6;
export const CONTROL_ACK = 7;
/** A frame from an external network for the INODE that is its key's home. */
export const CONTROL_PASS = 8;
/** A connection and its flow, for the INODE that stands in when this one dies. */
export const CONTROL_CONNECTION = 9;
/** A connection that an application announced. */
export const CONTROL_EXPECT = 10;
/** A flow's explicit entry, or the change of its wire ID, and its acknowledgement by all behind the sender. */
export const CONTROL_REPIN = 11;
export const CONTROL_REPINNED = 12;
/** The next hop that a node chose for a flow, for the sibling that stands in when this node dies. */
export const CONTROL_CHOICE = 13;
/** A live flow moves to another member of its cluster; the argument is the step ({@link FlowMoves}). */
export const CONTROL_MOVE = 14;
/** A flow leaves out clusters on its path; the argument is the step ({@link Detours}). */
export const CONTROL_DETOUR = 15;
/** What a primary has processed of its flows, for their backup. */
export const CONTROL_DIGEST = 16;
/** A frame that opens a secondary flow, on its way to the INODE that classifies it, and that INODE's answer. */
export const CONTROL_OFFER = 17;
export const CONTROL_GRANT = 18;
/** Between INODEs of one cluster: one asks for copies, all are sent, one is in step. */
export const CONTROL_DUTY = 20;

/** What the sender knows of floods, when it has changed. */
export const CONTROL_FLOOD = 21;
/** Between INODEs of one cluster: the sender carried the first fragment of a datagram. */
export const CONTROL_FIRST_FRAGMENT = 22;
/** A live flow takes other modes of its clusters; the argument is the step ({@link ModeChanges}). */
export const CONTROL_MODES = 23;
/** Between INODEs of one cluster: where a neighbour on a layer-3 network is. */
export const CONTROL_NEIGHBOUR = 24;
/** Between INODEs of one cluster: behind which network of a bridge domain a station stands. */
export const CONTROL_STATION = 25;

/** Control frames by kind, in words for people. */
export const CONTROL_NAMES: Readonly<Record<number, string>> = {
  [CONTROL_HELLO]: 'hello',
  [CONTROL_EXPORT]: 'export',
  [CONTROL_IN_STEP]: 'in step',
  [CONTROL_WANT]: 'want',
  [CONTROL_END]: 'end',
  [CONTROL_DELTA]: 'delta',
  [CONTROL_ACK]: 'ack',
  [CONTROL_PASS]: 'pass',
  [CONTROL_CONNECTION]: 'connection',
  [CONTROL_EXPECT]: 'expect',
  [CONTROL_REPIN]: 'repin',
  [CONTROL_REPINNED]: 'repinned',
  [CONTROL_CHOICE]: 'choice',
  [CONTROL_MOVE]: 'move',
  [CONTROL_DETOUR]: 'detour',
  [CONTROL_DIGEST]: 'digest',
  [CONTROL_OFFER]: 'offer',
  [CONTROL_GRANT]: 'grant',
  [CONTROL_DUTY]: 'duty',
  [CONTROL_FLOOD]: 'flood',
  [CONTROL_FIRST_FRAGMENT]: 'first fragment',
  [CONTROL_MODES]: 'modes',
  [CONTROL_NEIGHBOUR]: 'neighbour',
  [CONTROL_STATION]: 'station',
};

const ETHERTYPE_LOCAL = 0x88b5;
const HEADER = 14;
/** Longest body of a control frame. */
export const CONTROL_BODY_MAX = FRAME_MAX - HEADER - 4 - 256;

/** Writes and reads the bodies of control frames: one cursor per node, moved over slots, never allocated per frame. */
export class ControlCursor {
  private at = 0;
  private start = 0;
  private slotNumber = -1;
  private address = 0;

  private readonly list: number;

  constructor(private readonly ctx: GroupContext) {
    this.list = ctx.allocateList(1);
  }

  /** Begins a frame; false when no slot is free. */
  begin(incarnation: number): boolean {
    this.slotNumber = this.ctx.takeSlot();
    if (this.slotNumber < 0) return false;
    this.address = this.ctx.slot(this.slotNumber);
    this.start = this.address + SLOT_FRAME;
    this.at = this.start + HEADER;
    this.u32(incarnation);
    return true;
  }

  /** The frame begun carries traffic (`PASS`): taps shall know which frame, of what time, over which link. */
  carries(frameNo: number, time: number, link: number): void {
    const { u16, u32, f64 } = this.ctx.arena;
    u32[(this.address + S_FRAME_NO) >>> 2] = frameNo;
    f64[(this.address + S_TIME) >>> 3] = time;
    u16[(this.address + S_LINK) >>> 1] = link;
  }

  /**
   * Signs and sends the frame begun, as `kind` with a 24-bit argument; false when it could not be handed over (it is
   * lost then, as on any link).
   */
  send(from: NodeRef, to: NodeRef, kind: number, argument: number): boolean {
    const { u8, u16, u32, view } = this.ctx.arena;
    u32[(this.address + S_OFF) >>> 2] = SLOT_FRAME;
    u32[(this.address + S_LEN) >>> 2] = this.at - this.start;
    u8.set(macOf(to), this.start);
    u8.set(macOf(from), this.start + 6);
    view.setUint16(this.start + 12, ETHERTYPE_LOCAL);
    const descriptor = u8.subarray(this.address + S_DESCRIPTOR, this.address + S_DESCRIPTOR + 64);
    const length = trailerV1.encode(
      {
        destination: macOf(to),
        source: macOf(from),
        flags: 0,
        wireId: 0,
        flowType: 0,
        flowId: ((kind << 24) | argument) >>> 0,
        sequence: 0,
        ingressTime: 0,
        path: [],
      },
      descriptor,
    );
    u16[(this.address + S_DESC_LEN) >>> 1] = length;
    u16[(this.address + S_TO) >>> 1] = to;
    u16[(this.address + S_SHADOW) >>> 1] = 0;
    u32[(this.address + S_SEQ) >>> 2] = 0;
    u32[(this.address + S_FLOW) >>> 2] = 0;
    this.ctx.kernels.seal(from, this.ctx.one(this.list, this.slotNumber), 1);
    if (!this.ctx.hand(this.slotNumber, this.address, from)) {
      this.ctx.slots.free(this.slotNumber);
      return false;
    }
    if (kind === CONTROL_PASS) this.ctx.observe('sent', this.address, from, to);
    else if (this.ctx.probes.isActive) this.ctx.probes.sentControl(this.address, from, to);
    return true;
  }

  /** Points at the body of a received control frame (opened by the kernels); returns the sender's incarnation. */
  read(address: number): number {
    this.address = address;
    this.start = address + this.ctx.arena.u32[(address + S_OFF) >>> 2];
    this.at = this.start + HEADER;
    return this.readU32();
  }

  /** Bytes of the body not read yet. */
  get left(): number {
    return this.start + this.ctx.arena.u32[(this.address + S_LEN) >>> 2] - this.at;
  }

  u8(value: number): void {
    this.ctx.arena.u8[this.at++] = value;
  }

  u16(value: number): void {
    this.ctx.arena.view.setUint16(this.at, value);
    this.at += 2;
  }

  u32(value: number): void {
    this.ctx.arena.view.setUint32(this.at, value);
    this.at += 4;
  }

  f64(value: number): void {
    this.ctx.arena.view.setFloat64(this.at, value);
    this.at += 8;
  }

  bytes(source: Uint8Array): void {
    this.ctx.arena.u8.set(source, this.at);
    this.at += source.length;
  }

  readU8(): number {
    return this.ctx.arena.u8[this.at++];
  }

  readU16(): number {
    this.at += 2;
    return this.ctx.arena.view.getUint16(this.at - 2);
  }

  readU32(): number {
    this.at += 4;
    return this.ctx.arena.view.getUint32(this.at - 4);
  }

  readF64(): number {
    this.at += 8;
    return this.ctx.arena.view.getFloat64(this.at - 8);
  }

  /** Byte address of what is read next. */
  get position(): number {
    return this.at;
  }

  skip(length: number): void {
    this.at += length;
  }

  /** A copy of the next `length` bytes. */
  readBytes(length: number): Uint8Array {
    this.at += length;
    return this.ctx.arena.u8.slice(this.at - length, this.at);
  }
}
