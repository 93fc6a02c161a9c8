import { unreachable } from '../../domain/base/errors';
import type { End, Filter } from '../../domain/probe/filter';
import type { AddressRange } from '../../domain/base/address-range';
import type { FrameFields } from './frame-fields';

/** Whether a frame passes a filter. */
export type FrameTest = (fields: FrameFields) => boolean;

/** Makes a filter into a test, once: the test itself makes nothing. */
export function compileFilter(filter: Filter): FrameTest {
  switch (filter.kind) {
    case 'and': {
      const [left, right] = [compileFilter(filter.left), compileFilter(filter.right)];
      return (fields) => left(fields) && right(fields);
    }
    case 'or': {
      const [left, right] = [compileFilter(filter.left), compileFilter(filter.right)];
      return (fields) => left(fields) || right(fields);
    }
    case 'not': {
      const of = compileFilter(filter.of);
      return (fields) => !of(fields);
    }
    case 'address':
      return addressTest(filter.end, filter.range);
    case 'ether':
      return etherTest(filter.end, Uint8Array.from(filter.mac));
    case 'port':
      return portTest(filter.end, filter.proto, filter.from, filter.to);
    case 'ethertype':
      return (fields) => fields.etherType === filter.value;
    case 'protocol':
      return (fields) => fields.proto === filter.value;
    case 'vlan':
      return (fields) => hasVlan(fields, filter.id);
    case 'length':
      return (fields) => fields.length >= filter.least && fields.length <= filter.most;
    case 'flow':
      return (fields) => fields.flow === filter.flow && fields.flowType !== 0;
    case 'flowtype':
      return (fields) => fields.flowType === filter.flowType;
    case 'control':
      return (fields) => fields.flowType === 0;
    case 'flag':
      return (fields) => (fields.flags & filter.bit) !== 0;
    default:
      return unreachable(filter);
  }
}

function hasVlan({ tags, vlans }: FrameFields, id: number): boolean {
  if (id < 0) return tags > 0;
  for (let i = 0; i < tags; i++) if (vlans[i] === id) return true;
  return false;
}

function addressTest(end: End, { bytes, bits }: AddressRange): FrameTest {
  const version = bytes.length === 4 ? 4 : 6;
  const wanted = Uint8Array.from(bytes);
  const whole = bits >>> 3;
  const mask = bits % 8 === 0 ? 0 : 0xff & ~(0xff >>> (bits % 8));
  const matches = (u8: Uint8Array, at: number): boolean => {
    for (let i = 0; i < whole; i++) if (u8[at + i] !== wanted[i]) return false;
    return mask === 0 || (u8[at + whole]! & mask) === wanted[whole];
  };
  return (fields) =>
    fields.version === version &&
    joined(end, matches(fields.u8, fields.source), matches(fields.u8, fields.destination));
}

function etherTest(end: End, mac: Uint8Array): FrameTest {
  const matches = (u8: Uint8Array, at: number): boolean => {
    for (let i = 0; i < 6; i++) if (u8[at + i] !== mac[i]) return false;
    return true;
  };
  return ({ u8, macs }) => joined(end, matches(u8, macs + 6), matches(u8, macs));
}

function portTest(end: End, proto: number, from: number, to: number): FrameTest {
  const matches = (port: number): boolean => port >= from && port <= to;
  return (fields) =>
    (proto === 0 || fields.proto === proto) && joined(end, matches(fields.sourcePort), matches(fields.destinationPort));
}

function joined(end: End, source: boolean, destination: boolean): boolean {
  switch (end) {
    case 'src':
      return source;
    case 'dst':
      return destination;
    case 'any':
      return source || destination;
    case 'both':
      return source && destination;
  }
}
