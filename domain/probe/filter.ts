import { FlowgridError } from '../base/errors';
import { parseAddress, type AddressRange } from '../base/address-range';
import { lexFilter, type Token } from './filter-tokens';

/** Which of a frame's two ends is looked at: `any` = one of them, `both` = each of them. */
export type End = 'src' | 'dst' | 'any' | 'both';

/** A filter as a tree: plain data, so that it can cross threads. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly left: Filter; readonly right: Filter }
  | { readonly kind: 'not'; readonly of: Filter }
  /** An IP address in a range; a single host is a range of full length. */
  | { readonly kind: 'address'; readonly end: End; readonly range: AddressRange }
  | { readonly kind: 'ether'; readonly end: End; readonly mac: readonly number[] }
  /** `proto` 0: TCP, UDP or SCTP. */
  | { readonly kind: 'port'; readonly end: End; readonly proto: number; readonly from: number; readonly to: number }
  | { readonly kind: 'ethertype'; readonly value: number }
  /** An IP protocol, over IPv4 or IPv6. */
  | { readonly kind: 'protocol'; readonly value: number }
  /** A VLAN tag of the frame's own; −1 = any. */
  | { readonly kind: 'vlan'; readonly id: number }
  | { readonly kind: 'length'; readonly least: number; readonly most: number }
  | { readonly kind: 'flow'; readonly flow: number }
  | { readonly kind: 'flowtype'; readonly flowType: number }
  /** A control frame: flow type 0. */
  | { readonly kind: 'control' }
  | { readonly kind: 'flag'; readonly bit: number };

const ETHERTYPES: { readonly [word: string]: number } = { ip: 0x0800, ip6: 0x86dd, arp: 0x0806 };
const PROTOCOLS: { readonly [word: string]: number } = { tcp: 6, udp: 17, sctp: 132, icmp: 1, icmp6: 58 };
const WITH_PORTS = new Set(['tcp', 'udp', 'sctp']);
/** Bits of the descriptor's flags (DESIGN section 6). */
const FLAGS: { readonly [word: string]: number } = {
  start: 0x01,
  end: 0x02,
  replica: 0x08,
  reverse: 0x10,
  reemitted: 0x40,
  flood: 0x80,
};
const PORT_MAX = 0xffff;
const LENGTH_MAX = 0xffff;
const DEPTH_MAX = 100;

/**
 * Reads a filter: a subset of the pcap-filter language, and words for what a descriptor says.
 *
 * `and` and `or` have equal precedence and associate to the left, as in pcap-filter(7); `not` binds tighter.
 *
 * @throws FlowgridError `usage` that names the column and what is expected there.
 */
export function parseFilter(text: string): Filter {
  return new FilterParser(text).whole();
}

class FilterParser {
  private readonly tokens: readonly Token[];
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {
    this.tokens = lexFilter(text);
  }

  whole(): Filter {
    const filter = this.expression();
    const { word } = this.peek();
    if (word !== '') throw this.wrong(`'and', 'or' or the end`);
    return filter;
  }

  private expression(): Filter {
    let left = this.term();
    for (;;) {
      const kind = this.take('and', '&&') ? 'and' : this.take('or', '||') ? 'or' : undefined;
      if (kind === undefined) return left;
      left = { kind, left, right: this.term() };
    }
  }

  private term(): Filter {
    if (++this.depth > DEPTH_MAX) throw this.wrong(`at most ${DEPTH_MAX} levels of 'not' and parentheses`);
    try {
      if (this.take('not', '!')) return { kind: 'not', of: this.term() };
      if (!this.take('(')) return this.primitive();
      const inside = this.expression();
      if (!this.take(')')) throw this.wrong(`')'`);
      return inside;
    } finally {
      this.depth--;
    }
  }

  private primitive(): Filter {
    const { word } = this.peek();
    if (word in FLAGS) return this.next({ kind: 'flag', bit: FLAGS[word]! });
    switch (word) {
      case 'vlan':
        this.at++;
        return { kind: 'vlan', id: /^\d/.test(this.peek().word) ? this.number('a VLAN ID', 4095) : -1 };
      case 'less':
        this.at++;
        return { kind: 'length', least: 0, most: this.number('a length', LENGTH_MAX) };
      case 'greater':
        this.at++;
        return { kind: 'length', least: this.number('a length', LENGTH_MAX), most: LENGTH_MAX };
      case 'flow':
        this.at++;
        return { kind: 'flow', flow: this.number('a flow ID, as 0x01abcdef', 0xffff_ffff) };
      case 'flowtype':
        this.at++;
        return { kind: 'flowtype', flowType: this.number('a flow type', 0xffff) };
      case 'control':
        return this.next({ kind: 'control' });
      case 'proto':
        this.at++;
        return { kind: 'protocol', value: this.protocol() };
      case 'ether':
        this.at++;
        return this.etherHost();
      default:
        return this.qualified();
    }
  }

  /** What begins with a protocol, an end, or `host`, `net`, `port`, `portrange`. */
  private qualified(): Filter {
    const { word } = this.peek();
    let proto = '';
    if (word in ETHERTYPES || word in PROTOCOLS) {
      proto = word;
      this.at++;
      if ((word === 'ip' || word === 'ip6') && this.take('proto')) {
        return both({ kind: 'ethertype', value: ETHERTYPES[word]! }, { kind: 'protocol', value: this.protocol() });
      }
      if (!this.begins()) return alone(word);
    }
    const end = this.end();
    const { word: kind } = this.peek();
    if (kind === 'port' || kind === 'portrange') return this.port(proto, end, kind);
    if (kind !== 'host' && kind !== 'net') {
      throw this.wrong(end === 'any' && proto === '' ? 'a condition' : `'host', 'net', 'port' or 'portrange'`);
    }
    this.at++;
    const place = this.peek();
    const range = parseAddress(place.word, kind);
    if (range === undefined) throw this.wrong(kind === 'host' ? 'an IP address' : 'a network, as 10.0.0.0/8');
    this.at++;
    const address: Filter = { kind: 'address', end, range };
    return proto === '' ? address : both(alone(proto), address);
  }

  private port(proto: string, end: End, kind: string): Filter {
    if (proto !== '' && !WITH_PORTS.has(proto)) throw this.wrong(`no port: ${proto} has none`);
    this.at++;
    const ends = kind === 'port' ? this.portPair(/^(\d+)$/) : this.portPair(/^(\d+)-(\d+)$/);
    if (ends === undefined) throw this.wrong(kind === 'port' ? 'a port from 0 to 65535' : 'two ports, as 6000-6010');
    this.at++;
    return { kind: 'port', end, proto: PROTOCOLS[proto] ?? 0, from: ends[0], to: ends[1] };
  }

  private portPair(form: RegExp): [from: number, to: number] | undefined {
    const match = form.exec(this.peek().word);
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? from);
    return match === null || to > PORT_MAX || from > to ? undefined : [from, to];
  }

  private etherHost(): Filter {
    const end = this.end();
    if (!this.take('host')) throw this.wrong(`'host'`);
    const bytes = /^([0-9a-f]{1,2})(?:[:-]([0-9a-f]{1,2})){5}$/i.test(this.peek().word)
      ? this.peek()
          .word.split(/[:-]/)
          .map((byte) => parseInt(byte, 16))
      : undefined;
    if (bytes === undefined) throw this.wrong('a MAC address, as 02:00:5e:00:53:01');
    return this.next({ kind: 'ether', end, mac: bytes });
  }

  /** `src`, `dst`, `src or dst`, `src and dst`; none = either. */
  private end(): End {
    const first = this.take('src') ? 'src' : this.take('dst') ? 'dst' : undefined;
    if (first === undefined) return 'any';
    const joined = this.tokens[this.at]!.word;
    const second = this.tokens[this.at + 1]?.word;
    if ((joined !== 'or' && joined !== 'and') || second !== (first === 'src' ? 'dst' : 'src')) return first;
    this.at += 2;
    return joined === 'or' ? 'any' : 'both';
  }

  /** Whether what a protocol qualifies comes next. */
  private begins(): boolean {
    return ['src', 'dst', 'host', 'net', 'port', 'portrange'].includes(this.peek().word);
  }

  private protocol(): number {
    const { word } = this.peek();
    if (word in PROTOCOLS) {
      this.at++;
      return PROTOCOLS[word]!;
    }
    return this.number('an IP protocol', 255);
  }

  private number(what: string, most: number): number {
    const { word } = this.peek();
    const value = /^(\d+|0x[0-9a-f]+)$/i.test(word) ? Number(word) : NaN;
    if (!(value <= most)) throw this.wrong(`${what}, at most ${most}`);
    this.at++;
    return value;
  }

  private next(filter: Filter): Filter {
    this.at++;
    return filter;
  }

  private take(...words: readonly string[]): boolean {
    if (!words.includes(this.peek().word)) return false;
    this.at++;
    return true;
  }

  private peek(): Token {
    return this.tokens[this.at]!;
  }

  private wrong(expected: string): FlowgridError {
    const { word, column } = this.peek();
    const found = word === '' ? 'the end' : `'${word}'`;
    return new FlowgridError('usage', `filter, column ${column}: expected ${expected}, found ${found}: ${this.text}`, {
      remedy: "for example 'tcp port 80 and host 192.0.2.11'; docs/how-to/probe.md lists every word",
    });
  }
}

function both(left: Filter, right: Filter): Filter {
  return { kind: 'and', left, right };
}

/** What a protocol's word means by itself. */
function alone(word: string): Filter {
  if (word in ETHERTYPES) return { kind: 'ethertype', value: ETHERTYPES[word]! };
  const protocol: Filter = { kind: 'protocol', value: PROTOCOLS[word]! };
  // ICMP is IPv4's and ICMPv6 IPv6's; the others go over both.
  if (word === 'icmp') return both({ kind: 'ethertype', value: ETHERTYPES['ip']! }, protocol);
  if (word === 'icmp6') return both({ kind: 'ethertype', value: ETHERTYPES['ip6']! }, protocol);
  return protocol;
}
