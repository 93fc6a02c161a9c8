import { mix32 } from '../../domain/base/hash';
import { nodeOf, type FlowId } from '../../domain/base/ids';
import { parseAddress } from '../classify/addresses';
import type { FlowView } from './flow-view';
import { type FrameView, PROTO_ICMP, PROTO_TCP, PROTO_UDP, PROTO_UDPLITE } from './frame-view';
import {
  FORWARD,
  type FunctionConfig,
  type FunctionContext,
  type FunctionDefinition,
  type PacketFunction,
  type Verdict,
  drop,
} from './function';
import { PrefixSet } from './matching';
import { quotedPacketAt, replaceQuotedAddress, replaceQuotedPort, type Quoted } from './icmp-quote';
import { PortPool } from './port-pool';
import { decodeState, encodeState } from './state-codec';

const NO_PORT = drop(0);
const NO_MAPPING = drop(1);
const NOT_TRANSLATABLE = drop(2);
const NEEDS_ENTRY = drop(3);

const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;

/** One translated end: the inside end, and the end that the outside sees in its place. */
interface Mapping {
  readonly proto: number;
  readonly inside: number;
  readonly insidePort: number;
  readonly outside: number;
  readonly outsidePort: number;
}

/** A flow's translations, found from either side. */
interface FlowNat {
  /** By {@link endKey} of the inside end. */
  readonly outward: Map<number, Mapping>;
  /** By {@link endKey} of the outside end. */
  readonly inward: Map<number, Mapping>;
  /** The newest one: what later fragments, which have no ports, go by. */
  last: Mapping | undefined;
}

type MappingRow = readonly [proto: number, inside: number, insidePort: number, outside: number, outsidePort: number];
type NatDelta = readonly (readonly [flow: FlowId, ...mapping: MappingRow])[];

/**
 * `nat`: IPv4 source NAT. Frames in the flow's direction from an `inside` address leave with one of the `addresses` and
 * a port of this member's own block; frames in reverse get the inside end back. TCP, UDP, UDP-Lite, DCCP, ICMP echoes
 * (by identifier) and ICMP errors with the packet that they quote, in both directions. One port for each inside
 * end and flow: a member cannot know what the others gave the same inside host for its other flows.
 *
 * `exported`: a mapping leaves as a delta, and the frame that made it waits for the backup to have it. Members own
 * disjoint port blocks, halved between odd and even incarnations, so that a member that returns cannot give out what
 * its successor took over.
 *
 * A flow that nobody remembers (flood guard) is refused: its replies would be looked for by the translated ends, which tell
 * nobody where it went, and nothing would ever give its port back. It is translated when it gets an entry.
 */
export const nat: FunctionDefinition = {
  name: 'nat',
  summary: 'IPv4 source NAT with port allocation; every member owns a block of ports',
  create: (config, context) => new SourceNat(config, context),
};

class SourceNat implements PacketFunction {
  readonly stateKind = 'exported';
  readonly reads = 'headers';
  readonly dropReasons = ['nat-no-port', 'nat-no-mapping', 'nat-not-translatable', 'nat-needs-entry'];

  private readonly addresses: readonly number[];
  private readonly insidePrefixes: PrefixSet;
  private readonly others: Verdict;
  /** By protocol and index of the address. */
  private readonly pools = new Map<number, PortPool>();
  private readonly block: { first: number; count: number };
  private readonly flows = new Map<number, FlowNat>();
  private readonly scratch = new Uint8Array(4);
  private readonly quoted: Quoted = { ip: 0, l4: 0, proto: 0 };
  private delta: NatDelta[number][] = [];

  constructor(config: FunctionConfig, context: FunctionContext) {
    this.addresses = config.strings('addresses').map((text, index) => {
      const address = text.includes(':') ? undefined : parseAddress(text);
      if (address === undefined)
        config.fail(`addresses[${index}]`, `is ${JSON.stringify(text)}`, 'write an IPv4 address');
      return new DataView(address.buffer).getUint32(12);
    });
    if (this.addresses.length === 0) config.fail('addresses', 'is empty', 'give at least one external IPv4 address');
    this.insidePrefixes = new PrefixSet(config, 'inside');
    this.others = config.oneOf('others', ['pass', 'drop'], 'pass') === 'pass' ? FORWARD : NOT_TRANSLATABLE;
    this.block = ownBlock(config, context);
  }

  process(frame: FrameView, flow: FlowView): Verdict {
    if (frame.ip !== 4) return this.others;
    if (isIcmpError(frame)) return this.translateError(frame, flow);
    return flow.reverse ? this.translateInward(frame, flow) : this.translateOutward(frame, flow);
  }

  takeDelta(): Uint8Array | undefined {
    if (this.delta.length === 0) return undefined;
    const bytes = encodeState(this.delta);
    this.delta = [];
    return bytes;
  }

  applyDelta(bytes: Uint8Array): void {
    for (const [flow, ...row] of decodeState<NatDelta>(bytes)) this.remember(flow, mappingOf(row));
  }

  exportFlow(flow: FlowId): Uint8Array | undefined {
    const state = this.flows.get(flow | 0);
    return state && encodeState([...state.outward.values()].map(rowOf));
  }

  importFlow(flow: FlowId, state: Uint8Array): void {
    this.flows.delete(flow | 0);
    for (const row of decodeState<MappingRow[]>(state)) this.remember(flow, mappingOf(row));
  }

  flowEnded(flow: FlowId): void {
    const state = this.flows.get(flow | 0);
    if (state === undefined) return;
    for (const mapping of state.outward.values()) {
      const index = this.addresses.indexOf(mapping.outside);
      if (index >= 0) this.poolOf(mapping.proto, index).give(mapping.outsidePort);
    }
    this.flows.delete(flow | 0);
  }

  private translateOutward(frame: FrameView, flow: FlowView): Verdict {
    const inside = frame.u32(frame.sourceAddressAt);
    const state = this.flows.get(flow.id | 0);
    if (!this.insidePrefixes.matches(frame, frame.sourceAddressAt)) return this.others;
    if (flow.unremembered && (frame.fragment === 2 || translatable(frame))) return NEEDS_ENTRY;
    if (frame.fragment === 2) {
      if (state?.last === undefined) return NO_MAPPING;
      this.setAddress(frame, frame.sourceAddressAt, state.last.outside);
      return FORWARD;
    }
    if (!translatable(frame)) return this.others;
    const port = portOf(frame, true);
    const mapping =
      state?.outward.get(endKey(frame.proto, port, inside)) ?? this.allocate(frame.proto, inside, port, flow.id);
    if (mapping === undefined) return NO_PORT;
    this.setAddress(frame, frame.sourceAddressAt, mapping.outside);
    setPort(frame, true, mapping.outsidePort);
    return FORWARD;
  }

  private translateInward(frame: FrameView, flow: FlowView): Verdict {
    const state = this.flows.get(flow.id | 0);
    if (frame.fragment === 2) {
      if (state?.last === undefined) return this.unmapped(frame);
      this.setAddress(frame, frame.destinationAddressAt, state.last.inside);
      return FORWARD;
    }
    const outside = frame.u32(frame.destinationAddressAt);
    const mapping = translatable(frame)
      ? state?.inward.get(endKey(frame.proto, portOf(frame, false), outside))
      : undefined;
    if (mapping === undefined) return this.unmapped(frame);
    this.setAddress(frame, frame.destinationAddressAt, mapping.inside);
    setPort(frame, false, mapping.insidePort);
    return FORWARD;
  }

  /** An error quotes a packet that went the other way: its ends are translated as that packet's were. */
  private translateError(frame: FrameView, flow: FlowView): Verdict {
    const quoted = quotedPacketAt(frame, this.quoted);
    const state = this.flows.get(flow.id | 0);
    if (quoted === undefined) return this.unmapped(frame);
    return flow.reverse ? this.errorInward(frame, quoted, state) : this.errorOutward(frame, quoted, state);
  }

  private errorInward(frame: FrameView, quoted: Quoted, state: FlowNat | undefined): Verdict {
    const mapping = state?.inward.get(
      endKey(quoted.proto, frame.u16(quotedPortAt(quoted, true)), frame.u32(quoted.ip + 12)),
    );
    if (mapping === undefined) return this.unmapped(frame);
    this.writeScratch(mapping.inside);
    replaceQuotedAddress(frame, quoted, quoted.ip + 12, this.scratch);
    replaceQuotedPort(frame, quoted, quotedPortAt(quoted, true), mapping.insidePort);
    this.setAddress(frame, frame.destinationAddressAt, mapping.inside);
    return FORWARD;
  }

  private errorOutward(frame: FrameView, quoted: Quoted, state: FlowNat | undefined): Verdict {
    const mapping = state?.outward.get(
      endKey(quoted.proto, frame.u16(quotedPortAt(quoted, false)), frame.u32(quoted.ip + 16)),
    );
    if (mapping === undefined) {
      return this.insidePrefixes.matches(frame, frame.sourceAddressAt) ? NO_MAPPING : this.others;
    }
    this.writeScratch(mapping.outside);
    replaceQuotedAddress(frame, quoted, quoted.ip + 16, this.scratch);
    replaceQuotedPort(frame, quoted, quotedPortAt(quoted, false), mapping.outsidePort);
    this.setAddress(frame, frame.sourceAddressAt, mapping.outside);
    return FORWARD;
  }

  /** What to do with a frame from outside that belongs to no connection: only what is ours to refuse is refused. */
  private unmapped(frame: FrameView): Verdict {
    return this.addresses.includes(frame.u32(frame.destinationAddressAt)) ? NO_MAPPING : this.others;
  }

  private allocate(proto: number, inside: number, insidePort: number, flow: FlowId): Mapping | undefined {
    const index = mix32(inside) % this.addresses.length;
    const outsidePort = this.poolOf(proto, index).take(insidePort);
    if (outsidePort === 0) return undefined;
    const mapping = { proto, inside, insidePort, outside: this.addresses[index], outsidePort };
    this.remember(flow, mapping);
    this.delta.push([flow, ...rowOf(mapping)]);
    return mapping;
  }

  private remember(flow: FlowId, mapping: Mapping): void {
    let state = this.flows.get(flow | 0);
    if (state === undefined) {
      state = { outward: new Map(), inward: new Map(), last: undefined };
      this.flows.set(flow | 0, state);
    }
    state.outward.set(endKey(mapping.proto, mapping.insidePort, mapping.inside), mapping);
    state.inward.set(endKey(mapping.proto, mapping.outsidePort, mapping.outside), mapping);
    state.last = mapping;
  }

  private poolOf(proto: number, index: number): PortPool {
    const key = proto * 256 + index;
    let pool = this.pools.get(key);
    if (pool === undefined) {
      pool = new PortPool(this.block.first, this.block.count);
      this.pools.set(key, pool);
    }
    return pool;
  }

  private setAddress(frame: FrameView, at: number, address: number): void {
    this.writeScratch(address);
    frame.setAddress(at, this.scratch, 0);
  }

  private writeScratch(address: number): void {
    this.scratch[0] = address >>> 24;
    this.scratch[1] = address >>> 16;
    this.scratch[2] = address >>> 8;
    this.scratch[3] = address;
  }
}

/** Protocols with ports whose checksums can be corrected, and ICMP echo; the index keeps keys short. */
const TRANSLATED = [PROTO_ICMP, PROTO_TCP, PROTO_UDP, PROTO_UDPLITE, 33];

/** Protocol, port and address of an end as one exact number (51 bits). */
function endKey(proto: number, port: number, address: number): number {
  return (TRANSLATED.indexOf(proto) * 0x1_0000 + port) * 0x1_0000_0000 + address;
}

function translatable(frame: FrameView): boolean {
  if (frame.proto === PROTO_ICMP) {
    const type = frame.u8(frame.l4);
    return frame.l4 !== 0 && (type === ECHO_REQUEST || type === ECHO_REPLY);
  }
  return frame.hasPorts && TRANSLATED.includes(frame.proto);
}

function isIcmpError(frame: FrameView): boolean {
  if (frame.proto !== PROTO_ICMP || frame.l4 === 0 || frame.fragment === 2) return false;
  const type = frame.u8(frame.l4);
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
}

/** The port on the inside's end of the connection; for ICMP echoes, which have one for both ends, the identifier. */
function portOf(frame: FrameView, outward: boolean): number {
  if (frame.proto === PROTO_ICMP) return frame.u16(frame.l4 + 4);
  return outward ? frame.sourcePort : frame.destinationPort;
}

function setPort(frame: FrameView, outward: boolean, port: number): void {
  if (frame.proto === PROTO_ICMP) frame.setIcmpId(port);
  else if (outward) frame.setSourcePort(port);
  else frame.setDestinationPort(port);
}

function quotedPortAt(quoted: Quoted, source: boolean): number {
  return quoted.proto === PROTO_ICMP ? quoted.l4 + 4 : source ? quoted.l4 : quoted.l4 + 2;
}

function mappingOf([proto, inside, insidePort, outside, outsidePort]: MappingRow): Mapping {
  return { proto, inside, insidePort, outside, outsidePort };
}

function rowOf(mapping: Mapping): MappingRow {
  return [mapping.proto, mapping.inside, mapping.insidePort, mapping.outside, mapping.outsidePort];
}

/** This member's block of ports: by its node ID, halved by the parity of its incarnation. */
function ownBlock(config: FunctionConfig, context: FunctionContext): { first: number; count: number } {
  const ports = config.ranges('ports', 1, 65535, [[1024, 65535]]);
  if (ports.length !== 1) config.fail('ports', `has ${ports.length} ranges`, 'give one, such as ["1024-65535"]');
  const members = config.integer('members', 1, 127, 32);
  const [first, last] = ports[0];
  const count = Math.floor((last - first + 1) / (2 * members));
  if (count < 1) config.fail('ports', 'are fewer than two a member', 'give more ports or fewer members');
  const member = nodeOf(context.node) - 1;
  if (member >= members) {
    config.fail('members', `is ${members}, but this is node ${member + 1}`, `write at least ${member + 1}`);
  }
  return { first: first + (2 * member + (context.incarnation & 1)) * count, count };
}
