import { FlowgridError } from '../../domain/base/errors';
import type { TraceSubject } from './programs';
import { parseFlowId } from './values';

const PROTOCOLS: { readonly [name: string]: number } = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  icmpv6: 58,
  icmp6: 58,
  sctp: 132,
};
const PORT_MAX = 65535;

/**
 * Reads what `trace` is asked about: a flow ID (`0x01abcdef`), a frame of a capture (`web.pcap:120`), or a connection
 * (`tcp 10.0.0.1:1234 10.0.0.2:80`, `udp [2001:db8::1]:53 [2001:db8::2]:4000`, `icmp 10.0.0.1 10.0.0.2`; also with five
 * words, and with `>` or `->` between the ends).
 *
 * @throws FlowgridError `usage`.
 */
export function parseSubject(words: readonly string[]): TraceSubject {
  const parts = words.flatMap((word) => word.trim().split(/\s+/)).filter((part) => part !== '>' && part !== '->');
  if (words.length === 1) {
    const frame = /^(.+):(\d+)$/.exec(words[0]!);
    if (/^(0x[0-9a-f]+|\d+)$/i.test(words[0]!)) return { kind: 'flow', flow: parseFlowId(words[0]!) };
    if (frame !== null && parts.length === 1) return { kind: 'frame', capture: frame[1]!, frame: Number(frame[2]) };
  }
  const tuple = parts.length === 3 ? fromEnds(parts) : parts.length === 5 ? fromFive(parts) : undefined;
  if (tuple !== undefined) return { kind: 'tuple', tuple };
  throw new FlowgridError('usage', `'${words.join(' ')}' names no flow, frame or connection`, {
    remedy: 'for example 0x01abcdef, web.pcap:120, or tcp 10.0.0.1:1234 10.0.0.2:80 (ICMP: without ports)',
  });
}

type Tuple = Extract<TraceSubject, { kind: 'tuple' }>['tuple'];

function fromEnds([protocol, one, other]: readonly string[]): Tuple | undefined {
  const proto = protocolOf(protocol!);
  const a = endOf(one!);
  const b = endOf(other!);
  if (proto === undefined || a === undefined || b === undefined) return undefined;
  return { proto, a: a.address, aPort: a.port, b: b.address, bPort: b.port };
}

function fromFive([protocol, a, aPort, b, bPort]: readonly string[]): Tuple | undefined {
  const proto = protocolOf(protocol!);
  const ports = [portOf(aPort!), portOf(bPort!)];
  if (proto === undefined || ports[0] === undefined || ports[1] === undefined) return undefined;
  return { proto, a: a!, aPort: ports[0], b: b!, bPort: ports[1] };
}

function protocolOf(word: string): number | undefined {
  const named = PROTOCOLS[word.toLowerCase()];
  if (named !== undefined) return named;
  return /^\d{1,3}$/.test(word) && Number(word) <= 255 ? Number(word) : undefined;
}

function endOf(text: string): { address: string; port: number } | undefined {
  const bracketed = /^\[([0-9a-f:.]+)\](?::(\d+))?$/i.exec(text);
  const dotted = /^(\d+\.\d+\.\d+\.\d+)(?::(\d+))?$/.exec(text);
  const match = bracketed ?? dotted;
  if (match === null) return /^[0-9a-f:.]+$/i.test(text) && text.includes(':') ? { address: text, port: 0 } : undefined;
  const port = match[2] === undefined ? 0 : portOf(match[2]);
  return port === undefined ? undefined : { address: match[1]!, port };
}

function portOf(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= PORT_MAX ? Number(text) : undefined;
}
