import type { Micros, NodeRef } from '../../domain/base/ids';
import type { ConnectionTable } from '../flows/connection-table';
import type { Arena } from '../frames/arena';
import {
  C_FIRST,
  C_FLOW,
  C_ID,
  C_KEY,
  C_STATE,
  CS_B_INITIATES,
  CS_FLOW_REVERSED,
  CS_SLOW,
  F_CONNS,
  F_NET_FWD,
  F_NET_REV,
  S_CONN,
  S_FLAGS,
  S_FRAGMENT,
  S_KEY,
  S_NETWORK,
  S_PROTO,
  S_REASON,
  S_REVERSE,
  S_SRC_IS_B,
  SF_END,
  SF_START,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { FRAGMENT_FIRST, hasPorts, PROTO_TCP } from '../headers/numbers';
import type { Kernels, Way } from '../kernels/kernels';
import { ApplicationContext } from './application-context';
import { ConnectionEndings } from './connection-endings';
import { bind, count, countLaterFragment, isLive, isTurned, markKnown, setState } from './connection-entry';
import { EntrylessFrames } from './entryless-frames';
import { ExpectationTable } from './expectations';
import { FRAGMENT_LIMITS, FragmentTable, type FragmentLimits } from './fragments';
import { keyEnd, keyScope } from './keys';
import type { CompiledPolicies } from './policies';
import {
  Classified,
  type ClassifierPorts,
  type ConnectionEnd,
  type Expectation,
  type FlowClassifier,
  type FlowGuard,
} from './ports';
import { APPLICATION_PROTOCOLS } from './protocols/registry';
import type { ApplicationProtocol } from './protocols/protocol';
import { QuotedPacket } from './quoted-packet';
import type { ClassifierTiming } from './timing';
import { followTcp, isBareSyn, opensAnother, startOf } from './tcp';

export { type ClassifierTiming, classifierTiming } from './timing';

/** Places that are searched for ended connections when the table is full. */
const MAKE_ROOM_PLACES = 4096;

const FINE = 0;
const TABLE_FULL = reason('table-full');
const NO_PATH = reason('no-path');
const LATER_FRAGMENT = reason('later-fragment');
const ICMP_ERROR = reason('icmp-error');
const RUNT = reason('runt');
const OVERSIZE = reason('oversize');

export interface ClassifierOptions {
  readonly arena: Arena;
  readonly connections: ConnectionTable;
  readonly kernels: Kernels;
  /** Slot that the classifier keeps for itself (it parses there what ICMP errors quote). */
  readonly scratchSlot: number;
  /** Seed of the kernels' key hash, as given to `parse`. */
  readonly seedLo: number;
  readonly seedHi: number;
  /** How packets that ICMP errors quote stand to the network of those errors; absent: keys tell no side, as in captures. */
  readonly quotedWay?: Way;
  readonly timing: ClassifierTiming;
  readonly policies: CompiledPolicies;
  readonly ports: ClassifierPorts;
  readonly protocols?: readonly ApplicationProtocol[];
  readonly fragments?: FragmentLimits;
  /** Without one every new flow gets an entry, and is refused as `table-full` where there is no room. */
  readonly guard?: FlowGuard;
}

/**
 * Whether a frame, after `parse` and `lookupConnections`, must be classified: it left the fast path, or it is a first
 * fragment, which later ones will ask for.
 */
export function needsClassifier(arena: Arena, slot: number): boolean {
  return arena.u16[(slot + S_REASON) >>> 1] !== FINE || arena.u8[slot + S_FRAGMENT] === FRAGMENT_FIRST;
}

/** The stateful classifier ([0059], [0067]): decides once per connection to which flow it belongs. */
export class Classifier implements FlowClassifier {
  private readonly arena: Arena;
  private readonly connections: ConnectionTable;
  private readonly ports: ClassifierPorts;
  private policies: CompiledPolicies;
  private readonly expectations = new ExpectationTable();
  private readonly fragments: FragmentTable;
  private readonly applications: ApplicationContext;
  private readonly quoted: QuotedPacket;
  private readonly endings: ConnectionEndings;
  private readonly entryless: EntrylessFrames;
  private nextId = 1;

  constructor(options: ClassifierOptions) {
    this.arena = options.arena;
    this.connections = options.connections;
    this.ports = options.ports;
    this.policies = options.policies;
    this.fragments = new FragmentTable(options.arena, options.fragments ?? FRAGMENT_LIMITS, (slot) =>
      options.ports.release(slot),
    );
    this.applications = new ApplicationContext(options.arena, options.protocols ?? APPLICATION_PROTOCOLS, {
      announced: (expectation) => {
        this.expectations.add(expectation);
        this.ports.expected(expectation);
      },
      named: (slot, connection, kind, name) => this.named(slot, connection, kind, name),
      recognised: (connection, protocol) => this.ports.recognised(connection, protocol),
    });
    this.quoted = new QuotedPacket(options);
    const { expectations, applications, ports } = this;
    this.endings = new ConnectionEndings({ ...options, expectations, applications, ports });
    this.entryless = new EntrylessFrames(options.arena, options.guard, this.fragments, this.quoted);
  }

  /** Takes another topology's policies and idle timeouts, for connections to come and silences from now on. */
  configure(policies: CompiledPolicies, timing: ClassifierTiming): void {
    this.policies = policies;
    this.endings.timing = timing;
  }

  classify(slot: number, nowUs: Micros): Classified {
    const { arena } = this;
    const why = arena.u16[(slot + S_REASON) >>> 1];
    if (why === FINE) return this.counted(slot, nowUs);
    if (why === RUNT || why === OVERSIZE) return Classified.dropped;
    if (why === LATER_FRAGMENT && hasPorts(arena.u8[slot + S_PROTO])) return this.laterFragment(slot, nowUs);
    if (why === ICMP_ERROR) {
      if (this.followsQuoted(slot)) return Classified.established;
      const carried = this.entryless.carryQuoting(slot);
      if (carried !== undefined) return carried;
    }
    return this.ownConnection(slot, nowUs);
  }

  observeLeaving(slot: number, flow: number, reverse: boolean, nowUs: Micros): boolean {
    const { arena } = this;
    const why = arena.u16[(slot + S_REASON) >>> 1];
    // Their ports, or their flow, are those of another frame: they tell nothing about a connection.
    if (why === ICMP_ERROR || (why === LATER_FRAGMENT && hasPorts(arena.u8[slot + S_PROTO]))) return true;
    let connection = this.current(slot);
    const known = connection === 0 ? flow : arena.u32[(connection + C_FLOW) >>> 2];
    if (known !== flow) {
      if (!this.ports.goesOver(known, flow)) {
        if (why !== FINE) count(arena, slot, connection, nowUs);
        this.follow(slot, connection, nowUs);
        return true;
      }
      // Where it entered it was given another flow since.
      this.endings.endQuiet(connection);
      connection = 0;
    }
    if (connection === 0) {
      connection = this.insert(slot, nowUs);
      if (connection === 0) return false;
      setState(arena, connection, reverse ? CS_FLOW_REVERSED : 0);
      bind(arena, connection, flow);
    } else if (why !== FINE) {
      count(arena, slot, connection, nowUs);
    }
    this.follow(slot, connection, nowUs);
    markKnown(arena, slot, connection);
    return true;
  }

  expect(expectation: Expectation): void {
    this.expectations.add(expectation);
  }

  firstElsewhere(datagram: string, inode: NodeRef, nowUs: Micros): void {
    this.fragments.firstElsewhere(datagram, inode, nowUs);
  }

  carrierOf(slot: number, own: NodeRef): NodeRef {
    return this.fragments.carrier(slot, own);
  }

  expire(nowUs: Micros, budget: number): number {
    this.fragments.expire(nowUs);
    this.expectations.expire(nowUs);
    return this.endings.expire(nowUs, budget);
  }

  end(connection: number, end: ConnectionEnd): void {
    this.endings.end(connection, end);
  }

  /** Ends a connection that has been silent for longer than it may be. */
  endIfIdle(connection: number, nowUs: Micros): void {
    this.endings.endIfIdle(connection, nowUs);
  }

  /** Ends every connection, as at the end of a capture. */
  endAll(): void {
    this.endings.endAll();
  }

  close(): void {
    this.fragments.close();
    this.endAll();
  }

  /** The kernel has found and counted it: a first fragment of a known connection. */
  private counted(slot: number, nowUs: Micros): Classified {
    this.rememberFragment(slot, this.arena.u32[(slot + S_CONN) >>> 2], nowUs);
    return Classified.established;
  }

  /** A frame whose own key names its connection. */
  private ownConnection(slot: number, nowUs: Micros): Classified {
    const { arena } = this;
    let connection = this.current(slot);
    let result: Classified = Classified.established;
    if (connection === 0) {
      if (!this.isExpected(slot) && !this.entryless.admits(slot)) return this.entryless.carry(slot, nowUs);
      connection = this.insert(slot, nowUs);
      if (connection === 0) return this.entryless.exhausted(slot, nowUs);
      result = this.assignFlow(slot, connection, nowUs);
      if (result === Classified.dropped) {
        return arena.u16[(slot + S_REASON) >>> 1] === TABLE_FULL ? this.entryless.exhausted(slot, nowUs) : result;
      }
    } else {
      count(arena, slot, connection, nowUs);
    }
    this.follow(slot, connection, nowUs);
    markKnown(arena, slot, connection);
    return result;
  }

  private isExpected(slot: number): boolean {
    if (this.expectations.size === 0) return false;
    const key = slot + S_KEY;
    return this.expectations.has(
      keyScope(this.arena, key),
      keyEnd(this.arena, key, false),
      keyEnd(this.arena, key, true),
    );
  }

  /** The connection that a frame belongs to; 0 = a new one (the one before on its 5-tuple has then been ended). */
  current(slot: number): number {
    const { arena } = this;
    const connection = this.connections.find(slot);
    if (connection === 0 || arena.u8[slot + S_PROTO] !== PROTO_TCP) return connection;
    if (!isBareSyn(arena, slot) || !opensAnother(arena, slot, connection)) return connection;
    this.endings.endQuiet(connection);
    return 0;
  }

  /** Makes a connection entry for a frame, counted, its initiator the frame's sender. 0 = the table is full. */
  private insert(slot: number, nowUs: Micros): number {
    const { arena } = this;
    let connection = this.connections.insert(slot);
    if (connection === 0) {
      this.expire(nowUs, MAKE_ROOM_PLACES);
      connection = this.connections.insert(slot);
      if (connection === 0) return 0;
    }
    arena.u32[(connection + C_ID) >>> 2] = this.nextId;
    this.nextId = this.nextId === 0xffff_ffff ? 1 : this.nextId + 1;
    arena.f64[(connection + C_FIRST) >>> 3] = nowUs;
    const heeded = this.applications.heeds(slot) ? CS_SLOW : 0;
    setState(arena, connection, (arena.u8[slot + S_SRC_IS_B] === 1 ? CS_B_INITIATES : 0) | heeded);
    count(arena, slot, connection, nowUs);
    return connection;
  }

  /** Gives a new connection its flow: the one that expects it, or a new one. */
  private assignFlow(slot: number, connection: number, nowUs: Micros): Classified {
    const { arena, ports } = this;
    arena.u32[(slot + S_CONN) >>> 2] = connection;
    let flow = this.expectedFlow(slot, connection, nowUs);
    const joined = flow !== 0;
    if (!joined) {
      const initiatorIsB = (arena.u32[(connection + C_STATE) >>> 2] & CS_B_INITIATES) !== 0;
      const policy = this.policies.match(arena, slot, initiatorIsB);
      if (this.policies.awaiting) this.applications.wantNames(connection);
      arena.u16[(slot + S_REASON) >>> 1] = FINE;
      flow = ports.allocateFlow(slot, connection, policy);
    }
    if (flow === 0) {
      this.applications.forget(connection);
      this.connections.remove(connection);
      return this.drop(slot, arena.u16[(slot + S_REASON) >>> 1] || NO_PATH);
    }
    bind(arena, connection, flow);
    ports.connectionStarted(connection, startOf(arena, slot), slot);
    if (joined) {
      // What it carries was announced; its bytes are a file's or a voice's, and may look like anything.
      arena.u32[(connection + C_STATE) >>> 2] &= ~CS_SLOW;
      return Classified.newConnection;
    }
    arena.u16[(slot + S_FLAGS) >>> 1] |= SF_START;
    return Classified.newFlow;
  }

  private expectedFlow(slot: number, connection: number, nowUs: Micros): number {
    if (this.expectations.size === 0) return 0;
    const { arena } = this;
    const key = connection + C_KEY;
    const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
    const initiator = keyEnd(arena, key, fromB);
    const expectation = this.expectations.take(keyScope(arena, key), initiator, keyEnd(arena, key, !fromB), nowUs);
    if (expectation === undefined) return 0;
    // Either end may have opened it; it runs against its flow when the one that did is not on the initiator's side.
    const opensAtEndpoint = initiator.address === expectation.endpoint && initiator.port === expectation.port;
    const isAgainst = expectation.towardsInitiator !== opensAtEndpoint;
    const flow = this.ports.joinFlow(slot, connection, expectation, isAgainst);
    if (flow !== 0 && isAgainst) setState(arena, connection, CS_FLOW_REVERSED);
    return flow;
  }

  /** What every frame of a watched or changing connection tells: TCP state, first fragments, control streams. */
  private follow(slot: number, connection: number, nowUs: Micros): void {
    const { arena } = this;
    if (arena.u8[slot + S_PROTO] === PROTO_TCP) {
      const closed = followTcp(arena, slot, connection);
      const flow = arena.u32[(connection + C_FLOW) >>> 2];
      if (closed && arena.u32[(flow + F_CONNS) >>> 2] === 1) arena.u16[(slot + S_FLAGS) >>> 1] |= SF_END;
    }
    this.rememberFragment(slot, connection, nowUs);
    if ((arena.u32[(connection + C_STATE) >>> 2] & CS_SLOW) !== 0) this.applications.hear(slot, connection, nowUs);
  }

  private rememberFragment(slot: number, connection: number, nowUs: Micros): void {
    if (this.arena.u8[slot + S_FRAGMENT] !== FRAGMENT_FIRST || connection === 0) return;
    this.fragments.first(slot, connection, this.arena.u32[(connection + C_ID) >>> 2], nowUs);
  }

  private laterFragment(slot: number, nowUs: Micros): Classified {
    const { arena } = this;
    const connection = this.fragmentConnection(slot);
    if (connection === 0) {
      const carried = this.entryless.carryLaterFragment(slot);
      if (carried !== undefined) return carried;
      return this.fragments.hold(slot, nowUs) ? Classified.held : this.ownConnection(slot, nowUs);
    }
    countLaterFragment(arena, slot, connection, nowUs);
    markKnown(arena, slot, connection);
    return Classified.established;
  }

  /** The live connection of the first fragment that goes with the later one in a slot; 0 = unknown. */
  private fragmentConnection(slot: number): number {
    const connection = this.fragments.find(slot);
    return isLive(this.arena, connection, this.fragments.lastId) ? connection : 0;
  }

  /**
   * The live connection of the packet that the ICMP error in a slot quotes, or 0. {@link quotedFromB} then says from
   * which end of its key that packet came.
   */
  quotedConnection(slot: number): number {
    const { arena, quoted } = this;
    if (!quoted.parse(slot)) return 0;
    this.quotedFromB = arena.u8[quoted.slot + S_SRC_IS_B] === 1;
    return quoted.isLaterFragment ? this.fragmentConnection(quoted.slot) : this.connections.find(quoted.slot);
  }
  quotedFromB = false;

  /**
   * Routes an ICMP error on the connection it quotes, against the quoted packet's direction. Not one that comes from the
   * network that it would have to leave to: it is about a packet that never crossed the grid.
   */
  private followsQuoted(slot: number): boolean {
    const { arena } = this;
    const connection = this.quotedConnection(slot);
    const flow = connection === 0 ? 0 : arena.u32[(connection + C_FLOW) >>> 2];
    if (flow === 0) return false;
    const state = arena.u32[(connection + C_STATE) >>> 2];
    const forward = this.quotedFromB !== isTurned(state);
    const home = arena.u16[(flow + (forward ? F_NET_FWD : F_NET_REV)) >>> 1];
    if (home !== 0 && home !== arena.u16[(slot + S_NETWORK) >>> 1]) return false;
    markKnown(arena, slot, connection);
    arena.u8[slot + S_REVERSE] = forward ? 0 : 1;
    return true;
  }

  private named(slot: number, connection: number, kind: 'sni' | 'httpHost', name: string): void {
    const initiatorIsB = (this.arena.u32[(connection + C_STATE) >>> 2] & CS_B_INITIATES) !== 0;
    const policy = this.policies.matchNamed(this.arena, slot, initiatorIsB, kind, name);
    if (policy !== -1) this.ports.refined(connection, policy);
  }

  private drop(slot: number, why: number): Classified {
    this.arena.u16[(slot + S_REASON) >>> 1] = why;
    return Classified.dropped;
  }
}
