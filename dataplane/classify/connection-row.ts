import type { FlowId } from '../../domain/base/ids';
import type { ConnectionEnd, ConnectionStart } from './ports';

/** A connection as `flowgrid classify` reports it; `a` sent its first frame. */
export interface ConnectionRow {
  readonly flow: FlowId;
  /** What it carries, as far as its own words tell (`ftp`, `ftp-data`, `tls`, `sip` …), else its protocol's name. */
  type: string;
  /** IP protocol (upper layer). */
  readonly proto: number;
  readonly a: string;
  readonly aPort: number;
  readonly b: string;
  readonly bPort: number;
  /** Outermost VLAN ID; null = untagged. */
  readonly vlan: number | null;
  packetsAB: number;
  packetsBA: number;
  laterFragmentsAB: number;
  laterFragmentsBA: number;
  /** Wire bytes, link header and later fragments included. */
  bytesAB: number;
  bytesBA: number;
  /** Seconds since 1970. */
  firstTs: number;
  lastTs: number;
  start: ConnectionStart;
  end: ConnectionEnd;
  /** The flow ID that the connections of one application flow share. */
  readonly group: FlowId;
}

/** What all records came to. `frames` = `ip` + `nonIp` + `malformed`. */
export interface ClassifySummary {
  readonly summary: true;
  frames: number;
  ip: number;
  nonIp: number;
  /** IP packets that are parts of one, first parts included. */
  fragments: number;
  /** Announced as IP, but with a header that cannot be. */
  malformed: number;
  /** Distinct 5-tuples (ports 0 for protocols without) by protocol; `icmp` counts both versions. */
  tcp: number;
  udp: number;
  icmp: number;
  other: number;
  /** IP packets in no connection: later fragments without a first one; those cut before their ports. */
  orphanFragments: number;
  withoutPorts: number;
  /**
   * TCP packets cut before their flags. They name a 5-tuple, but show no connection: they are in a row only where time
   * and TCP's own signals are to play no part (`--idle none`).
   */
  withoutHeader: number;
}

const names = new Map([
  [1, 'icmp'],
  [2, 'igmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [33, 'dccp'],
  [47, 'gre'],
  [50, 'esp'],
  [51, 'ah'],
  [58, 'icmpv6'],
  [89, 'ospf'],
  [132, 'sctp'],
  [136, 'udplite'],
]);

/** Name of an IP protocol, its number where it has none here. */
export function protocolName(proto: number): string {
  return names.get(proto) ?? `ip-${proto}`;
}

/** Extends a row's time to hold a frame's; captures may step back in time. */
export function noteTime(row: ConnectionRow, seconds: number): void {
  row.firstTs = Math.min(row.firstTs, seconds);
  row.lastTs = Math.max(row.lastTs, seconds);
}

/** A row with what classification goes on to need. */
export interface TrackedRow extends ConnectionRow {
  /** The row's end `a` is end B of the canonical key. */
  readonly aIsB: boolean;
  /** End `a` initiated the connection: it sent the first bare SYN, or the first frame. */
  initiatorIsA: boolean;
  /** The connection runs against its flow's direction. */
  readonly reversed: boolean;
  /** The row of the connection that announced this one. */
  readonly announcedBy?: TrackedRow;
}
