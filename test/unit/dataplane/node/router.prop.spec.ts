import * as fc from 'fast-check';
import {
  arpFrame,
  datagram,
  discoveryFrame,
  EAST,
  during,
  ipFrame,
  MAC_OF,
  NORTH,
  routerGrid,
  WEST,
} from './router-grid';
import { expectSound } from './sound';

/** A station on a network, sometimes one of another, or nobody's. */
const mac = (network: number): fc.Arbitrary<string> =>
  fc.constantFrom('02:00:00:00:00:11', '02:00:00:00:00:12', MAC_OF[network]!, MAC_OF[network]!, 'ff:ff:ff:ff:ff:ff');
const ip = (network: number): fc.Arbitrary<string> => {
  const prefix = { [WEST]: '10.1.0', [EAST]: '10.2.0', [NORTH]: '10.3.0' }[network];
  const there = [`${prefix}.1`, `${prefix}.1`, `${prefix}.11`, `${prefix}.12`];
  return fc.constantFrom(
    ...there,
    '10.1.0.11',
    '10.2.0.22',
    '10.2.0.255',
    '198.51.100.7',
    '203.0.113.1',
    '0.0.0.0',
    '224.0.0.1',
  );
};
const ip6 = (network: number): fc.Arbitrary<string> => {
  const prefix = { [WEST]: '2001:db8:1', [EAST]: '2001:db8:2', [NORTH]: '2001:db8:3' }[network];
  const there = [`${prefix}::1`, `${prefix}::1`, `${prefix}::11`];
  return fc.constantFrom(...there, '2001:db8:2::22', '2001:db8:9::1', 'fe80::11', 'ff02::1:ff00:1', '::', '::1');
};

const icmp = fc
  .tuple(fc.constantFrom(0, 3, 5, 8, 11, 128), fc.uint8Array({ maxLength: 60 }))
  .map(([type, rest]) => Uint8Array.of(type, 0, 0, 0, ...rest));

function whole(network: number): fc.Arbitrary<Uint8Array> {
  const [anyMac, any4, any6] = [mac(network), ip(network), ip6(network)];
  const toRouter = fc.oneof({ weight: 4, arbitrary: fc.constant(MAC_OF[network]!) }, { weight: 1, arbitrary: anyMac });
  const arp = fc
    .tuple(fc.constantFrom(1, 2, 9), anyMac, any4, anyMac, any4)
    .map(([operation, from, sender, to, target]) =>
      arpFrame(operation, { mac: from, ip: sender }, { mac: to, ip: target }),
    );
  const discovery = fc
    .tuple(fc.constantFrom<135 | 136>(135, 136), anyMac, any6, anyMac, any6, any6, fc.nat(255))
    .map(([type, from, sender, to, receiver, target, flags]) =>
      discoveryFrame(type, { mac: from, ip: sender }, { mac: to, ip: receiver }, target, flags),
    );
  const packet = fc
    .tuple(
      any4,
      any4,
      toRouter,
      fc.constantFrom(0, 1, 2, 64, 64),
      fc.oneof(icmp, fc.constant(datagram())),
      fc.constantFrom(1, 17, 6),
    )
    .map(([from, to, toMac, hops, body, proto]) =>
      ipFrame({ from, to, fromMac: '02:00:00:00:00:11', toMac, hops, body, proto }),
    );
  const packet6 = fc
    .tuple(any6, any6, toRouter, fc.constantFrom(0, 1, 64, 255), icmp)
    .map(([from, to, toMac, hops, body]) =>
      ipFrame({ from, to, fromMac: '02:00:00:00:00:11', toMac, hops, body, proto: 58 }),
    );
  return fc.oneof(arp, discovery, packet, packet6);
}

/** A frame as it should be, or with bytes changed, or cut short. */
function frameOn(network: number): fc.Arbitrary<readonly [number, Uint8Array]> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
  return fc
    .tuple(
      whole(network),
      fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: changes }),
      fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(80) }),
    )
    .map(([bytes, changed, cut]) => {
      const made = bytes.slice(0, Math.max(1, bytes.length - cut));
      for (const [at, value] of changed) made[at % made.length] = value;
      return [network, made] as const;
    });
}

const frame = fc.oneof(frameOn(WEST), frameOn(EAST), frameOn(NORTH));

describe('a router that anything is sent to', () => {
  test('FG-598: loses no slot, keeps count of every frame, and lets out nothing but what a router sends', () => {
    let left = 0;
    const reasons = new Set<string>();
    fc.assert(
      fc.property(fc.array(frame, { minLength: 30, maxLength: 60, size: 'max' }), (frames) => {
        const g = routerGrid({ inodes: 2, more: { slots: 1024 } });
        const slots = g.freeSlots();
        for (const [network, bytes] of frames) {
          g.inject(network, bytes);
          g.settle();
        }
        // What waits for a neighbour is given up by then.
        during(g, 7_500);
        expectSound(g);
        left += g.left.length;
        for (const { network, bytes } of g.left)
          expect(Buffer.from(bytes.subarray(6, 12)).toString('hex')).toBe(MAC_OF[network]!.replaceAll(':', ''));
        for (const reason of ['not-routed', 'no-route', 'hop-limit', 'no-neighbour'])
          if (g.dropped(reason) > 0) reasons.add(reason);
        expect(g.freeSlots()).toBe(slots);
      }),
      { numRuns: 40 },
    );
    expect(left).toBeGreaterThan(100);
    expect([...reasons].sort()).toEqual(['hop-limit', 'no-neighbour', 'no-route', 'not-routed']);
  });
});
