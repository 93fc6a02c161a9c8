import type { FlowId } from '../../domain/base/ids';
import type { FlowView } from './flow-view';
import { type FrameView, PROTO_TCP } from './frame-view';
import {
  FORWARD,
  type FunctionConfig,
  type FunctionDefinition,
  type NumberRange,
  type PacketFunction,
  type Detour,
  type Verdict,
  detour,
  drop,
} from './function';
import { PrefixSet, inRanges, readProtocols } from './matching';
import { decodeState, encodeState } from './state-codec';

const DENIED = drop(0);
const NOT_BEGUN = drop(1);
const TABLE_FULL = drop(2);

/** Connections remembered for one direction of one flow; an application with more is not one flow. */
const CONNECTIONS_MAX = 4096;
/**
 * A direction without handshake counts as seen from its beginning if one of this many first frames was seen: as many as
 * the dataplane's window of sequences, so that a reordered beginning is still one.
 */
const BEGINNING = 64;

const SYN = 2;
const ACK = 16;

/** What is known of one connection in one direction. */
const OPEN = 1;
const REFUSED = 2;
const DENY = 3;

/** One direction of one flow. */
interface Side {
  readonly connections: Map<number, number>;
  /** The connection of the last frame and what is known of it: bulk traffic needs no look-up. */
  last: number;
  lastState: number;
  /** A connection was opened and allowed: later ones of the flow are related to it (FTP data). */
  anyOpen: boolean;
}

interface Rule {
  readonly action: 'allow' | 'deny';
  readonly direction: 'forward' | 'reverse' | 'both';
  readonly proto: readonly number[];
  readonly from: PrefixSet;
  readonly to: PrefixSet;
  readonly ports: readonly NumberRange[];
  /** What frames that the rule decided on get; {@link detour} where it names another path. */
  readonly verdict: Verdict;
}

/**
 * `packet-filter`: a stateful filter. Rules decide each connection once; in `strict` mode a frame passes only if this
 * node saw its connection begin: TCP by SYN or SYN-ACK, everything else by one of a direction's first frames. So a node
 * that inherits a flow without its state breaks it, which is what makes `redirect` and `backup` tell apart.
 *
 * The two directions of a flow are judged apart, each by its own frames alone (the opener by its SYN, the answer by its
 * SYN-ACK): a backup meets them interleaved in its own way and must still judge alike.
 */
export const packetFilter: FunctionDefinition = {
  name: 'packet-filter',
  summary: 'stateful packet filter: rules per connection; strict mode drops what it did not see begin',
  create: (config) => new PacketFilter(config),
};

class PacketFilter implements PacketFunction {
  readonly stateKind = 'per-flow';
  readonly reads = 'headers';
  readonly dropReasons = ['denied', 'not-begun', 'filter-table-full'];
  readonly detours: Detour[] = [];

  private readonly strict: boolean;
  private readonly rules: readonly Rule[];
  private readonly fallback: 'allow' | 'deny';
  private readonly nonIp: Verdict;
  private readonly flowsMax: number;
  private readonly flows = new Map<number, [Side, Side]>();
  /** The rule that decided on the connection at hand. */
  private decidedBy: Rule | undefined;

  constructor(config: FunctionConfig) {
    this.strict = config.oneOf('mode', ['strict', 'open'], 'strict') === 'strict';
    this.fallback = config.oneOf('default', ['allow', 'deny'], 'allow');
    this.nonIp = config.oneOf('nonIp', ['allow', 'deny'], 'allow') === 'allow' ? FORWARD : DENIED;
    this.flowsMax = config.integer('flows', 1, 16_000_000, 1_000_000);
    this.rules = config.has('rules') ? config.list('rules').map((rule) => readRule(rule, this.detours)) : [];
  }

  process(frame: FrameView, flow: FlowView): Verdict {
    if (frame.ip === 0) return this.nonIp;
    const side = this.sideOf(flow);
    if (side === undefined) return TABLE_FULL;
    const connection = flow.connection;
    let state = connection === side.last ? side.lastState : (side.connections.get(connection) ?? 0);
    let opened = FORWARD;
    if (state !== OPEN) {
      const decided = this.decide(frame, flow, side, state);
      if (decided !== state) {
        if (state === 0 && side.connections.size >= CONNECTIONS_MAX) return TABLE_FULL;
        side.connections.set(connection, decided);
        if (decided === OPEN) side.anyOpen = true;
        state = decided;
        if (decided === OPEN) opened = this.decidedBy?.verdict ?? FORWARD;
      }
    }
    side.last = connection;
    side.lastState = state;
    return state === OPEN ? opened : state === DENY ? DENIED : NOT_BEGUN;
  }

  exportFlow(flow: FlowId): Uint8Array | undefined {
    const sides = this.flows.get(flow | 0);
    return sides && encodeState(sides.map((side) => [side.anyOpen ? 1 : 0, ...[...side.connections].flat()]));
  }

  importFlow(flow: FlowId, state: Uint8Array): void {
    const sides = decodeState<number[][]>(state).map(([anyOpen, ...pairs]) => {
      const side = newSide();
      side.anyOpen = anyOpen === 1;
      for (let i = 0; i + 1 < pairs.length; i += 2) side.connections.set(pairs[i], pairs[i + 1]);
      return side;
    });
    this.flows.set(flow | 0, [sides[0], sides[1]]);
  }

  flowEnded(flow: FlowId): void {
    this.flows.delete(flow | 0);
  }

  private sideOf(flow: FlowView): Side | undefined {
    const id = flow.id | 0;
    let sides = this.flows.get(id);
    if (sides === undefined) {
      if (this.flows.size >= this.flowsMax) return undefined;
      sides = [newSide(), newSide()];
      this.flows.set(id, sides);
    }
    return sides[flow.reverse ? 1 : 0];
  }

  /** What a connection that is not open becomes by this frame. */
  private decide(frame: FrameView, flow: FlowView, side: Side, state: number): number {
    if (state === DENY) return DENY;
    if (this.strict && !this.begins(frame, flow, side, state)) {
      // A SYN-ACK out of nowhere stays refused when it is sent again.
      return startsWithSynAck(frame, flow) ? REFUSED : state;
    }
    this.decidedBy = undefined;
    return side.anyOpen || this.allows(frame, flow) ? OPEN : DENY;
  }

  private begins(frame: FrameView, flow: FlowView, side: Side, state: number): boolean {
    if (frame.proto !== PROTO_TCP) return flow.sequence <= BEGINNING || side.anyOpen;
    // Later fragments have no flags to go by; they are worth nothing without their first.
    if (frame.fragment === 2) return side.anyOpen;
    if ((frame.tcpFlags & SYN) === 0) return false;
    if ((frame.tcpFlags & ACK) === 0) return true;
    return state !== REFUSED && !startsWithSynAck(frame, flow);
  }

  private allows(frame: FrameView, flow: FlowView): boolean {
    const { reverse } = flow;
    const initiator = reverse ? frame.destinationAddressAt : frame.sourceAddressAt;
    const responder = reverse ? frame.sourceAddressAt : frame.destinationAddressAt;
    const port = reverse ? frame.sourcePort : frame.destinationPort;
    for (const rule of this.rules) {
      if (rule.direction !== 'both' && (rule.direction === 'reverse') !== reverse) continue;
      if (rule.proto.length > 0 && !rule.proto.includes(frame.proto)) continue;
      if (rule.ports.length > 0 && !(frame.hasPorts && inRanges(rule.ports, port))) continue;
      if (!rule.from.matches(frame, initiator) || !rule.to.matches(frame, responder)) continue;
      this.decidedBy = rule;
      return rule.action === 'allow';
    }
    return this.fallback === 'allow';
  }
}

/** A flow whose very first frame is a SYN-ACK was not begun by anybody we know. */
function startsWithSynAck(frame: FrameView, flow: FlowView): boolean {
  return frame.proto === PROTO_TCP && (frame.tcpFlags & (SYN | ACK)) === (SYN | ACK) && flow.start;
}

function newSide(): Side {
  return { connections: new Map(), last: -1, lastState: 0, anyOpen: false };
}

/** The other path that a rule sends connections on, if it names one. */
function readDetour(config: FunctionConfig): Detour | undefined {
  const skip = config.strings('skip', []);
  const via = config.strings('via', []);
  if (skip.length > 0 && via.length > 0) config.fail('via', 'stands beside `skip`', 'write two rules');
  if (via.length > 0) return { via };
  return skip.length > 0 ? { skip } : undefined;
}

/** `detours` gets a new one for a rule whose connections may skip clusters, or go by way of others. */
function readRule(config: FunctionConfig, detours: Detour[]): Rule {
  const action = config.oneOf('action', ['allow', 'deny']);
  const other = readDetour(config);
  if (other !== undefined && action === 'deny')
    config.fail('skip' in other ? 'skip' : 'via', 'stands in a rule that denies', 'write it in an allow rule');
  if (other !== undefined) detours.push(other);
  return {
    action,
    verdict: other === undefined ? FORWARD : detour(detours.length - 1),
    direction: config.oneOf('direction', ['forward', 'reverse', 'both'], 'both'),
    proto: readProtocols(config, 'proto'),
    from: new PrefixSet(config, 'from'),
    to: new PrefixSet(config, 'to'),
    ports: config.ranges('ports', 0, 65535, []),
  };
}
