import fc from 'fast-check';
import type { FunctionSpec } from '../../../../domain/topology/topology';
import { checksumsHold, packet } from './packets';
import { Rig } from './rig';

const SPECS: readonly FunctionSpec[] = [
  { name: 'packet-filter', config: { rules: [{ action: 'deny', from: ['10.0.0.0/9'], ports: [22] }] } },
  { name: 'nat', config: { addresses: ['198.51.100.1', '198.51.100.2'], inside: ['10.0.0.0/8'] } },
  { name: 'rate-limiter', config: { rate: 1000, per: 'source' } },
  { name: 'host-filter', config: { hosts: ['x'], unnamed: 'drop' } },
  { name: 'ids', config: { signatures: [{ name: 'x', content: 'x', anyCase: true, action: 'drop' }] } },
  { name: 'recorder', config: {} },
];

/** Frames that were right once: bytes changed, ends cut off, or nothing but noise. */
const hostile = fc.oneof(
  fc.uint8Array({ minLength: 14, maxLength: 120 }),
  fc
    .record({
      proto: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const),
      v6: fc.boolean(),
      icmp: fc.tuple(fc.constantFrom(0, 3, 5, 8, 11, 12), fc.nat(5), fc.nat(65535)),
      flags: fc.constantFrom('S', 'SA', 'A', 'F', 'R'),
      seq: fc.constantFrom(0, 1, 5, 0x7fffffff, 0xfffffff0),
      payload: fc.oneof(
        fc.uint8Array({ maxLength: 80 }),
        fc.constant(packet({ from: '198.51.100.1', to: '10.0.0.1' }).slice(14)),
      ),
      changes: fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 4 }),
      cut: fc.nat(60),
    })
    .map(({ proto, v6, icmp, flags, seq, payload, changes, cut }) => {
      const ends = v6 ? { from: '2001:db8::1', to: '2001:db8::2' } : { from: '10.0.0.1', to: '198.51.100.1' };
      const frame = packet({ ...ends, proto, icmp, flags, seq, payload });
      for (const [at, value] of changes) if (at < frame.length) frame[at] = value;
      return frame.slice(0, Math.max(14, frame.length - (cut > 40 ? cut - 40 : 0)));
    }),
);

describe('hostile frames', () => {
  test.each(SPECS)('FG-116: no content makes $name fail, or changes what it does not translate', (spec) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(hostile, fc.boolean(), fc.nat(2)), { minLength: 1, maxLength: 12 }), (frames) => {
        const rig = new Rig(spec);
        for (const [bytes, reverse, flow] of frames) {
          const outcome = rig.run({ bytes, reverse, flow: flow + 1 });
          expect(outcome.bytes === undefined || outcome.bytes.length === bytes.length).toBe(true);
          if (outcome.bytes !== undefined && !outcome.altered)
            expect(Buffer.from(outcome.bytes)).toEqual(Buffer.from(bytes));
          if (spec.name !== 'nat') expect(outcome.altered).toBe(false);
        }
        expect(rig.host.counters.failed).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test('FG-115: what NAT does to a right frame is right', () => {
    const rig = new Rig(SPECS[1]);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 90 }),
        fc.nat(65535),
        fc.constantFrom('tcp', 'udp', 'icmp'),
        (payload, sourcePort, proto) => {
          const bytes = packet({ proto: proto as 'tcp', from: '10.1.2.3', to: '192.0.2.80', sourcePort, payload });
          const outcome = rig.run({ bytes, flow: sourcePort });
          expect(outcome.altered).toBe(true);
          expect(checksumsHold(outcome.bytes!)).toBe(true);
          rig.host.flowEnded(sourcePort);
        },
      ),
      { numRuns: 100 },
    );
  });
});
