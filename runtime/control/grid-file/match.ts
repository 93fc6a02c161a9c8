import { VLAN_ID_MAX } from '../../../domain/link/vlan-settings';
import type { FlowMatch } from '../../../domain/topology/topology';
import type { Names } from './names';
import type { Reader, Value } from './reader';

const MEMBERS = ['networks', 'proto', 'from', 'to', 'port', 'dscp', 'vlan', 'etherType', 'sni', 'httpHost'] as const;

/** IP protocols that a file may name; others are given by number. */
const PROTOCOLS: { readonly [name: string]: number } = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  gre: 47,
  esp: 50,
  icmpv6: 58,
  sctp: 132,
};

/** EtherTypes that a file may name. */
const ETHER_TYPES: { readonly [name: string]: number } = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd, lldp: 0x88cc };

const PREFIX = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)(\/\d{1,3})?$/i;

/** Reads a match: what is not written matches anything. */
export function readMatch(reader: Reader, value: Value, networks: Names): FlowMatch {
  const members = reader.members(value, 'match', MEMBERS);
  const list = <Item>(member: Value, read: (item: Value) => Item): readonly Item[] | undefined =>
    reader.isAbsent(member) ? undefined : reader.items(member).map(read);
  const match = {
    networks: list(members.networks, (item) => networks.id(item, 'match: networks')),
    proto: list(members.proto, (item) => numberOrName(reader, item, 'proto', 255, PROTOCOLS)),
    from: list(members.from, (item) => prefix(reader, item, 'from')),
    to: list(members.to, (item) => prefix(reader, item, 'to')),
    port: list(members.port, (item) => portRange(reader, item)),
    dscp: list(members.dscp, (item) => reader.integer(item, 'match: dscp', [0, 63])),
    vlan: list(members.vlan, (item) => reader.integer(item, 'match: vlan', [0, VLAN_ID_MAX])),
    etherType: list(members.etherType, (item) => numberOrName(reader, item, 'etherType', 65_535, ETHER_TYPES)),
    sni: list(members.sni, (item) => reader.text(item, 'match: sni')),
    httpHost: list(members.httpHost, (item) => reader.text(item, 'match: httpHost')),
  };
  // Only what was written: an absent member matches anything, also in the state's canonical text.
  return Object.fromEntries(Object.entries(match).filter(([, list]) => list !== undefined)) as FlowMatch;
}

function numberOrName(
  reader: Reader,
  item: Value,
  what: string,
  most: number,
  names: { readonly [name: string]: number },
): number {
  const text = reader.text(item, `match: ${what}`);
  const number = Object.hasOwn(names, text) ? names[text]! : Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= most) return number;
  reader.problem(item, `match: ${what} ${text} is unknown`, `a number, or one of ${Object.keys(names).join(', ')}`);
  return 0;
}

function prefix(reader: Reader, item: Value, what: string): string {
  const text = reader.text(item, `match: ${what}`);
  if (!PREFIX.test(text)) {
    reader.problem(item, `match: ${what} ${text} is no address prefix`, 'write it as 10.0.0.0/8 or 2001:db8::/32');
  }
  return text;
}

/** `443`, or `"6000-6010"`. */
function portRange(reader: Reader, item: Value): readonly [number, number] {
  const text = reader.text(item, 'match: port');
  const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const range = [Number(first), Number(last ?? first)] as const;
  if (first !== undefined && range[0] <= range[1] && range[1] <= 65_535) return range;
  reader.problem(item, `match: port ${text} is no port`, 'write 443, or "6000-6010"');
  return [0, 0];
}
