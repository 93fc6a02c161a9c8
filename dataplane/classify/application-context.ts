import type { Micros } from '../../domain/base/ids';
import type { Arena } from '../frames/arena';
import {
  C_AUX,
  C_FLOW,
  C_KEY,
  C_STATE,
  C_SYN_SEQ,
  CS_B_INITIATES,
  CS_FLOW_REVERSED,
  CS_SLOW,
  CS_SYN,
  F_ID,
  K_PROTO,
  S_KEY,
  S_OFF,
  S_PAYLOAD,
  S_PAYLOAD_LEN,
  S_SRC_IS_B,
  S_TCP_FLAGS,
} from '../frames/layout';
import { PROTO_TCP, TCP_ACK, TCP_SYN } from '../headers/numbers';
import { Inspection } from './inspection';
import { keyEnd, keyScope } from './keys';
import type { NameKind } from './policies';
import type { Expectation } from './ports';
import type { Announcement, ApplicationProtocol, StreamEnd } from './protocols/protocol';
import { segmentAck, segmentSeq } from './tcp';

export interface ApplicationListener {
  announced(expectation: Expectation): void;
  named(slot: number, connection: number, kind: NameKind, name: string): void;
  recognised(connection: number, protocol: string): void;
}

/** Listens to connections for what their application says about others ([0067]); a connection's `C_AUX` leads here. */
export class ApplicationContext {
  private readonly byTransport = new Map<number, readonly ApplicationProtocol[]>();
  private readonly inspections: (Inspection | undefined)[] = [];
  private readonly free: number[] = [];
  /** Connections whose server's name a policy wants, until their inspection begins. */
  private readonly namesWanted = new Set<number>();
  /** The frame being heard, for listeners. */
  private slot = 0;
  private now: Micros = 0;

  constructor(
    private readonly arena: Arena,
    protocols: readonly ApplicationProtocol[],
    private readonly listener: ApplicationListener,
  ) {
    for (const protocol of protocols) {
      this.byTransport.set(protocol.transport, [...(this.byTransport.get(protocol.transport) ?? []), protocol]);
    }
  }

  /**
   * Whether a new connection must be listened to, judged by its first frame. Any TCP connection must, until its first
   * bytes have come; datagrams tell at once.
   */
  heeds(slot: number): boolean {
    const proto = this.arena.u8[slot + S_KEY + K_PROTO];
    const protocols = this.byTransport.get(proto);
    if (protocols === undefined || this.arena.u16[(slot + S_PAYLOAD) >>> 1] === 0) return false;
    if (proto === PROTO_TCP) return true;
    const payload = this.payload(slot);
    return payload.length > 0 && protocols.some((protocol) => protocol.recognise(payload, 0) === 'yes');
  }

  /** A policy wants to know which server this new connection asks for. */
  wantNames(connection: number): void {
    this.namesWanted.add(connection);
  }

  /** Hears a frame of a connection with `CS_SLOW`; clears that when there is nothing more to learn. */
  hear(slot: number, connection: number, now: Micros): void {
    const { arena } = this;
    if (arena.u16[(slot + S_PAYLOAD) >>> 1] === 0) return;
    this.slot = slot;
    this.now = now;
    const index = arena.i32[(connection + C_AUX) >>> 2];
    const inspection = index === -1 ? this.begin(slot, connection) : this.inspections[index];
    if (inspection === undefined) return;
    const state = arena.u32[(connection + C_STATE) >>> 2];
    const end = (arena.u8[slot + S_SRC_IS_B] === 1) === ((state & CS_B_INITIATES) !== 0) ? 0 : 1;
    if (arena.u8[slot + S_KEY + K_PROTO] === PROTO_TCP) this.hearSegment(inspection, slot, end);
    else inspection.datagram(end, this.payload(slot));
    if (!inspection.finished) return;
    arena.u32[(connection + C_STATE) >>> 2] &= ~CS_SLOW;
    this.forget(connection);
  }

  /** Lets go of what is known about a connection that has ended. */
  forget(connection: number): void {
    this.namesWanted.delete(connection);
    const at = (connection + C_AUX) >>> 2;
    const index = this.arena.i32[at];
    if (index === -1) return;
    this.arena.i32[at] = -1;
    this.inspections[index] = undefined;
    this.free.push(index);
  }

  private hearSegment(inspection: Inspection, slot: number, end: StreamEnd): void {
    const { arena } = this;
    const flags = arena.u8[slot + S_TCP_FLAGS];
    if ((flags & TCP_SYN) !== 0) inspection.begin(end, segmentSeq(arena, slot));
    if ((flags & TCP_ACK) !== 0) inspection.acknowledged(end, segmentAck(arena, slot));
    const payload = this.payload(slot);
    if (payload.length > 0) inspection.segment(end, segmentSeq(arena, slot), payload);
  }

  /** Begins to listen with the first payload, so that connections that never say anything cost nothing here. */
  private begin(slot: number, connection: number): Inspection | undefined {
    const { arena } = this;
    const state = arena.u32[(connection + C_STATE) >>> 2];
    const proto = arena.u8[slot + S_KEY + K_PROTO];
    if (arena.u16[(slot + S_PAYLOAD_LEN) >>> 1] === 0) return undefined;
    const inspection = new Inspection(this.byTransport.get(proto) ?? [], this.namesWanted.delete(connection), {
      recognised: (protocol) => this.listener.recognised(connection, protocol.name),
      announced: (protocol, announcement) => this.announced(connection, protocol, announcement),
      named: (kind, name) => this.listener.named(this.slot, connection, kind, name),
    });
    if (proto === PROTO_TCP && (state & CS_SYN) !== 0) inspection.begin(0, arena.u32[(connection + C_SYN_SEQ) >>> 2]);
    const index = this.free.pop() ?? this.inspections.length;
    this.inspections[index] = inspection;
    arena.i32[(connection + C_AUX) >>> 2] = index;
    return inspection;
  }

  /**
   * Turns an announcement into an expectation, if it can be believed: a speaker may announce its own address alone, so
   * that nobody can steer a stranger's connection (bounce attacks).
   */
  private announced(connection: number, protocol: ApplicationProtocol, announcement: Announcement): boolean {
    const { arena } = this;
    const key = connection + C_KEY;
    const state = arena.u32[(connection + C_STATE) >>> 2];
    const speakerIsB = (announcement.speaker === 0) === ((state & CS_B_INITIATES) !== 0);
    const speaker = keyEnd(arena, key, speakerIsB);
    const flow = arena.u32[(connection + C_FLOW) >>> 2];
    if (flow === 0 || (announcement.address !== undefined && announcement.address !== speaker.address)) return false;
    this.listener.announced({
      ...keyScope(arena, key),
      protocol: protocol.name,
      typeName: announcement.typeName,
      flowId: arena.u32[(flow + F_ID) >>> 2],
      proto: announcement.transport,
      endpoint: speaker.address,
      port: announcement.port,
      ...(announcement.anyPeer ? {} : { peer: keyEnd(arena, key, !speakerIsB).address }),
      either: announcement.either,
      towardsInitiator: (announcement.speaker === 0) !== ((state & CS_FLOW_REVERSED) !== 0),
      expiresAt: this.now + announcement.lifetimeUs,
    });
    return true;
  }

  private payload(slot: number): Uint8Array {
    const { arena } = this;
    const from = slot + arena.u32[(slot + S_OFF) >>> 2] + arena.u16[(slot + S_PAYLOAD) >>> 1];
    return arena.u8.subarray(from, from + arena.u16[(slot + S_PAYLOAD_LEN) >>> 1]);
  }
}
