import type { FlowId, Micros } from '../../domain/base/ids';
import { FlowgridError } from '../../domain/base/errors';
import { DEFAULT_TIMING } from '../../domain/topology/topology';
import { ConnectionTable } from '../flows/connection-table';
import { FlowTable } from '../flows/flow-table';
import { Arena } from '../frames/arena';
import {
  CONN_SIZE,
  C_FLOW,
  C_ID,
  FLOW_SIZE,
  FRAME_MAX,
  F_ID,
  S_CONN,
  S_FLAGS,
  S_FRAGMENT,
  S_HASH,
  S_KEY,
  S_L4,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_PROTO,
  S_REASON,
  S_SRC_IS_B,
  S_TIME,
  SLOT_FRAME,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { FRAGMENT_FIRST, FRAGMENT_LATER, hasPorts, PROTO_TCP } from '../headers/numbers';
import type { Kernels } from '../kernels/kernels';
import { loadKernels } from '../kernels/load';
import { copyAsEthernet } from '../packet-ports/capture/ethernet';
import type { CaptureRecord } from '../packet-ports/capture/record';
import { countFrame, keyTuple, newRow, protocolClass, tupleText } from './capture-rows';
import { Classifier, type ClassifierTiming, classifierTiming, needsClassifier } from './classifier';
import type { ClassifySummary, TrackedRow } from './connection-row';
import { type Datagram, DatagramLedger } from './datagram-ledger';
import { compilePolicies } from './policies';
import { Classified, type ClassifierPorts, type ConnectionStart, type Expectation } from './ports';
import { isBareSyn } from './tcp';

const LATER_FRAGMENT = reason('later-fragment');
const ICMP_ERROR = reason('icmp-error');
const NO_PORTS = reason('no-ports');
const MALFORMED_IP = reason('malformed-ip');
const NOT_IP = reason('not-ip');
const RUNT = reason('runt');

const FRAME_SLOT = 0;
const SCRATCH_SLOT = 1;
/** All interfaces of a capture count as one external network. */
const NETWORK = 1;
/** The allocator whose flow IDs are given out first; the next one takes over when its 2^24 are used up. */
const FIRST_FNODE = 1;
const CAPACITY_MIN = 1 << 12;
const CAPACITY_MAX = 1 << 22;
/** For captures whose length cannot be known (pipes). */
const CAPACITY_UNKNOWN = 1 << 20;
/** Share of a table's places that it fills. */
const TABLE_LOAD = 0.7;
/** Room for table headers and alignment. */
const SPARE_BYTES = 1 << 16;
const FLOW_IDS_PER_FNODE = 1 << 24;
/** No capture holds a frame that opens a connection in fewer bytes: record header, link header, IP, ports. */
const BYTES_PER_CONNECTION = 50;
/** A steady share of idle ends: table places looked at per frame. */
const EXPIRE_PLACES = 4;

export interface CaptureClassifierOptions {
  /** Seconds of silence that end a connection of any protocol, `none`; absent: each protocol's default. */
  readonly idle?: number | 'none';
  /** Bytes of capture to come, which bound the number of connections; 0 = unknown. */
  readonly captureBytes: number;
  readonly kernels?: 'wasm' | 'ts';
}

/**
 * Runs records of captures through the production classifier and keeps a row for each connection. As a capture can be
 * read to its end, later fragments join their first one wherever it is, and nothing waits; ICMP errors count under
 * their own addresses, as their 5-tuple is asked for.
 */
export class CaptureClassifier {
  readonly rows: TrackedRow[] = [];
  readonly summary: ClassifySummary = {
    summary: true,
    frames: 0,
    ip: 0,
    nonIp: 0,
    fragments: 0,
    malformed: 0,
    tcp: 0,
    udp: 0,
    icmp: 0,
    other: 0,
    orphanFragments: 0,
    withoutPorts: 0,
    withoutHeader: 0,
  };
  /** The arena and the slot in which the last record lies parsed. */
  readonly arena: Arena;
  readonly slot: number;
  private readonly kernels: Kernels;
  private readonly list: number;
  private readonly connections: ConnectionTable;
  private readonly flows: FlowTable;
  private readonly classifier: Classifier;
  private readonly timing: ClassifierTiming;
  private readonly countsHeaders: boolean;
  private readonly active = new Map<number, TrackedRow>();
  private readonly flowIds = new Set<FlowId>();
  private readonly ledger = new DatagramLedger();
  /** 5-tuples that packets named which show no connection. */
  private readonly headerless = new Set<string>();
  private now: Micros = 0;
  /** The first connection of each flow, which is the one that announces others. */
  private readonly firstOfFlow = new Map<FlowId, TrackedRow>();
  /** What became of the last record: its connection's row; or the datagram that it is a later fragment of; or neither. */
  lastRow: TrackedRow | undefined;
  lastDatagram: Datagram | undefined;
  /** The connection of the packet that the last record, an ICMP error, quotes; and from which end that came. */
  lastQuoted: TrackedRow | undefined;
  lastQuotedFromB = false;
  /** The last record came from end B of its canonical key. */
  lastFromB = false;

  constructor(options: CaptureClassifierOptions) {
    const capacity = tableCapacity(options.captureBytes);
    const bytes = capacity * (CONN_SIZE + FLOW_SIZE) + SPARE_BYTES;
    this.arena = Arena.create({ slots: 2, bytes });
    this.slot = this.arena.slot(FRAME_SLOT);
    this.list = this.arena.allocate(4, 4);
    this.arena.u32[this.list >>> 2] = FRAME_SLOT;
    this.kernels = loadKernels(this.arena, options.kernels);
    this.connections = new ConnectionTable(this.arena, capacity);
    this.flows = new FlowTable(this.arena, capacity);
    this.timing = idleTiming(options.idle);
    this.countsHeaders = options.idle !== 'none';
    this.classifier = new Classifier({
      arena: this.arena,
      connections: this.connections,
      kernels: this.kernels,
      scratchSlot: SCRATCH_SLOT,
      seedLo: 0,
      seedHi: 0,
      timing: this.timing,
      policies: compilePolicies([]),
      ports: this.ports(),
    });
  }

  /**
   * Takes the next record.
   * @throws FlowgridError `unsupported` when more connections live at once than a table takes.
   */
  add(record: CaptureRecord): void {
    const { arena, slot, summary } = this;
    this.lastRow = undefined;
    this.lastDatagram = undefined;
    this.lastQuoted = undefined;
    this.load(record);
    const why = arena.u16[(slot + S_REASON) >>> 1];
    this.lastFromB = arena.u8[slot + S_SRC_IS_B] === 1;
    summary.frames++;
    if (why === NOT_IP || why === RUNT) summary.nonIp++;
    else if (why === MALFORMED_IP) summary.malformed++;
    else this.addPacket(record, why);
  }

  /** Ends what is left and completes rows and summary. */
  finish(): void {
    this.classifier.close();
    this.summary.orphanFragments = this.ledger.orphans;
    const tuples = new Set(this.headerless);
    this.summary.tcp += tuples.size;
    for (const row of this.rows) {
      const tuple = tupleText(row.proto, row.a, row.aPort, row.b, row.bPort);
      if (tuples.has(tuple)) continue;
      tuples.add(tuple);
      this.summary[protocolClass(row.proto)]++;
    }
  }

  /** Puts the record into the slot as an Ethernet frame, and parses it. A longer frame is cut: its headers count. */
  private load(record: CaptureRecord): void {
    const { arena, slot } = this;
    this.now = Math.max(this.now, record.time);
    arena.u32[(slot + S_OFF) >>> 2] = SLOT_FRAME;
    arena.u32[(slot + S_LEN) >>> 2] = copyAsEthernet(record, arena.u8, slot + SLOT_FRAME, FRAME_MAX);
    arena.f64[(slot + S_TIME) >>> 3] = this.now;
    arena.u16[(slot + S_NETWORK) >>> 1] = NETWORK;
    arena.u16[(slot + S_REASON) >>> 1] = 0;
    arena.u16[(slot + S_FLAGS) >>> 1] = 0;
    this.kernels.parse(this.list, 1, 0, 0);
  }

  private addPacket(record: CaptureRecord, why: number): void {
    const { arena, slot, summary } = this;
    const fragment = arena.u8[slot + S_FRAGMENT];
    summary.ip++;
    if (fragment === FRAGMENT_FIRST || fragment === FRAGMENT_LATER) summary.fragments++;
    if (why === NO_PORTS) {
      summary.withoutPorts++;
    } else if (this.countsHeaders && arena.u8[slot + S_PROTO] === PROTO_TCP && this.transportBytes() < TCP_FLAGS_END) {
      summary.withoutHeader++;
      this.headerless.add(keyTuple(arena, slot + S_KEY));
    } else if (why === LATER_FRAGMENT && hasPorts(arena.u8[slot + S_PROTO])) {
      this.lastDatagram = this.ledger.later(arena, slot, record);
      this.lastRow = this.lastDatagram.row;
    } else {
      this.addToConnection(record);
      if (fragment === FRAGMENT_FIRST) this.ledger.first(arena, slot, this.lastRow!);
    }
  }

  /** Bytes that the frame holds from its transport header on. */
  private transportBytes(): number {
    const { arena, slot } = this;
    return arena.u32[(slot + S_LEN) >>> 2] - arena.u16[(slot + S_L4) >>> 1];
  }

  private addToConnection(record: CaptureRecord): void {
    const { arena, slot } = this;
    if (arena.u16[(slot + S_REASON) >>> 1] === ICMP_ERROR) this.noteQuoted();
    // A quoted packet is no flow: the error counts under its own addresses.
    arena.u16[(slot + S_REASON) >>> 1] = 0;
    this.endIfIdle();
    this.kernels.lookupConnections(this.connections.address, this.list, 1);
    if (needsClassifier(arena, slot) && this.classifier.classify(slot, this.now) === Classified.dropped) {
      throw new FlowgridError('unsupported', `more than ${this.connections.limit} connections live at once`, {
        remedy: 'Split the capture, or let silence end connections (--idle SECONDS).',
      });
    }
    const row = this.active.get(arena.u32[(arena.u32[(slot + S_CONN) >>> 2] + C_ID) >>> 2])!;
    countFrame(row, this.lastFromB === row.aIsB, record);
    if (arena.u8[slot + S_PROTO] === PROTO_TCP) this.noteSyn(row);
    this.lastRow = row;
    this.classifier.expire(this.now, EXPIRE_PLACES);
  }

  private noteQuoted(): void {
    const connection = this.classifier.quotedConnection(this.slot);
    if (connection === 0) return;
    this.lastQuoted = this.active.get(this.arena.u32[(connection + C_ID) >>> 2]);
    this.lastQuotedFromB = this.classifier.quotedFromB;
  }

  /** Expiry by scanning comes late; a report must not depend on where the scan stands. */
  private endIfIdle(): void {
    const connection = this.connections.find(this.slot);
    if (connection !== 0) this.classifier.endIfIdle(connection, this.now);
  }

  /** A capture may begin with the answer; the bare SYN that comes after it still shows who opened the connection. */
  private noteSyn(row: TrackedRow): void {
    const fromA = this.lastFromB === row.aIsB;
    if (row.start === 'midstream' && !fromA && isBareSyn(this.arena, this.slot)) row.initiatorIsA = false;
  }

  private ports(): ClassifierPorts {
    const { arena } = this;
    let expectation: Expectation | undefined;
    return {
      allocateFlow: (slot) => {
        expectation = undefined;
        return this.flows.insert(this.freeFlowId(arena.u32[(slot + S_HASH) >>> 2]));
      },
      joinFlow: (_slot, _connection, expected) => {
        expectation = expected;
        return this.flows.find(expected.flowId);
      },
      connectionStarted: (connection, start) => this.addRow(connection, start, expectation),
      connectionEnded: (connection, end, last) => {
        const id = arena.u32[(connection + C_ID) >>> 2];
        this.active.get(id)!.end = end;
        this.active.delete(id);
        if (last) this.flows.remove(arena.u32[(connection + C_FLOW) >>> 2]);
      },
      goesOver: () => true,
      expected: () => {},
      refined: () => {},
      recognised: (connection, protocol) => {
        this.active.get(arena.u32[(connection + C_ID) >>> 2])!.type = protocol;
      },
      // Later fragments never come to the classifier here, so that it holds none.
      release: () => {},
    };
  }

  /** The low 24 bits of the key's hash, probed until free, behind the allocator's number ([0077]). */
  private freeFlowId(hash: number): FlowId {
    let low = hash & 0xff_ffff;
    const fnode = FIRST_FNODE + Math.floor(this.flowIds.size / FLOW_IDS_PER_FNODE);
    while (this.flowIds.has(fnode * FLOW_IDS_PER_FNODE + low)) low = (low + 1) & 0xff_ffff;
    const id = fnode * FLOW_IDS_PER_FNODE + low;
    this.flowIds.add(id);
    return id;
  }

  private addRow(connection: number, start: ConnectionStart, expectation: Expectation | undefined): void {
    const { arena } = this;
    const flow = arena.u32[(arena.u32[(connection + C_FLOW) >>> 2] + F_ID) >>> 2];
    const announcer = expectation === undefined ? undefined : this.firstOfFlow.get(flow);
    const row = newRow(arena, connection, flow, start, expectation?.typeName, announcer);
    if (expectation === undefined) this.firstOfFlow.set(flow, row);
    this.rows.push(row);
    this.active.set(arena.u32[(connection + C_ID) >>> 2], row);
  }
}

/** Bytes of a TCP header up to and with its flags. */
const TCP_FLAGS_END = 14;

/** Places for as many connections as so many bytes of capture can hold. */
function tableCapacity(captureBytes: number): number {
  if (captureBytes === 0) return CAPACITY_UNKNOWN;
  const wanted = captureBytes / BYTES_PER_CONNECTION / TABLE_LOAD;
  return Math.min(CAPACITY_MAX, Math.max(CAPACITY_MIN, 2 ** Math.ceil(Math.log2(wanted))));
}

/**
 * By default TCP connections begin and end by what TCP says alone, and the others by their protocol's idle time. As
 * nothing is pressed for room, stragglers of a closed connection belong to it.
 */
function idleTiming(idle: number | 'none' | undefined): ClassifierTiming {
  if (idle === undefined) return { ...classifierTiming(DEFAULT_TIMING), tcpUs: Infinity, closedUs: Infinity };
  const us = idle === 'none' ? Infinity : idle * 1e6;
  return { tcpUs: us, udpUs: us, icmpUs: us, otherUs: us, closedUs: us };
}
