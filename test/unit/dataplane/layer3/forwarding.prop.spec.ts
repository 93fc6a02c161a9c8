import * as fc from 'fast-check';
import { hopsOf, isRoutable, takeHop } from '../../../../dataplane/layer3/forwarding';
import { checksum, put16 } from '../mtu/packets';

const header = fc
  .record({
    fields: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    hops: fc.integer({ min: 1, max: 255 }),
    options: fc.integer({ min: 0, max: 10 }),
  })
  .map(({ fields, hops, options }) => {
    const bytes = new Uint8Array(20 + 4 * options + 8);
    bytes.set(fields);
    bytes[0] = 0x45 + options;
    put16(bytes, 2, bytes.length);
    bytes[8] = hops;
    bytes.set([10, 0], 12);
    bytes.set([10, 1], 16);
    put16(bytes, 10, 0);
    put16(bytes, 10, checksum(bytes.subarray(0, 20 + 4 * options)));
    return bytes;
  });

describe('a hop of a packet', () => {
  test('FG-591: is taken with a checksum that is right again, and put back to the same bytes', () => {
    fc.assert(
      fc.property(header, (bytes) => {
        const before = bytes.slice();
        const length = 4 * (bytes[0]! & 15);
        expect(isRoutable(bytes, 0, bytes.length, 4)).toBe(true);
        takeHop(bytes, 0, 4);
        expect(hopsOf(bytes, 0, 4)).toBe(before[8]! - 1);
        expect(checksum(bytes.subarray(0, length))).toBe(0);
        takeHop(bytes, 0, 4, -1);
        expect(checksum(bytes.subarray(0, length))).toBe(0);
        expect([...bytes].filter((_, i) => i !== 10 && i !== 11)).toEqual(
          [...before].filter((_, i) => i !== 10 && i !== 11),
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('FG-591: a header that is damaged, cut or longer than its packet is not routed', () => {
    fc.assert(
      fc.property(header, fc.nat(1e6), fc.integer({ min: 1, max: 255 }), (bytes, place, change) => {
        const length = 4 * (bytes[0]! & 15);
        const at = place % length;
        const damaged = bytes.slice();
        damaged[at]! ^= change;
        expect(isRoutable(damaged, 0, damaged.length, 4)).toBe(false);
        expect(isRoutable(bytes, 0, bytes.length - 1 - (place % bytes.length), 4)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});
