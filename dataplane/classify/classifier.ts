import type { Micros, NodeRef } from '../../domain/base/ids';
import type { ConnectionTable } from '../flows/connection-table';
import type { Arena } from '../frames/arena';
import {
  C_BYTES_AB,
  C_BYTES_BA,
  C_FIRST,
  C_FLOW,
  C_HASH,
  C_ID,
  C_KEY,
  C_LAST,
  C_LATER_AB,
  C_LATER_BA,
  C_PACKETS_AB,
  C_PACKETS_BA,
  C_STATE,
  CS_B_INITIATES,
  CS_FLOW_REVERSED,
  CS_SLOW,
  F_CONNS,
  F_ID,
  F_NET_FWD,
  F_NET_REV,
  HASH_TOMBSTONE,
  K_PROTO,
  S_CONN,
  S_FLAGS,
  S_FLOW,
  S_FRAGMENT,
  S_KEY,
  S_LEN,
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
import type { Kernels } from '../kernels/kernels';
import { ApplicationContext } from './application-context';
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
import { type ClassifierTiming, idleLimit } from './timing';
import { endOf, followTcp, isBareSyn, opensAnother, startOf } from './tcp';

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

/** Whether frames from end B of the key run in their flow's direction. */
function isTurned(state: number): boolean {
  return ((state & CS_B_INITIATES) !== 0) !== ((state & CS_FLOW_REVERSED) !== 0);
}

/** The stateful classifier ([0059], [0067]): decides once per connection to which flow it belongs. */
export class Classifier implements FlowClassifier {
  private readonly arena: Arena;
  private readonly connections: ConnectionTable;
  private readonly ports: ClassifierPorts;
  private timing: ClassifierTiming;
  private policies: CompiledPolicies;
  private readonly expectations = new ExpectationTable();
  private readonly fragments: FragmentTable;
  private readonly applications: ApplicationContext;
  private readonly quoted: QuotedPacket;
  private readonly guard: FlowGuard | undefined;
  private nextId = 1;
  private cursor = 0;

  constructor(options: ClassifierOptions) {
    this.arena = options.arena;
    this.connections = options.connections;
    this.ports = options.ports;
    this.timing = options.timing;
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
    this.guard = options.guard;
  }

  /** Takes another topology's policies and idle timeouts, for connections to come and silences from now on. */
  configure(policies: CompiledPolicies, timing: ClassifierTiming): void {
    this.policies = policies;
    this.timing = timing;
  }

  classify(slot: number, nowUs: Micros): Classified {
    const { arena } = this;
    const why = arena.u16[(slot + S_REASON) >>> 1];
    if (why === FINE) return this.counted(slot, nowUs);
    if (why === RUNT || why === OVERSIZE) return Classified.dropped;
    if (why === LATER_FRAGMENT && hasPorts(arena.u8[slot + S_PROTO])) return this.laterFragment(slot, nowUs);
    if (why === ICMP_ERROR) {
      if (this.followsQuoted(slot)) return Classified.established;
      if (this.guard?.isActive === true && this.quoted.parse(slot)) return this.carryQuoting(slot, this.guard);
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
        if (why !== FINE) this.count(slot, connection, nowUs);
        this.follow(slot, connection, nowUs);
        return true;
      }
      // Where it entered it was given another flow since.
      this.end(connection, endOf(arena.u32[(connection + C_STATE) >>> 2], 'idle'));
      connection = 0;
    }
    if (connection === 0) {
      connection = this.insert(slot, nowUs);
      if (connection === 0) return false;
      this.setState(connection, reverse ? CS_FLOW_REVERSED : 0);
      this.bind(connection, flow);
    } else if (why !== FINE) {
      this.count(slot, connection, nowUs);
    }
    this.follow(slot, connection, nowUs);
    this.mark(slot, connection);
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
    let ended = 0;
    this.fragments.expire(nowUs);
    this.expectations.expire(nowUs);
    const { capacity } = this.connections;
    for (let left = Math.min(budget, capacity); left > 0;) {
      const from = this.cursor;
      this.cursor = this.connections.scan(from, left, (connection) => {
        if (this.endIfIdle(connection, nowUs)) ended++;
      });
      left -= (this.cursor === 0 ? capacity : this.cursor) - from;
    }
    return ended;
  }

  /** Ends a connection that has been silent for longer than it may be; says whether it did. */
  endIfIdle(connection: number, nowUs: Micros): boolean {
    const { arena } = this;
    const state = arena.u32[(connection + C_STATE) >>> 2];
    const limit = idleLimit(this.timing, arena.u8[connection + C_KEY + K_PROTO], state);
    if (arena.f64[(connection + C_LAST) >>> 3] + limit >= nowUs) return false;
    this.end(connection, endOf(state, 'idle'));
    return true;
  }

  end(connection: number, end: ConnectionEnd): void {
    const { arena } = this;
    const flow = arena.u32[(connection + C_FLOW) >>> 2];
    const last = flow !== 0 && --arena.u32[(flow + F_CONNS) >>> 2] === 0;
    if (last) this.expectations.dropFlow(arena.u32[(flow + F_ID) >>> 2]);
    this.applications.forget(connection);
    const hash = arena.u32[(connection + C_HASH) >>> 2];
    this.connections.remove(connection);
    this.ports.connectionEnded(connection, end, last, hash);
    arena.u32[(connection + C_ID) >>> 2] = 0;
  }

  close(): void {
    this.fragments.close();
    this.endAll();
  }

  /** Ends every connection, as at the end of a capture. */
  endAll(): void {
    let cursor = 0;
    do {
      cursor = this.connections.scan(cursor, MAKE_ROOM_PLACES, (connection) => {
        this.end(connection, endOf(this.arena.u32[(connection + C_STATE) >>> 2], 'eof'));
      });
    } while (cursor !== 0);
  }

  /** The kernel has found and counted it: a first fragment of a known connection. */
  private counted(slot: number, nowUs: Micros): Classified {
    this.rememberFragment(slot, this.arena.u32[(slot + S_CONN) >>> 2], nowUs);
    return Classified.established;
  }

  /** A frame whose own key names its connection. */
  private ownConnection(slot: number, nowUs: Micros): Classified {
    let connection = this.current(slot);
    let result: Classified = Classified.established;
    if (connection === 0) {
      if (!this.isAdmitted(slot)) return this.carry(slot, nowUs);
      connection = this.insert(slot, nowUs);
      if (connection === 0) return this.carryExhausted(slot, nowUs);
      result = this.assignFlow(slot, connection, nowUs);
      if (result === Classified.dropped) {
        return this.arena.u16[(slot + S_REASON) >>> 1] === TABLE_FULL ? this.carryExhausted(slot, nowUs) : result;
      }
    } else {
      this.count(slot, connection, nowUs);
    }
    this.follow(slot, connection, nowUs);
    this.mark(slot, connection);
    return result;
  }

  /** Whether a frame of an unknown connection may have entries; an announced connection's flow has its own already. */
  private isAdmitted(slot: number): boolean {
    const { guard, arena } = this;
    if (guard === undefined || this.isExpected(slot)) return true;
    return guard.admits(slot, arena.u8[slot + S_PROTO] === PROTO_TCP && isBareSyn(arena, slot));
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

  private carryExhausted(slot: number, nowUs: Micros): Classified {
    if (this.guard === undefined) return this.drop(slot, TABLE_FULL);
    this.guard.exhausted();
    return this.carry(slot, nowUs);
  }

  /** A frame whose flow has no entry, and gets none. */
  private carry(slot: number, nowUs: Micros): Classified {
    const { guard, arena } = this;
    if (guard === undefined) return this.drop(slot, TABLE_FULL);
    if (!guard.carry(slot, slot, arena.u8[slot + S_SRC_IS_B] === 1)) return Classified.dropped;
    if (arena.u8[slot + S_FRAGMENT] === FRAGMENT_FIRST) {
      this.fragments.firstStateless(slot, guard.choiceOf(slot), nowUs);
    }
    return Classified.stateless;
  }

  /** An ICMP error about a packet of a flow without an entry goes where that packet came from. */
  private carryQuoting(slot: number, guard: FlowGuard): Classified {
    const quotedFromB = this.arena.u8[this.quoted.slot + S_SRC_IS_B] === 1;
    return guard.carry(slot, this.quoted.slot, !quotedFromB) ? Classified.stateless : Classified.dropped;
  }

  /** The connection that a frame belongs to; 0 = a new one (the one before on its 5-tuple has then been ended). */
  current(slot: number): number {
    const { arena } = this;
    const connection = this.connections.find(slot);
    if (connection === 0 || arena.u8[slot + S_PROTO] !== PROTO_TCP) return connection;
    if (!isBareSyn(arena, slot) || !opensAnother(arena, slot, connection)) return connection;
    this.end(connection, endOf(arena.u32[(connection + C_STATE) >>> 2], 'idle'));
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
    this.setState(connection, (arena.u8[slot + S_SRC_IS_B] === 1 ? CS_B_INITIATES : 0) | heeded);
    this.count(slot, connection, nowUs);
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
    this.bind(connection, flow);
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
    if (flow !== 0 && isAgainst) this.setState(connection, CS_FLOW_REVERSED);
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

  /** Writes into the slot what the kernel writes for known connections, and lets it go on. */
  private mark(slot: number, connection: number): void {
    const { arena } = this;
    const state = arena.u32[(connection + C_STATE) >>> 2];
    arena.u32[(slot + S_CONN) >>> 2] = connection;
    arena.u32[(slot + S_FLOW) >>> 2] = arena.u32[(connection + C_FLOW) >>> 2];
    arena.u8[slot + S_REVERSE] = (arena.u8[slot + S_SRC_IS_B] === 1) !== isTurned(state) ? 1 : 0;
    arena.u16[(slot + S_REASON) >>> 1] = FINE;
  }

  private laterFragment(slot: number, nowUs: Micros): Classified {
    const { arena } = this;
    const connection = this.fragmentConnection(slot);
    const choice = connection === 0 && this.guard !== undefined ? this.fragments.choice(slot) : undefined;
    if (choice !== undefined) {
      return this.guard?.carryLike(slot, choice) === true ? Classified.stateless : Classified.dropped;
    }
    if (connection === 0) {
      return this.fragments.hold(slot, nowUs) ? Classified.held : this.ownConnection(slot, nowUs);
    }
    const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
    arena.u32[(connection + (fromB ? C_LATER_BA : C_LATER_AB)) >>> 2]++;
    arena.f64[(connection + (fromB ? C_BYTES_BA : C_BYTES_AB)) >>> 3] += arena.u32[(slot + S_LEN) >>> 2];
    arena.f64[(connection + C_LAST) >>> 3] = nowUs;
    this.mark(slot, connection);
    return Classified.established;
  }

  /** The live connection of the first fragment that goes with the later one in a slot; 0 = unknown. */
  private fragmentConnection(slot: number): number {
    const connection = this.fragments.find(slot);
    return this.isLive(connection, this.fragments.lastId) ? connection : 0;
  }

  private isLive(connection: number, id: number): boolean {
    if (connection === 0) return false;
    const { u32 } = this.arena;
    return u32[(connection + C_HASH) >>> 2] > HASH_TOMBSTONE && u32[(connection + C_ID) >>> 2] === id;
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
    this.mark(slot, connection);
    arena.u8[slot + S_REVERSE] = forward ? 0 : 1;
    return true;
  }

  private count(slot: number, connection: number, nowUs: Micros): void {
    const { arena } = this;
    const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
    arena.u32[(connection + (fromB ? C_PACKETS_BA : C_PACKETS_AB)) >>> 2]++;
    arena.f64[(connection + (fromB ? C_BYTES_BA : C_BYTES_AB)) >>> 3] += arena.u32[(slot + S_LEN) >>> 2];
    arena.f64[(connection + C_LAST) >>> 3] = nowUs;
  }

  /** Gives a new connection its flow, and counts it there. */
  private bind(connection: number, flow: number): void {
    this.arena.u32[(connection + C_FLOW) >>> 2] = flow;
    this.arena.u32[(flow + F_CONNS) >>> 2]++;
  }

  private named(slot: number, connection: number, kind: 'sni' | 'httpHost', name: string): void {
    const initiatorIsB = (this.arena.u32[(connection + C_STATE) >>> 2] & CS_B_INITIATES) !== 0;
    const policy = this.policies.matchNamed(this.arena, slot, initiatorIsB, kind, name);
    if (policy !== -1) this.ports.refined(connection, policy);
  }

  private setState(connection: number, bits: number): void {
    this.arena.u32[(connection + C_STATE) >>> 2] |= bits;
  }

  private drop(slot: number, why: number): Classified {
    this.arena.u16[(slot + S_REASON) >>> 1] = why;
    return Classified.dropped;
  }
}
