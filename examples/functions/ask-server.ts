/**
 * A packet function that opens flows of its own: it asks a server outside the grid about each client before it lets the
 * client's flows pass, as an access point asks RADIUS. It uses nothing but the public interface. In a grid file:
 *
 *     function:
 *       name: module
 *       config:
 *         path: ../dist/examples/functions/ask-server.js
 *         server: 10.9.0.53
 *         serverPort: 1812
 *         address: 10.0.0.9
 *         ports: 40000
 *         meanwhile: drop
 *
 * The question is the UDP datagram `may 10.0.0.1`, from `address`; the port is `ports` plus the number of the node, so that
 * the members of a cluster open different connections. The server answers `yes 10.0.0.1` or `no 10.0.0.1`. Until then the
 * client's frames are dropped, or pass, and each asks again. What leads to `server` must lead out where the client's frames do.
 *
 * What one flow is told decides about others, and nothing of it can be handed over: a node that takes flows over asks anew.
 */
import {
  CONSUME,
  FORWARD,
  PROTO_UDP,
  drop,
  type Emitter,
  type FlowView,
  type FrameView,
  type FunctionConfig,
  type FunctionContext,
  type FunctionDefinition,
  type PacketFunction,
  type Verdict,
} from '../../dataplane/functions';

const NOT_ADMITTED = drop(0);
const CLIENTS_MAX = 65_536;
const IP_HEADER = 20;
const UDP_HEADER = 8;
/** Node IDs, and so source ports of one cluster, end here. */
const NODES = 127;
/** Longest answer that is read, bytes. */
const ANSWER_MAX = 32;

class AskServer implements PacketFunction {
  readonly stateKind = 'opaque';
  readonly reads = 'headers';
  readonly emits = 'mapped';
  readonly dropReasons = ['not-admitted'];

  private readonly emitter: Emitter;
  private readonly server: number;
  private readonly serverPort: number;
  private readonly address: number;
  private readonly ports: number;
  private readonly port: number;
  private readonly meanwhile: Verdict;
  /** What the server said, by client. */
  private readonly told = new Map<number, boolean>();
  private asked = 0;
  private answered = 0;

  constructor(config: FunctionConfig, { emitter, node }: FunctionContext) {
    this.emitter = emitter;
    this.server = addressIn(config, 'server');
    this.serverPort = config.integer('serverPort', 1, 65_535);
    this.address = addressIn(config, 'address');
    this.ports = config.integer('ports', 1, 65_535 - NODES);
    this.port = this.ports + (node & NODES);
    this.meanwhile = config.oneOf('meanwhile', ['drop', 'pass'], 'drop') === 'pass' ? FORWARD : NOT_ADMITTED;
  }

  process(frame: FrameView, flow: FlowView): Verdict {
    if (frame.ip !== 4) return FORWARD;
    if (this.isAnswer(frame)) {
      this.learn(frame);
      return CONSUME;
    }
    if (flow.reverse) return FORWARD;
    const client = frame.u32(frame.sourceAddressAt);
    const verdict = this.told.get(client);
    if (verdict === undefined) this.ask(frame, client);
    return verdict === undefined ? this.meanwhile : verdict ? FORWARD : NOT_ADMITTED;
  }

  counted(): { readonly asked: number; readonly answered: number } {
    return { asked: this.asked, answered: this.answered };
  }

  private isAnswer(frame: FrameView): boolean {
    const { destinationPort } = frame;
    return (
      frame.proto === PROTO_UDP &&
      frame.hasPorts &&
      frame.sourcePort === this.serverPort &&
      destinationPort > this.ports &&
      destinationPort <= this.ports + NODES &&
      frame.u32(frame.sourceAddressAt) === this.server
    );
  }

  private learn(frame: FrameView): void {
    let text = '';
    for (let i = 0; i < Math.min(frame.payloadLength, ANSWER_MAX); i++) {
      text += String.fromCharCode(frame.u8(frame.payload + i));
    }
    const [word, address = ''] = text.split(' ');
    const client = numberOf(address);
    if (client === undefined || (word !== 'yes' && word !== 'no')) return;
    this.answered++;
    if (this.told.size >= CLIENTS_MAX) this.told.delete(this.told.keys().next().value as number);
    this.told.set(client, word === 'yes');
  }

  /** Sends the question in the frame's own Ethernet header: the server is where the frame goes. */
  private ask(frame: FrameView, client: number): void {
    const payload = `may ${textOf(client)}`;
    const length = frame.l3 + IP_HEADER + UDP_HEADER + payload.length;
    const made = this.emitter.create(length);
    if (made === undefined) return;
    const bytes = made.bytes.subarray(made.offset, made.offset + length);
    bytes.set(frame.bytes.subarray(frame.offset, frame.offset + frame.l3));
    const view = new DataView(bytes.buffer, bytes.byteOffset + frame.l3);
    view.setUint8(0, 0x45);
    view.setUint16(2, length - frame.l3);
    view.setUint8(8, 64);
    view.setUint8(9, PROTO_UDP);
    view.setUint32(12, this.address);
    view.setUint32(16, this.server);
    view.setUint16(10, checksumOf(view));
    view.setUint16(IP_HEADER, this.port);
    view.setUint16(IP_HEADER + 2, this.serverPort);
    // No UDP checksum, as IPv4 allows.
    view.setUint16(IP_HEADER + 4, UDP_HEADER + payload.length);
    for (let i = 0; i < payload.length; i++) view.setUint8(IP_HEADER + UDP_HEADER + i, payload.charCodeAt(i));
    this.emitter.sendMapped('onward');
    this.asked++;
  }
}

function addressIn(config: FunctionConfig, name: string): number {
  const address = numberOf(config.string(name));
  return address ?? config.fail(name, 'is no IPv4 address', 'for example 10.9.0.53');
}

function numberOf(text: string): number | undefined {
  const parts = text.split('.').map(Number);
  const isAddress = parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part < 256);
  return isAddress ? parts.reduce((address, part) => address * 256 + part, 0) : undefined;
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** Internet checksum (RFC 1071) of the IPv4 header, its own field being zero. */
function checksumOf(header: DataView): number {
  let sum = 0;
  for (let at = 0; at < IP_HEADER; at += 2) sum += header.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export const definition: FunctionDefinition = {
  name: 'ask-server',
  summary: 'asks a server about each client before it lets the client pass',
  create: (config, context) => new AskServer(config, context),
};
