import { shortestIdleMs } from '../../domain/grid/timing';
import type { Timing } from '../../domain/topology/topology';
import { CS_CLOSED } from '../frames/layout';
import { PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP } from '../headers/numbers';

/** How long a silent connection is kept, microseconds. */
export interface ClassifierTiming {
  readonly tcpUs: number;
  readonly udpUs: number;
  readonly icmpUs: number;
  readonly otherUs: number;
  /** After its last frame, once it has closed: stragglers still find it. */
  readonly closedUs: number;
}

/** Long enough for retransmitted FINs and ACKs; a new SYN needs no wait. */
const CLOSED_US = 10_000_000;

/** A topology's idle timeouts, in microseconds. */
export function classifierTiming(timing: Timing): ClassifierTiming {
  return {
    tcpUs: timing.tcpIdleMs * 1000,
    udpUs: timing.udpIdleMs * 1000,
    icmpUs: timing.icmpIdleMs * 1000,
    otherUs: timing.otherIdleMs * 1000,
    closedUs: Math.min(Math.max(CLOSED_US, shortestIdleMs(timing) * 1000), timing.tcpIdleMs * 1000),
  };
}

/** How long a connection of protocol `proto` with state bits `state` may be silent, microseconds. */
export function idleLimit(timing: ClassifierTiming, proto: number, state: number): number {
  if ((state & CS_CLOSED) !== 0) return timing.closedUs;
  switch (proto) {
    case PROTO_TCP:
      return timing.tcpUs;
    case PROTO_UDP:
      return timing.udpUs;
    case PROTO_ICMP:
    case PROTO_ICMPV6:
      return timing.icmpUs;
    default:
      return timing.otherUs;
  }
}
