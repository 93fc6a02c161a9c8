import fc from 'fast-check';
import { parsePrefix } from '../../../../dataplane/classify/addresses';
import { compilePolicies } from '../../../../dataplane/classify/policies';
import { Arena } from '../../../../dataplane/frames/arena';
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
} from '../../../../dataplane/frames/layout';
import type { FlowMatch, FlowPolicy } from '../../../../domain/topology/topology';

interface Tuple {
  readonly version: 4 | 6;
  readonly from: number;
  readonly to: number;
  readonly port: number;
  readonly proto: number;
  readonly network: number;
  readonly dscp: number;
  readonly vlan: number;
  readonly initiatorIsB: boolean;
}

/** Small spaces, so that matches are frequent. */
const addressByte = fc.nat(15);
const tuple: fc.Arbitrary<Tuple> = fc.record({
  version: fc.constantFrom(4, 6),
  from: addressByte,
  to: addressByte,
  port: fc.nat(20),
  proto: fc.constantFrom(6, 17, 1),
  network: fc.integer({ min: 1, max: 3 }),
  dscp: fc.nat(3),
  vlan: fc.constantFrom(0xffff, 1, 2),
  initiatorIsB: fc.boolean(),
});
const prefix = fc
  .record({ version: fc.constantFrom(4, 6), byte: addressByte, bits: fc.constantFrom(0, 28, 30, 32) })
  .map(({ version, byte, bits }) =>
    version === 4 ? `10.0.0.${byte}/${bits}` : `2001:db8::${byte.toString(16)}/${bits + 96}`,
  );
const range = fc.tuple(fc.nat(20), fc.nat(20)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const name = fc.constantFrom('a.example', '*.example', 'b.*');
const match: fc.Arbitrary<FlowMatch> = fc.record(
  {
    networks: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 2 }),
    proto: fc.array(fc.constantFrom(6, 17, 1), { minLength: 1, maxLength: 2 }),
    from: fc.array(prefix, { minLength: 1, maxLength: 3 }),
    to: fc.array(prefix, { minLength: 1, maxLength: 3 }),
    port: fc.array(range, { minLength: 1, maxLength: 3 }),
    dscp: fc.array(fc.nat(3), { minLength: 1, maxLength: 2 }),
    vlan: fc.array(fc.constantFrom(1, 2), { minLength: 1, maxLength: 1 }),
    sni: fc.array(name, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);

function policies(matches: readonly FlowMatch[]): FlowPolicy[] {
  return matches.map((one, id) => {
    const names = { name: `p${id}`, typeName: `t${id}` };
    return { id, ...names, flowType: id + 1, match: one, paths: [], criteria: 'static' as const };
  });
}

function addressBytes(version: 4 | 6, last: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(version === 4 ? [10, 0, 0, last] : [0x20, 0x01, 0x0d, 0xb8], version === 4 ? 12 : 0);
  bytes[15] = last;
  return bytes;
}

const arena = Arena.create({ slots: 1, bytes: 0 });
const slot = arena.slot(0);

function write(one: Tuple): void {
  const key = slot + S_KEY;
  const put = (address: number, bytes: Uint8Array): void => arena.u8.set(bytes, key + address);
  put(one.initiatorIsB ? K_ADDR_B : K_ADDR_A, addressBytes(one.version, one.from));
  put(one.initiatorIsB ? K_ADDR_A : K_ADDR_B, addressBytes(one.version, one.to));
  arena.u16[(key + (one.initiatorIsB ? K_PORT_A : K_PORT_B)) >>> 1] = one.proto === 1 ? 0 : one.port;
  arena.u16[(key + (one.initiatorIsB ? K_PORT_B : K_PORT_A)) >>> 1] = 9999;
  arena.u8[key + K_PROTO] = one.proto;
  arena.u8[key + K_IP] = one.version;
  arena.u16[(key + K_NETWORK) >>> 1] = one.network;
  arena.u16[(key + K_VLAN_1) >>> 1] = one.vlan;
  arena.u8[slot + S_DSCP] = one.dscp;
  arena.u16[(slot + S_ETHERTYPE) >>> 1] = 0x0800;
}

function within(prefixes: readonly string[] | undefined, version: 4 | 6, last: number): boolean {
  if (prefixes === undefined) return true;
  const address = Buffer.from(addressBytes(version, last));
  return prefixes.some((text) => {
    const parsed = parsePrefix(text)!;
    return parsed.version === version && address.compare(parsed.first) >= 0 && address.compare(parsed.last) <= 0;
  });
}

/** The plain reading of a match, but for names. */
function matches(one: FlowMatch, frame: Tuple): boolean {
  const has = (list: readonly number[] | undefined, value: number): boolean =>
    list === undefined || list.includes(value);
  const ports =
    one.port === undefined || (frame.proto !== 1 && one.port.some(([a, b]) => a <= frame.port && frame.port <= b));
  return (
    has(one.networks, frame.network) &&
    has(one.proto, frame.proto) &&
    has(one.dscp, frame.dscp) &&
    has(one.vlan, frame.vlan) &&
    ports &&
    within(one.from, frame.version, frame.from) &&
    within(one.to, frame.version, frame.to)
  );
}

function named(one: FlowMatch, host: string): boolean {
  if (one.sni === undefined) return true;
  return one.sni.some((glob) =>
    glob === '*.example' ? host.endsWith('.example') : glob === 'b.*' ? host.startsWith('b.') : glob === host,
  );
}

describe('FG-66: compiled policies choose as a reading from first to last does', () => {
  it('by the first frame, and again when the name is known', () => {
    fc.assert(
      fc.property(
        fc.array(match, { maxLength: 70 }),
        fc.array(tuple, { minLength: 1, maxLength: 20 }),
        fc.constantFrom('a.example', 'b.example', 'c.test'),
        (list, frames, host) => {
          const compiled = compilePolicies(policies(list));
          for (const frame of frames) {
            write(frame);
            const plain = list.findIndex((one) => one.sni === undefined && matches(one, frame));
            expect(compiled.match(arena, slot, frame.initiatorIsB)).toBe(plain);
            const earlier = list.findIndex((one) => one.sni !== undefined && matches(one, frame));
            const awaiting = frame.proto === 6 && earlier !== -1 && (plain === -1 || earlier < plain);
            expect(compiled.awaiting).toBe(awaiting);
            const chosen = list.findIndex((one) => matches(one, frame) && named(one, host));
            expect(compiled.matchNamed(arena, slot, frame.initiatorIsB, 'sni', host)).toBe(chosen);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('refuses a prefix that cannot be read, and names policy and text', () => {
    expect(() => compilePolicies(policies([{ from: ['10.0.0/8'] }]))).toThrow(
      expect.objectContaining({ code: 'invalid-grid', message: "policy p0: '10.0.0/8' is no address prefix" }),
    );
  });
});
