import type { NodeRef } from '../../domain/base/ids';
import type { Expectation } from '../classify/ports';
import type { ConnectionTable } from '../flows/connection-table';
import {
  C_FIRST,
  C_FLOW,
  C_HASH,
  C_KEY,
  C_LAST,
  C_STATE,
  CS_SLOW,
  F_CONNS,
  F_COUNT,
  F_EMITTER,
  F_ID,
  F_NET_FWD,
  F_NET_REV,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_PATH,
  F_SEQ_FWD,
  F_SEQ_REV,
  F_SHADOW_FWD,
  F_SHADOW_REV,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FS_ENDED,
  FS_FULL_ROUTE,
  KEY_SIZE,
  S_FRAME_NO,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_TIME,
  SLOT_FRAME,
} from '../frames/layout';
import { CONTROL_CONNECTION, CONTROL_EXPECT, CONTROL_PASS, type ControlCursor } from './control-frames';
import { BYTES_RECEIVED, RECEIVED } from './counters';
import { HomeDuty, type CopySource } from './duty';
import { PHASE_OWNED } from './flow-side';
import type { Node } from './node';
import { readOrder, writeOrder } from './flow-order';

/** Arguments of `CONNECTION`. */
const BEGUN = 0;
const ENDED = 1;
/** Sent because the receiver asked for it; the number of its asking stands above. */
const COPY = 2;
const WHAT_BITS = 2;
/** Table places looked at together for copies, and copies sent to one INODE at each hello round, at most. */
const COPY_CHUNK = 64;
const COPY_BUDGET = 512;
const COPY_PLACES = 16_384;
/** A copied connection is ended by its owner's word, never by this node's idle clock: microseconds ahead. */
const NEVER_IDLE_US = 1e15;
/**
 * An heir numbers a flow's frames on from far ahead of where the dead INODE can have been, so that no window and no
 * exported state mistakes them for old ones.
 */
const SEQUENCE_LEAP = 0x1000_0000;

/**
 * Several INODEs on one network (DESIGN.md section 5). Each flow has one INODE at either end that stamps it and lets it
 * out, its *owner* there (`F_EMITTER`); the others hold copies of its entry and connections, and pass frames that reach
 * them to the owner, or, where they do not know the key, to its home ({@link HomeDuty}). When an owner dies, its flows
 * fall to the next INODE in the flow's order, which has the copies.
 */
export class Siblings implements CopySource {
  readonly duty: HomeDuty;

  constructor(
    private readonly node: Node,
    private readonly connections: ConnectionTable,
    /** Another INODE told of a flow, and may name nodes that are dead here. */
    private readonly told: (flow: number) => void,
  ) {
    this.duty = new HomeDuty(node, this);
  }

  /**
   * Sends a frame from an external network to the INODE that is to take it, for the `hops`th time; its slot is the
   * caller's still.
   */
  pass(address: number, to: NodeRef, hops: number): boolean {
    const { ctx, control, counters, ref, incarnation } = this.node;
    const { u8, u16, u32, f64 } = ctx.arena;
    if (!control.begin(incarnation)) return false;
    const start = address + u32[(address + S_OFF) >>> 2];
    const length = u32[(address + S_LEN) >>> 2];
    control.u16(u16[(address + S_NETWORK) >>> 1]);
    control.u32(u32[(address + S_FRAME_NO) >>> 2]);
    control.f64(f64[(address + S_TIME) >>> 3]);
    control.bytes(u8.subarray(start, start + length));
    control.carries(u32[(address + S_FRAME_NO) >>> 2], f64[(address + S_TIME) >>> 3], this.linkTo(to));
    if (!control.send(ref, to, CONTROL_PASS, hops)) return false;
    counters.hops.count(to, length);
    return true;
  }

  /** A frame passed by another INODE, in a slot of its own; −1 when none is free. */
  onPass(body: ControlCursor): number {
    const { ctx, counters } = this.node;
    const network = body.readU16();
    const frameNo = body.readU32();
    const time = body.readF64();
    const length = body.left;
    counters.values[RECEIVED]++;
    counters.values[BYTES_RECEIVED] += length;
    const slot = ctx.takeSlot();
    if (slot < 0) return slot;
    const address = ctx.slot(slot);
    const { u8, u16, u32, f64 } = ctx.arena;
    u16[(address + S_NETWORK) >>> 1] = network;
    u32[(address + S_FRAME_NO) >>> 2] = frameNo;
    f64[(address + S_TIME) >>> 3] = time;
    u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    u32[(address + S_LEN) >>> 2] = length;
    u8.copyWithin(address + SLOT_FRAME, body.position, body.position + length);
    return slot;
  }

  /** Tells the other INODEs of a connection and its flow, before its first frame goes on. */
  announce(connection: number): void {
    for (const peer of this.peers()) this.sendConnection(connection, peer, BEGUN);
  }

  copyTo(peer: NodeRef, from: number, asking: number, sent: () => void): number {
    const { u32 } = this.node.ctx.arena;
    const what = COPY | (asking << WHAT_BITS);
    let copies = 0;
    let cursor = from;
    for (let places = 0; places < COPY_PLACES && copies < COPY_BUDGET; places += COPY_CHUNK) {
      let lost = false;
      const next = this.connections.scan(cursor, COPY_CHUNK, (connection) => {
        const flow = u32[(connection + C_FLOW) >>> 2];
        if (lost || flow === 0 || !this.node.emits(flow)) return;
        lost = !this.sendConnection(connection, peer, what);
        if (lost) return;
        copies++;
        sent();
      });
      // The ring is full: what was sent of this chunk goes again, in the next round.
      if (lost) return cursor;
      if (next === 0) return -1;
      cursor = next;
    }
    return cursor;
  }

  /** Tells the other INODEs that a connection of a flow that this node owns is over. */
  retract(connection: number, hash: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    if (u16[(u32[(connection + C_FLOW) >>> 2] + F_EMITTER) >>> 1] !== this.node.ref) return;
    for (const peer of this.peers()) {
      if (!this.node.control.begin(this.node.incarnation)) return;
      this.writeKey(connection, hash);
      this.node.control.send(this.node.ref, peer, CONTROL_CONNECTION, ENDED);
    }
  }

  /** Another INODE's word about a connection; returns the entry that is to be ended, else 0. */
  onConnection(body: ControlCursor, from: NodeRef, argument: number): number {
    const { ctx } = this.node;
    const { u32, f64 } = ctx.arena;
    const hash = body.readU32();
    const state = body.readU32();
    const key = body.position;
    body.skip(KEY_SIZE);
    const known = this.connections.findKey(key, hash);
    if (argument === ENDED) {
      this.heardEnd(known);
      return known;
    }
    const flow = this.readFlow(body);
    const connection = known !== 0 ? known : this.connections.insertKey(key, hash);
    if (flow === 0 || connection === 0) return 0;
    if ((argument & COPY) !== 0) this.duty.received(from, argument >>> WHAT_BITS);
    // Control streams are read by the owner alone, to which their frames are passed.
    u32[(connection + C_STATE) >>> 2] = state & ~CS_SLOW;
    f64[(connection + C_FIRST) >>> 3] = ctx.now;
    f64[(connection + C_LAST) >>> 3] = ctx.now + NEVER_IDLE_US;
    if (u32[(connection + C_FLOW) >>> 2] !== flow) {
      u32[(connection + C_FLOW) >>> 2] = flow;
      u32[(flow + F_CONNS) >>> 2]++;
    }
    return 0;
  }

  /** The owner's word: a copy of a flow goes with its last connection. */
  private heardEnd(connection: number): void {
    const { u32 } = this.node.ctx.arena;
    const flow = connection === 0 ? 0 : u32[(connection + C_FLOW) >>> 2];
    if (flow === 0 || this.node.emits(flow) || u32[(flow + F_CONNS) >>> 2] !== 1) return;
    this.node.setState(flow, FS_ENDED);
  }

  /** A frame touched a copied connection on its way to the owner, whose clock alone ends it. */
  keepCopy(connection: number): void {
    const { ctx } = this.node;
    ctx.arena.f64[(connection + C_LAST) >>> 3] = ctx.now + NEVER_IDLE_US;
  }

  /** Tells the other INODEs of a connection that an application announced. */
  tellExpectation(expectation: Expectation): void {
    const text = new TextEncoder().encode(JSON.stringify(expectation));
    for (const peer of this.peers()) {
      if (!this.node.control.begin(this.node.incarnation)) return;
      this.node.control.bytes(text);
      this.node.control.send(this.node.ref, peer, CONTROL_EXPECT, 0);
    }
  }

  onExpectation(body: ControlCursor): Expectation {
    return JSON.parse(new TextDecoder().decode(body.readBytes(body.left))) as Expectation;
  }

  /** An INODE died and flows of it have fallen to this node: they count, and end, as its own from now on. */
  inherit(flow: number): void {
    const { u8, u32 } = this.node.ctx.arena;
    const aux = this.node.aux(flow);
    u32[(flow + F_SEQ_FWD) >>> 2] += SEQUENCE_LEAP;
    u32[(flow + F_SEQ_REV) >>> 2] += SEQUENCE_LEAP;
    const isElsewhere = this.node.side.position[aux] !== this.node.ownersPlace(flow);
    if (isElsewhere || (this.node.side.phase[aux] & PHASE_OWNED) !== 0) return;
    this.node.side.phase[aux] |= PHASE_OWNED;
    this.node.ownedByWire[u8[flow + F_WIRE]]++;
  }

  /** After deaths: copied connections whose flow this node owns now begin to age. */
  adoptConnections(): void {
    const { u32, f64 } = this.node.ctx.arena;
    const { now } = this.node.ctx;
    this.connections.scan(0, Number.MAX_SAFE_INTEGER, (connection) => {
      const flow = u32[(connection + C_FLOW) >>> 2];
      if (flow === 0 || !this.node.emits(flow)) return;
      const last = (connection + C_LAST) >>> 3;
      if (f64[last] > now) f64[last] = now;
    });
  }

  /** The other live INODEs of the cluster, which hold copies of this one's entries. */
  peers(): readonly NodeRef[] {
    return this.duty.peers();
  }

  private linkTo(peer: NodeRef): number {
    return this.node.ctx.topologies.latest?.linkBetween(this.node.ref, peer, true)?.id ?? 0;
  }

  private sendConnection(connection: number, peer: NodeRef, what: number): boolean {
    if (!this.node.control.begin(this.node.incarnation)) return false;
    this.writeKey(connection, this.node.ctx.arena.u32[(connection + C_HASH) >>> 2]);
    this.writeFlow(this.node.ctx.arena.u32[(connection + C_FLOW) >>> 2]);
    return this.node.control.send(this.node.ref, peer, CONTROL_CONNECTION, what);
  }

  private writeKey(connection: number, hash: number): void {
    const { u8, u32 } = this.node.ctx.arena;
    const { control } = this.node;
    control.u32(hash);
    control.u32(u32[(connection + C_STATE) >>> 2]);
    control.bytes(u8.subarray(connection + C_KEY, connection + C_KEY + KEY_SIZE));
  }

  private writeFlow(flow: number): void {
    const { ctx, control, side } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    const aux = this.node.aux(flow);
    const count = u8[flow + F_COUNT];
    control.u32(u32[(flow + F_ID) >>> 2]);
    control.u16(u16[(flow + F_TYPE) >>> 1]);
    control.u8(u8[flow + F_WIRE]);
    control.u8(side.position[aux]);
    control.u16(side.path[aux]);
    control.u8((u32[(flow + F_STATE) >>> 2] & FS_FULL_ROUTE) !== 0 ? 1 : 0);
    control.u8(count);
    for (const ref of ctx.paths.read(u32[(flow + F_PATH) >>> 2], count)) control.u16(ref);
    for (const field of COPIED) control.u16(u16[(flow + field) >>> 1]);
    control.u32(u32[(flow + F_SEQ_FWD) >>> 2]);
    control.u32(u32[(flow + F_SEQ_REV) >>> 2]);
    writeOrder(control, side.order[aux] ?? []);
  }

  private readFlow(body: ControlCursor): number {
    const { ctx } = this.node;
    const { u16, u32 } = ctx.arena;
    const id = body.readU32();
    const type = body.readU16();
    const view = ctx.topologies.of(body.readU8());
    const position = body.readU8();
    const path = body.readU16();
    const full = body.readU8() === 1;
    const count = body.readU8();
    const route = Array.from({ length: count }, () => body.readU16());
    const known = this.node.flows.find(id);
    if (known !== 0) this.complete(known, full ? route : [], body);
    if (known !== 0 || view === undefined) return known;
    const flow = this.node.insertFlow(id, type, view, route, position);
    if (flow === 0) return 0;
    for (const field of COPIED) u16[(flow + field) >>> 1] = body.readU16();
    u32[(flow + F_SEQ_FWD) >>> 2] = body.readU32();
    u32[(flow + F_SEQ_REV) >>> 2] = body.readU32();
    this.node.side.path[this.node.aux(flow)] = path;
    const order = readOrder(body);
    if (order.length > 0) this.node.side.order[this.node.aux(flow)] = order;
    if (full) this.node.setState(flow, FS_FULL_ROUTE);
    this.told(flow);
    return flow;
  }

  /**
   * What a copy still lacks, because the flow's first frame had not come round to its owner when that told of it first: who is
   * next on the way back, and the route that the hops chose.
   */
  private complete(flow: number, route: readonly NodeRef[], body: ControlCursor): void {
    const { u8, u16, u32 } = this.node.ctx.arena;
    if (this.node.emits(flow)) return;
    for (const field of COPIED) {
      const value = body.readU16();
      if (u16[(flow + field) >>> 1] === 0) u16[(flow + field) >>> 1] = value;
    }
    const isOpen = (u32[(flow + F_STATE) >>> 2] & FS_FULL_ROUTE) === 0;
    if (isOpen && route.length === u8[flow + F_COUNT] && this.node.setRoute(flow, route))
      this.node.setState(flow, FS_FULL_ROUTE);
    this.told(flow);
  }
}

/** What a copy of a flow's entry is made of, besides identity and route: all u16. */
const COPIED = [F_NEXT_FWD, F_SHADOW_FWD, F_NEXT_REV, F_SHADOW_REV, F_NET_FWD, F_NET_REV, F_EMITTER] as const;
