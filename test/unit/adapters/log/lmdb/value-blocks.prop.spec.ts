import * as fc from 'fast-check';
import { ValueBlocks } from '../../../../../adapters/log/lmdb/value-blocks';

/** A buffer that, like lmdb's, says the length of the value in it and is larger. */
function reusable(size: number): Uint8Array & { length: number } {
  const buffer = Buffer.alloc(size);
  Object.defineProperty(buffer, 'length', { value: size, writable: true });
  return buffer as Uint8Array & { length: number };
}

describe('copies of what lmdb reads', () => {
  test('FG-18 stay what was read, whatever is read after them into the same or a larger buffer', () => {
    const lengths = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 70_000 }));
    fc.assert(
      fc.property(fc.array(lengths, { minLength: 1, maxLength: 400 }), (sizes) => {
        const blocks = new ValueBlocks();
        const small = reusable(4096);
        const large = reusable(140_000);
        const copies = sizes.map((size, i) => {
          const buffer = size <= 4096 ? small : large;
          buffer.length = size;
          for (let at = 0; at < size; at++) buffer[at] = (i * 31 + at) & 0xff;
          return blocks.copy(buffer);
        });
        copies.forEach((copy, i) => {
          expect(copy.length).toBe(sizes[i]);
          expect(copy.every((byte, at) => byte === ((i * 31 + at) & 0xff))).toBe(true);
        });
      }),
      { numRuns: 20 },
    );
  });
});
