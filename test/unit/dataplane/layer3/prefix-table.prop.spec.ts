import * as fc from 'fast-check';
import { PrefixTable, type Prefix } from '../../../../dataplane/layer3/prefix-table';

const size = (bits: 32 | 128): number => bits / 8;

/** Prefixes that often share their beginnings, so that long ones lie within short ones. */
function prefixes(bits: 32 | 128): fc.Arbitrary<Prefix[]> {
  const byte = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(0, 10, 0x20, 0xff) },
    { weight: 1, arbitrary: fc.nat(255) },
  );
  return fc.array(
    fc.record({
      bytes: fc.array(byte, { minLength: size(bits), maxLength: size(bits) }),
      bits: fc.nat(bits),
      value: fc.nat(1000),
    }),
    { maxLength: 40 },
  );
}

function holds({ bytes, bits }: Prefix, address: ArrayLike<number>): boolean {
  for (let i = 0; i < bits; i++) {
    const bit = 0x80 >>> (i & 7);
    if (((bytes[i >>> 3]! ^ address[i >>> 3]!) & bit) !== 0) return false;
  }
  return true;
}

/** Every prefix is looked at; of those that hold the address the longest, of equal ones the first. */
function naive(all: readonly Prefix[], address: ArrayLike<number>): number {
  let best: Prefix | undefined;
  for (const each of all) if (holds(each, address) && (best === undefined || each.bits > best.bits)) best = each;
  return best?.value ?? -1;
}

describe('longest prefix match', () => {
  test.each([32, 128] as const)('FG-592: finds what looking at every prefix of %d bits finds', (bits) => {
    let found = 0;
    fc.assert(
      fc.property(
        prefixes(bits),
        fc.uint8Array({ minLength: size(bits), maxLength: size(bits) }),
        fc.nat(3),
        (all, any, pad) => {
          const table = new PrefixTable(bits, all);
          const near = all.map(({ bytes }, i) =>
            Uint8Array.from(bytes, (byte, at) => (at === size(bits) - 1 ? byte ^ (1 << (i & 7)) : byte)),
          );
          for (const address of [any, ...near, ...all.map(({ bytes }) => Uint8Array.from(bytes))]) {
            const wanted = naive(all, address);
            if (wanted >= 0) found++;
            expect(table.find(Uint8Array.of(...new Uint8Array(pad), ...address), pad)).toBe(wanted);
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(found).toBeGreaterThan(1000);
  });

  test('FG-592: an empty table holds nothing, one with a default everything', () => {
    const address = Uint8Array.of(1, 2, 3, 4);
    expect(new PrefixTable(32, []).find(address, 0)).toBe(-1);
    expect(new PrefixTable(32, [{ bytes: [0, 0, 0, 0], bits: 0, value: 7 }]).find(address, 0)).toBe(7);
  });
});
