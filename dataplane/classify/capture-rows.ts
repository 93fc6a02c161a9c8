import type { FlowId } from '../../domain/base/ids';
import type { Arena } from '../frames/arena';
import {
  C_KEY,
  C_STATE,
  CS_B_INITIATES,
  CS_FLOW_REVERSED,
  K_ADDR_A,
  K_ADDR_B,
  K_IP,
  K_PORT_A,
  K_PORT_B,
  K_PROTO,
  K_VLAN_1,
} from '../frames/layout';
import { NO_VLAN, PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP } from '../headers/numbers';
import { type CaptureRecord, recordSeconds } from '../packet-ports/capture/record';
import { formatAddress } from './addresses';
import { type ConnectionRow, noteTime, protocolName, type TrackedRow } from './connection-row';
import type { ConnectionStart } from './ports';

/** The row of a new connection, before its first frame is counted. */
export function newRow(
  arena: Arena,
  connection: number,
  flow: FlowId,
  start: ConnectionStart,
  typeName: string | undefined,
  announcer: TrackedRow | undefined,
): TrackedRow {
  const key = connection + C_KEY;
  const state = arena.u32[(connection + C_STATE) >>> 2];
  const aIsB = (state & CS_B_INITIATES) !== 0;
  const version = arena.u8[key + K_IP];
  const vlan = arena.u16[(key + K_VLAN_1) >>> 1];
  return {
    flow,
    type: typeName ?? protocolName(arena.u8[key + K_PROTO]),
    proto: arena.u8[key + K_PROTO],
    a: formatAddress(arena.u8, key + (aIsB ? K_ADDR_B : K_ADDR_A), version),
    aPort: arena.u16[(key + (aIsB ? K_PORT_B : K_PORT_A)) >>> 1],
    b: formatAddress(arena.u8, key + (aIsB ? K_ADDR_A : K_ADDR_B), version),
    bPort: arena.u16[(key + (aIsB ? K_PORT_A : K_PORT_B)) >>> 1],
    vlan: vlan === NO_VLAN ? null : vlan,
    packetsAB: 0,
    packetsBA: 0,
    laterFragmentsAB: 0,
    laterFragmentsBA: 0,
    bytesAB: 0,
    bytesBA: 0,
    firstTs: Infinity,
    lastTs: -Infinity,
    start,
    end: 'eof',
    group: flow,
    aIsB,
    initiatorIsA: true,
    reversed: (state & CS_FLOW_REVERSED) !== 0,
    ...(announcer === undefined ? {} : { announcedBy: announcer }),
  };
}

/** Adds a frame to its connection's row; `fromA`: it goes from `a` to `b`. */
export function countFrame(row: ConnectionRow, fromA: boolean, record: CaptureRecord): void {
  if (fromA) {
    row.packetsAB++;
    row.bytesAB += record.wireLen;
  } else {
    row.packetsBA++;
    row.bytesBA += record.wireLen;
  }
  noteTime(row, recordSeconds(record));
}

/** Under which of the summary's counts a protocol falls. */
export function protocolClass(proto: number): 'tcp' | 'udp' | 'icmp' | 'other' {
  if (proto === PROTO_TCP) return 'tcp';
  if (proto === PROTO_UDP) return 'udp';
  return proto === PROTO_ICMP || proto === PROTO_ICMPV6 ? 'icmp' : 'other';
}

/** A 5-tuple without order of its ends. */
export function tupleText(proto: number, a: string, aPort: number, b: string, bPort: number): string {
  const ends = [`${a} ${aPort}`, `${b} ${bPort}`].sort();
  return `${proto} ${ends[0]} ${ends[1]}`;
}

/** The 5-tuple of the canonical key at `key`, as {@link tupleText} writes it. */
export function keyTuple(arena: Arena, key: number): string {
  const { u8, u16 } = arena;
  const version = u8[key + K_IP];
  const a = formatAddress(u8, key + K_ADDR_A, version);
  const b = formatAddress(u8, key + K_ADDR_B, version);
  return tupleText(u8[key + K_PROTO], a, u16[(key + K_PORT_A) >>> 1], b, u16[(key + K_PORT_B) >>> 1]);
}
