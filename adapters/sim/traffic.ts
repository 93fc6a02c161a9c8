import type { Micros } from '../../domain/base/ids';
import type { Prng } from '../../domain/base/prng';

/**
 * Seeded traffic: many concurrent flows of real frames (Ethernet, IPv4, TCP or UDP, right checksums), in time order. TCP
 * flows shake hands, exchange data and close; UDP flows ask and answer. A flow is a function of its number and the seed,
 * so that any two runs see the same frames.
 */
export interface TrafficOptions {
  readonly prng: Prng;
  /** Flows in all. */
  readonly flows: number;
  /** New flows per second, evenly spaced in the mean (exponential gaps); a function of time where the load changes. */
  readonly flowsPerSecond: number | ((at: Micros) => number);
  /** Mean time between frames of one flow, microseconds (exponential gaps). */
  readonly meanGapUs: number;
  /** Data frames of a flow, both directions together: uniform in [min, max]. */
  readonly dataFrames: readonly [number, number];
  /** Payload bytes of a data frame. */
  readonly payload: number;
  /** Share of flows that are UDP, 0–1. */
  readonly udpShare: number;
  readonly start: Micros;
}

/** One frame as {@link TrafficSource.next} fills it in; reused. */
export interface TrafficFrame {
  time: Micros;
  /** 0: sent by the initiator, 1: by the responder. */
  side: number;
  /** Number of its flow, from 0. */
  flow: number;
  /** The frame, in the first `length` bytes. */
  readonly bytes: Uint8Array;
  length: number;
}

/** A flow under way. */
interface LiveFlow {
  readonly number: number;
  readonly udp: boolean;
  readonly frames: number;
  sent: number;
  due: Micros;
  /** Next TCP sequence number of initiator and responder. */
  readonly seq: [number, number];
}

const ETHERNET = 14;
const IPV4 = 20;
const TCP = 20;
const UDP = 8;
const SYN = 0x02;
const ACK = 0x10;
const PSH = 0x08;
const FIN = 0x01;
const PROTO_TCP = 6;
const PROTO_UDP = 17;

export class TrafficSource {
  private readonly starts: Prng;
  private readonly gaps: Prng;
  private readonly shapes: Prng;
  /** Min-heap by (due, number). */
  private readonly live: LiveFlow[] = [];
  private started = 0;
  private nextStart: Micros;

  constructor(private readonly options: TrafficOptions) {
    this.starts = options.prng.fork('starts');
    this.gaps = options.prng.fork('gaps');
    this.shapes = options.prng.fork('shapes');
    this.nextStart = options.start;
  }

  /** A frame for {@link next} to fill in. */
  frame(): TrafficFrame {
    return {
      time: 0,
      side: 0,
      flow: 0,
      length: 0,
      bytes: new Uint8Array(ETHERNET + IPV4 + TCP + this.options.payload),
    };
  }

  /** Flows that have begun and not ended. */
  get liveFlows(): number {
    return this.live.length;
  }

  /** Writes the next frame; false when all flows have ended. */
  next(frame: TrafficFrame): boolean {
    while (this.started < this.options.flows && (this.live.length === 0 || this.nextStart <= this.live[0]!.due)) {
      this.push(this.begin());
    }
    const flow = this.live[0];
    if (flow === undefined) return false;
    frame.time = flow.due;
    frame.flow = flow.number;
    if (flow.udp) this.writeUdp(flow, frame);
    else this.writeTcp(flow, frame);
    flow.sent++;
    this.pop();
    if (flow.sent < flow.frames) {
      flow.due += this.exponential(this.gaps, this.options.meanGapUs);
      this.push(flow);
    }
    return true;
  }

  private begin(): LiveFlow {
    const { dataFrames, udpShare, flowsPerSecond } = this.options;
    const number = this.started++;
    const due = this.nextStart;
    const rate = typeof flowsPerSecond === 'number' ? flowsPerSecond : flowsPerSecond(due);
    this.nextStart += this.exponential(this.starts, 1_000_000 / rate);
    const udp = this.shapes.unit() < udpShare;
    const data = dataFrames[0] + this.shapes.below(dataFrames[1] - dataFrames[0] + 1);
    return {
      number,
      udp,
      frames: udp ? Math.max(1, data) : data + 6,
      sent: 0,
      due,
      seq: [number * 7919, number * 104729],
    };
  }

  private exponential(prng: Prng, mean: number): number {
    return Math.max(1, Math.round(-Math.log(1 - prng.unit()) * mean));
  }

  private writeUdp(flow: LiveFlow, frame: TrafficFrame): void {
    const side = flow.sent & 1;
    const { payload } = this.options;
    frame.side = side;
    frame.length = ETHERNET + IPV4 + UDP + payload;
    this.writeNetwork(flow, frame, side, PROTO_UDP, UDP + payload);
    const at = ETHERNET + IPV4;
    put16(frame.bytes, at + 4, UDP + payload);
    put16(frame.bytes, at + 6, 0);
    this.writePayload(flow, frame, at + UDP, payload);
    finishChecksum(frame.bytes, PROTO_UDP, UDP + payload, at + 6);
  }

  /** Handshake (3), data with the sides taking turns, then FIN, FIN+ACK, ACK. */
  private writeTcp(flow: LiveFlow, frame: TrafficFrame): void {
    const last = flow.frames - 1;
    const { sent } = flow;
    let side = sent & 1;
    let flags = ACK | PSH;
    let payload = this.options.payload;
    if (sent < 3) {
      flags = sent === 0 ? SYN : sent === 1 ? SYN | ACK : ACK;
      payload = 0;
    } else if (sent >= last - 2) {
      side = sent === last - 1 ? 1 : 0;
      flags = sent === last ? ACK : FIN | ACK;
      payload = 0;
    }
    frame.side = side;
    frame.length = ETHERNET + IPV4 + TCP + payload;
    this.writeNetwork(flow, frame, side, PROTO_TCP, TCP + payload);
    this.writeTcpHeader(flow, frame, side, flags);
    this.writePayload(flow, frame, ETHERNET + IPV4 + TCP, payload);
    finishChecksum(frame.bytes, PROTO_TCP, TCP + payload, ETHERNET + IPV4 + 16);
    flow.seq[side] = (flow.seq[side]! + payload + ((flags & (SYN | FIN)) !== 0 ? 1 : 0)) >>> 0;
  }

  private writeTcpHeader(flow: LiveFlow, frame: TrafficFrame, side: number, flags: number): void {
    const at = ETHERNET + IPV4;
    put32(frame.bytes, at + 4, flow.seq[side]!);
    put32(frame.bytes, at + 8, (flags & ACK) !== 0 ? flow.seq[1 - side]! : 0);
    frame.bytes[at + 12] = 0x50;
    frame.bytes[at + 13] = flags;
    put16(frame.bytes, at + 14, 65535);
    put32(frame.bytes, at + 16, 0);
  }

  /** Ethernet and IPv4 headers and the ports: flow n is 10.n/240… : 1024 + n mod 60000 to 172.16.0.n mod 200 : 80 | 443 | 53. */
  private writeNetwork(flow: LiveFlow, frame: TrafficFrame, side: number, proto: number, length: number): void {
    const { bytes } = frame;
    const { number } = flow;
    const client = 0x0a000001 + Math.floor(number / 200);
    const server = 0xac100001 + (number % 200);
    const clientPort = 1024 + (number % 60_000);
    const serverPort = proto === PROTO_UDP ? 53 : number % 3 === 0 ? 80 : 443;
    bytes.set(side === 0 ? INITIATOR_MACS : RESPONDER_MACS, 0);
    put16(bytes, 12, 0x0800);
    put16(bytes, 14, 0x4500);
    put16(bytes, 16, IPV4 + length);
    put16(bytes, 18, (number + flow.sent) & 0xffff);
    put16(bytes, 20, 0x4000);
    put16(bytes, 22, (64 << 8) | proto);
    put16(bytes, 24, 0);
    put32(bytes, 26, side === 0 ? client : server);
    put32(bytes, 30, side === 0 ? server : client);
    put16(bytes, 24, internetChecksum(bytes, 14, IPV4, 0));
    put16(bytes, 34, side === 0 ? clientPort : serverPort);
    put16(bytes, 36, side === 0 ? serverPort : clientPort);
  }

  /** Payload that differs from frame to frame, so that no two frames of a run are the same bytes. */
  private writePayload(flow: LiveFlow, frame: TrafficFrame, at: number, length: number): void {
    frame.bytes.fill(flow.number & 0xff, at, at + length);
    if (length >= 8) {
      put32(frame.bytes, at, flow.number);
      put32(frame.bytes, at + 4, flow.sent);
    }
  }

  private push(flow: LiveFlow): void {
    const { live } = this;
    let index = live.length;
    live.push(flow);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!earlier(flow, live[parent]!)) break;
      live[index] = live[parent]!;
      index = parent;
    }
    live[index] = flow;
  }

  private pop(): void {
    const { live } = this;
    const last = live.pop()!;
    if (live.length === 0) return;
    let index = 0;
    for (let child = 1; child < live.length; child = 2 * index + 1) {
      if (child + 1 < live.length && earlier(live[child + 1]!, live[child]!)) child++;
      if (!earlier(live[child]!, last)) break;
      live[index] = live[child]!;
      index = child;
    }
    live[index] = last;
  }
}

/** Destination, then source. */
const INITIATOR_MACS = Uint8Array.from([0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1]);
const RESPONDER_MACS = Uint8Array.from([0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2]);

function earlier(a: LiveFlow, b: LiveFlow): boolean {
  return a.due < b.due || (a.due === b.due && a.number < b.number);
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16);
  put16(bytes, at + 2, value & 0xffff);
}

/** RFC 1071 over `length` bytes, starting from a partial `sum`. */
function internetChecksum(bytes: Uint8Array, at: number, length: number, sum: number): number {
  for (let i = 0; i < length; i += 2) sum += (bytes[at + i]! << 8) | (i + 1 < length ? bytes[at + i + 1]! : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The transport checksum with its pseudo-header (RFC 9293, RFC 768), stored at `at`. */
function finishChecksum(bytes: Uint8Array, proto: number, length: number, at: number): void {
  let sum = proto + length;
  for (let i = 26; i < 34; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  const checksum = internetChecksum(bytes, ETHERNET + IPV4, length, sum);
  put16(bytes, at, proto === PROTO_UDP && checksum === 0 ? 0xffff : checksum);
}
