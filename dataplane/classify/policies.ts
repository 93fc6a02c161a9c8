import { FlowgridError } from '../../domain/base/errors';
import type { FlowMatch, FlowPolicy } from '../../domain/topology/topology';
import type { Arena } from '../frames/arena';
import {
  K_ADDR_A,
  K_ADDR_B,
  K_IP,
  K_NETWORK,
  K_PORT_A,
  K_PORT_B,
  K_PROTO,
  K_VLAN_1,
  S_DSCP,
  S_ETHERTYPE,
  S_KEY,
} from '../frames/layout';
import { hasPorts, PROTO_TCP } from '../headers/numbers';
import { parsePrefix } from './addresses';
import { type Interval, IntervalSets } from './interval-sets';

/** What a server's name was read from. */
export type NameKind = 'sni' | 'httpHost';

/** Longest host name (RFC 1035); longer ones are nobody's, and not worth matching. */
const NAME_MAX = 255;

/**
 * Policies, compiled so that matching a new flow costs a few look-ups, each a bit set with one bit a policy, whose
 * intersection's first bit is the first policy that matches: the cost grows by one AND per 32 policies and dimension.
 * Frames of established flows never come here.
 */
export class CompiledPolicies {
  /** After {@link match}: an earlier policy would match if the server had a certain name, so later bytes may refine. */
  awaiting = false;
  private readonly words: number;
  private readonly all: Uint32Array;
  private readonly named: Uint32Array;
  private readonly bits: Uint32Array;
  private readonly network: ValueSets;
  private readonly proto: ValueSets;
  private readonly dscp: ValueSets;
  private readonly vlan: ValueSets;
  private readonly etherType: ValueSets;
  private readonly port: IntervalSets;
  private readonly portless: Uint32Array;
  private readonly ends: readonly AddressSets[];
  private readonly names: readonly { readonly sni?: RegExp; readonly httpHost?: RegExp }[];

  /** @throws FlowgridError `invalid-grid` for a prefix that cannot be read. */
  constructor(policies: readonly FlowPolicy[]) {
    const matches = policies.map((policy) => policy.match);
    this.words = Math.max(1, Math.ceil(policies.length / 32));
    this.bits = new Uint32Array(this.words);
    this.all = this.without(matches, () => undefined);
    this.named = complement(
      this.without(matches, (match) => match.sni ?? match.httpHost),
      this.all,
    );
    this.network = this.values(matches, (match) => match.networks);
    this.proto = this.values(matches, (match) => match.proto);
    this.dscp = this.values(matches, (match) => match.dscp);
    this.vlan = this.values(matches, (match) => match.vlan);
    this.etherType = this.values(matches, (match) => match.etherType);
    this.portless = this.without(matches, (match) => match.port);
    this.port = new IntervalSets(portIntervals(matches), 1, this.portless);
    this.ends = [
      new AddressSets(
        policies,
        (match) => match.from,
        this.without(matches, (match) => match.from),
      ),
      new AddressSets(
        policies,
        (match) => match.to,
        this.without(matches, (match) => match.to),
      ),
    ];
    this.names = matches.map((match) => ({
      ...(match.sni === undefined ? {} : { sni: globs(match.sni) }),
      ...(match.httpHost === undefined ? {} : { httpHost: globs(match.httpHost) }),
    }));
  }

  /**
   * The first policy that matches a new flow, by its first frame, as an index into the policies given; −1 if none does.
   * @param initiatorIsB the flow's initiator is end B of the slot's key
   */
  match(arena: Arena, slot: number, initiatorIsB: boolean): number {
    this.intersect(arena, slot, initiatorIsB);
    const { bits, named } = this;
    let plain = -1;
    for (let i = 0; i < bits.length && plain === -1; i++) plain = lowestBit(bits[i] & ~named[i], i);
    this.awaiting = arena.u8[slot + S_KEY + K_PROTO] === PROTO_TCP && this.hasNamedBefore(plain);
    return plain;
  }

  /** The first policy that matches now that the server's name is known; −1 if none does. */
  matchNamed(arena: Arena, slot: number, initiatorIsB: boolean, kind: NameKind, name: string): number {
    this.intersect(arena, slot, initiatorIsB);
    for (let i = 0; i < this.bits.length; i++) {
      for (let left = this.bits[i]; left !== 0; left &= left - 1) {
        const policy = lowestBit(left, i);
        const isNamed = (this.named[i] & (1 << (policy & 31))) !== 0;
        if (!isNamed || (name.length <= NAME_MAX && this.names[policy][kind]?.test(name))) return policy;
      }
    }
    return -1;
  }

  /** Leaves in `bits` the policies that match by everything but names. */
  private intersect(arena: Arena, slot: number, initiatorIsB: boolean): void {
    const { bits } = this;
    const key = slot + S_KEY;
    const proto = arena.u8[key + K_PROTO];
    bits.set(this.all);
    this.network.and(bits, arena.u16[(key + K_NETWORK) >>> 1]);
    this.proto.and(bits, proto);
    this.dscp.and(bits, arena.u8[slot + S_DSCP]);
    this.vlan.and(bits, arena.u16[(key + K_VLAN_1) >>> 1]);
    this.etherType.and(bits, arena.u16[(slot + S_ETHERTYPE) >>> 1]);
    if (hasPorts(proto)) this.port.and(bits, arena.u16[(key + (initiatorIsB ? K_PORT_A : K_PORT_B)) >>> 1]);
    else andInto(bits, this.portless);
    const version = arena.u8[key + K_IP];
    this.ends[0].and(bits, arena, key + (initiatorIsB ? K_ADDR_B : K_ADDR_A), version);
    this.ends[1].and(bits, arena, key + (initiatorIsB ? K_ADDR_A : K_ADDR_B), version);
  }

  private hasNamedBefore(plain: number): boolean {
    for (let i = 0; i < this.words; i++) {
      const found = lowestBit(this.bits[i] & this.named[i], i);
      if (found !== -1) return plain === -1 || found < plain;
    }
    return false;
  }

  /** Bit set of the policies whose match lacks a member: they do not mind. */
  private without(matches: readonly FlowMatch[], member: (match: FlowMatch) => unknown): Uint32Array {
    const set = new Uint32Array(this.words);
    matches.forEach((match, index) => {
      if (member(match) === undefined) set[index >>> 5] |= 1 << (index & 31);
    });
    return set;
  }

  private values(
    matches: readonly FlowMatch[],
    member: (match: FlowMatch) => readonly number[] | undefined,
  ): ValueSets {
    return new ValueSets(matches.map(member), this.without(matches, member));
  }
}

/** Compiles a topology's policies, in their order. */
export function compilePolicies(policies: readonly FlowPolicy[]): CompiledPolicies {
  return new CompiledPolicies(policies);
}

/** For each value that some policy names, the policies that accept it. */
class ValueSets {
  private readonly sets = new Map<number, Uint32Array>();

  constructor(
    lists: readonly (readonly number[] | undefined)[],
    private readonly others: Uint32Array,
  ) {
    lists.forEach((list, index) => {
      for (const value of list ?? []) {
        const set = this.sets.get(value) ?? others.slice();
        set[index >>> 5] |= 1 << (index & 31);
        this.sets.set(value, set);
      }
    });
  }

  and(target: Uint32Array, value: number): void {
    if (this.sets.size === 0) andInto(target, this.others);
    else andInto(target, this.sets.get(value) ?? this.others);
  }
}

/** For each address of one end, the policies that accept it. */
class AddressSets {
  private readonly v4: IntervalSets;
  private readonly v6: IntervalSets;

  constructor(
    policies: readonly FlowPolicy[],
    member: (match: FlowMatch) => readonly string[] | undefined,
    private readonly others: Uint32Array,
  ) {
    const intervals: { 4: Interval[]; 6: Interval[] } = { 4: [], 6: [] };
    policies.forEach((policy, index) => {
      for (const text of member(policy.match) ?? []) {
        const prefix = parsePrefix(text);
        if (prefix === undefined) {
          throw new FlowgridError('invalid-grid', `policy ${policy.name}: '${text}' is no address prefix`, {
            remedy: 'Write prefixes like 10.0.0.0/8 or 2001:db8::/32.',
          });
        }
        const first = bigint(prefix.first);
        const last = bigint(prefix.last);
        intervals[prefix.version].push({ first, last, member: index });
      }
    });
    this.v4 = new IntervalSets(intervals[4], 1, others);
    this.v6 = new IntervalSets(intervals[6], 4, others);
  }

  and(target: Uint32Array, arena: Arena, address: number, version: number): void {
    if (version === 4) this.v4.and(target, arena.view.getUint32(address + 12, false));
    else if (version === 6) {
      const { view } = arena;
      const d = view.getUint32(address + 12, false);
      this.v6.andWide(target, view.getUint32(address), view.getUint32(address + 4), view.getUint32(address + 8), d);
    } else andInto(target, this.others);
  }
}

function portIntervals(matches: readonly FlowMatch[]): Interval[] {
  return matches.flatMap((match, member) =>
    (match.port ?? []).map(([first, last]) => ({ first: BigInt(first), last: BigInt(last), member })),
  );
}

function bigint(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** Host names with `*` for any run of characters, in one expression. */
function globs(patterns: readonly string[]): RegExp {
  const alternatives = patterns.map((pattern) => pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*'));
  return new RegExp(`^(?:${alternatives.join('|')})$`, 'i');
}

function andInto(target: Uint32Array, set: Uint32Array): void {
  for (let i = 0; i < target.length; i++) target[i] &= set[i];
}

function complement(set: Uint32Array, all: Uint32Array): Uint32Array {
  return set.map((word, index) => all[index] & ~word);
}

/** Number of the lowest bit set in word `index` of a bit set; −1 if there is none. */
function lowestBit(word: number, index: number): number {
  return word === 0 ? -1 : index * 32 + (31 - Math.clz32(word & -word));
}
