import { parsePrefix } from '../classify/addresses';
import type { FrameView } from './frame-view';
import type { FunctionConfig, NumberRange } from './function';

/** Address prefixes (`10.0.0.0/8`, `2001:db8::/32`) that a frame's address is tested against. */
export class PrefixSet {
  private readonly prefixes: readonly { version: number; first: Uint8Array; last: Uint8Array }[];

  /** Reads a list of prefixes from a configuration; an absent list matches everything. */
  constructor(config: FunctionConfig, name: string) {
    this.prefixes = config.strings(name, []).map((text, index) => {
      const prefix = parsePrefix(text);
      if (prefix === undefined) {
        config.fail(
          `${name}[${index}]`,
          `is ${JSON.stringify(text)}`,
          'write a prefix such as 10.0.0.0/8 or 2001:db8::/32',
        );
      }
      return prefix;
    });
  }

  /** Whether the frame's address at offset `at` lies in one of the prefixes, or there are none. */
  matches(frame: FrameView, at: number): boolean {
    if (this.prefixes.length === 0) return true;
    const { ip } = frame;
    for (const { version, first, last } of this.prefixes) {
      if (version === ip && within(frame, at, first, last, version === 4 ? 12 : 0)) return true;
    }
    return false;
  }
}

/** A prefix fixes some leading bits, so the comparison can go byte by byte. */
function within(frame: FrameView, at: number, first: Uint8Array, last: Uint8Array, from: number): boolean {
  for (let i = from; i < 16; i++) {
    const byte = frame.u8(at + i - from);
    if (byte < first[i] || byte > last[i]) return false;
  }
  return true;
}

/** Whether one of the ranges holds `value`; no ranges hold everything. */
export function inRanges(ranges: readonly NumberRange[], value: number): boolean {
  if (ranges.length === 0) return true;
  for (const range of ranges) if (value >= range[0] && value <= range[1]) return true;
  return false;
}

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  ospf: 89,
  sctp: 132,
  udplite: 136,
};

/** Reads a list of protocol names or numbers as text; absent = none given. */
export function readProtocols(config: FunctionConfig, name: string): readonly number[] {
  return config.strings(name, []).map((text, index) => {
    const number = /^\d{1,3}$/.test(text) ? Number(text) : PROTOCOLS[text];
    if (number === undefined || number > 255) {
      config.fail(
        `${name}[${index}]`,
        `is ${JSON.stringify(text)}`,
        `write a number as text or one of ${Object.keys(PROTOCOLS).join(', ')}`,
      );
    }
    return number;
  });
}
