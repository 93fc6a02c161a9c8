import * as fc from 'fast-check';
import { payload, put16 } from '../mtu/packets';
import {
  addressBytes,
  arpFrame,
  datagram,
  discoveryFrame,
  during,
  EAST,
  ipFrame,
  MAC_OF,
  routerGrid,
  send,
  WEST,
} from './router-grid';
import { expectSound } from './sound';
import type { Left } from './test-grid';

const STATIONS = {
  [WEST]: { mac: '02:00:00:00:00:11', 4: '10.1.0.11', 6: '2001:db8:1::11' },
  [EAST]: { mac: '02:00:00:00:00:22', 4: '10.2.0.22', 6: '2001:db8:2::22' },
};
const ROUTER = {
  [WEST]: { 4: '10.1.0.1', 6: '2001:db8:1::1' },
  [EAST]: { 4: '10.2.0.1', 6: '2001:db8:2::1' },
};

interface Sent {
  readonly from: typeof WEST | typeof EAST;
  readonly version: 4 | 6;
  readonly mayBeCut: boolean;
  /** Of the packet: beyond what the network takes by which it leaves, or below. */
  readonly beyond: number;
  readonly port: number;
  readonly padding: number;
}

const sent: fc.Arbitrary<Sent> = fc.record({
  from: fc.constantFrom(WEST as typeof WEST, EAST as typeof EAST),
  version: fc.constantFrom<4 | 6>(4, 6),
  mayBeCut: fc.boolean(),
  beyond: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -1200, max: 6000 })),
  port: fc.integer({ min: 1, max: 3 }),
  padding: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(40) }),
});
const mtu = fc.integer({ min: 1280, max: 4000 });

/** The packet as it enters, without padding. */
function packetOf({ from, version, mayBeCut, port }: Sent, bytes: number, id: number): Uint8Array {
  const to = from === WEST ? EAST : WEST;
  const [a, b] = from === WEST ? [5000 + port, 53] : [53, 5000 + port];
  const length = bytes - (version === 4 ? 28 : 48);
  const body = Uint8Array.of(...datagram(a, b, '').subarray(0, 4), 0, 0, 0, 0, ...payload(length, id));
  put16(body, 4, body.length);
  const ends = { from: STATIONS[from][version], to: STATIONS[to][version] };
  return ipFrame({ ...ends, fromMac: STATIONS[from].mac, toMac: MAC_OF[from]!, id, mayBeCut, body });
}

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Puts IPv4 fragments together as a host does, by their offsets. */
function reassembled(parts: readonly Left[]): Uint8Array {
  const pieces = parts.map(({ bytes }) => {
    const end = 14 + u16(bytes, 16);
    return { at: 8 * (u16(bytes, 20) & 0x1fff), more: (bytes[20]! & 0x20) !== 0, body: bytes.subarray(34, end) };
  });
  pieces.sort((a, b) => a.at - b.at);
  let length = 0;
  for (const { at, body } of pieces) {
    expect(at).toBe(length);
    length += body.length;
  }
  expect(pieces.map(({ more }) => more)).toEqual(pieces.map((_, i) => i < pieces.length - 1));
  return Uint8Array.from(pieces.flatMap(({ body }) => [...body]));
}

describe('packets of any length between networks of any MTU', () => {
  test('FG-606: nothing leaves that a network does not take; what is cut makes up what came, what is refused is quoted', () => {
    const seen = { whole: 0, cut: 0, told: 0 };
    fc.assert(
      fc.property(
        mtu,
        mtu,
        fc.integer({ min: 1, max: 2 }),
        fc.array(sent, { minLength: 5, maxLength: 25 }),
        (west, east, inodes, all) => {
          const mtus = { [WEST]: west, [EAST]: east };
          const g = routerGrid({ inodes, mtus });
          const slots = g.freeSlots();
          for (const network of [WEST, EAST] as const) {
            const { mac, 4: ip, 6: ip6 } = STATIONS[network];
            send(g, network, arpFrame(1, { mac, ip }, { mac: '', ip: ROUTER[network][4] }));
            const router = { mac: MAC_OF[network]!, ip: ROUTER[network][6] };
            send(g, network, discoveryFrame(135, { mac, ip: ip6 }, router, router.ip));
          }
          all.forEach((each, i) => {
            const { from, version, beyond, padding } = each;
            const to = from === WEST ? EAST : WEST;
            const packet = packetOf(each, Math.max(64, mtus[to]! + beyond), i + 1);
            const bytes = packet.length - 14;
            const left = send(g, from, Uint8Array.of(...packet, ...new Uint8Array(padding)));
            if (bytes <= mtus[to]!) {
              // Padding alone is nobody's fault that could be told of it.
              if (bytes + padding > mtus[to]!) return expect(left).toEqual([]);
              seen.whole++;
              expect(left.map(({ network }) => network)).toEqual([to]);
              return expect(hex(left[0]!.bytes.subarray(version === 4 ? 26 : 22, 14 + bytes))).toBe(
                hex(packet.subarray(version === 4 ? 26 : 22)),
              );
            }
            if (version === 4 && each.mayBeCut) {
              seen.cut++;
              expect(left.length).toBeGreaterThan(1);
              expect(left.every(({ network }) => network === to)).toBe(true);
              return expect(hex(reassembled(left))).toBe(hex(packet.subarray(34)));
            }
            seen.told++;
            expect(left.map(({ network }) => network)).toEqual([from]);
            const told = left[0]!.bytes;
            const icmp = version === 4 ? 34 : 54;
            expect([told[icmp], told[icmp + 1], u16(told, icmp + 6)]).toEqual([
              ...(version === 4 ? [3, 4] : [2, 0]),
              mtus[to],
            ]);
            const source = version === 4 ? told.subarray(26, 30) : told.subarray(22, 38);
            expect(hex(source)).toBe(hex(addressBytes(ROUTER[from][version])));
            expect(told.length).toBe(14 + (version === 4 ? 576 : 1280));
            expect(hex(told.subarray(icmp + 8))).toBe(hex(packet.subarray(14, 14 + told.length - icmp - 8)));
          });
          for (const { network, bytes } of g.left) expect(bytes.length).toBeLessThanOrEqual(14 + mtus[network]!);
          during(g, 500);
          expect(g.freeSlots()).toBe(slots);
          expectSound(g);
        },
      ),
      { numRuns: 40 },
    );
    for (const times of Object.values(seen)) expect(times).toBeGreaterThan(20);
  });
});
