import fc from 'fast-check';
import { internetChecksum, updateChecksum } from '../../../../dataplane/functions/checksum-update';
import type { FunctionDefinition } from '../../../../dataplane/functions/index';
import { FORWARD } from '../../../../dataplane/functions/index';
import { FunctionRegistry } from '../../../../dataplane/functions/registry';
import { checksumsHold, packet, type PacketText } from './packets';
import { Rig } from './rig';

const address4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((bytes) => bytes.join('.'));
const address6 = fc
  .array(fc.nat(65535), { minLength: 8, maxLength: 8 })
  .map((words) => words.map((w) => w.toString(16)).join(':'));

const packets: fc.Arbitrary<PacketText> = fc
  .tuple(fc.constantFrom('tcp' as const, 'udp' as const), fc.constantFrom(address4, address6))
  .chain(([proto, address]) =>
    fc.record({
      proto: fc.constant(proto),
      from: address,
      to: address,
      sourcePort: fc.nat(65535),
      port: fc.nat(65535),
      payload: fc.uint8Array({ maxLength: 60 }),
    }),
  );

/** Rewrites everything that can be rewritten, as the test's function. */
function rewriter(ports: [number, number], address: Uint8Array, dscp: number, text: Uint8Array): FunctionDefinition {
  return {
    name: 'rewriter',
    summary: 'rewrites all fields',
    create: () => ({
      stateKind: 'stateless',
      reads: 'headers',
      dropReasons: [],
      process(frame) {
        frame.setSourcePort(ports[0]);
        frame.setDestinationPort(ports[1]);
        frame.setAddress(frame.sourceAddressAt, address, 0);
        frame.setAddress(frame.destinationAddressAt, address, 16);
        frame.setDscp(dscp);
        if (frame.payloadLength > 0) {
          frame.setPayload(
            frame.payload + (frame.payloadLength > text.length ? 1 : 0),
            text,
            0,
            Math.min(text.length, frame.payloadLength),
          );
        }
        return FORWARD;
      },
    }),
  };
}

describe('FrameView', () => {
  test('FG-115: whatever the setters change, every checksum is what it would be if computed anew', () => {
    fc.assert(
      fc.property(
        packets,
        fc.tuple(fc.nat(65535), fc.nat(65535)),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.nat(63),
        fc.uint8Array({ minLength: 1, maxLength: 20 }),
        (text, ports, address, dscp, payload) => {
          const registry = new FunctionRegistry();
          registry.register(rewriter(ports, address, dscp, payload));
          const before = packet(text);
          expect(checksumsHold(before)).toBe(true);
          const outcome = new Rig({ name: 'rewriter', config: {} }, undefined, 1, registry).run({ bytes: before });
          expect(outcome.bytes).toHaveLength(before.length);
          expect(checksumsHold(outcome.bytes!)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('FG-115: a checksum that was wrong stays wrong by the same amount', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 4, maxLength: 40 }),
        fc.nat(65535),
        fc.nat(65535),
        (bytes, error, word) => {
          const even = bytes.length & ~1;
          const right = internetChecksum(bytes, 0, even);
          const wrong = (right + error) & 0xffff;
          const before = (bytes[0] << 8) | bytes[1];
          const changed = Uint8Array.from(bytes);
          changed[0] = word >>> 8;
          changed[1] = word & 255;
          const expected = internetChecksum(changed, 0, even);
          // 0 and 0xffff are the same number in ones' complement.
          const same = (a: number, b: number): boolean => a % 0xffff === b % 0xffff;
          expect(same(updateChecksum(right, before, word), expected)).toBe(true);
          expect(same(updateChecksum(wrong, before, word), expected)).toBe(same(wrong, right));
        },
      ),
    );
  });
});
