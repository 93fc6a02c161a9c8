import fc from 'fast-check';
import { Offsets } from '../../../../../adapters/log/kafka/offsets';

/** Steps from one offset to the next: mostly small, as in a topic, some as large as they can be. */
const steps = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min: 1, max: 3 }) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 100_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 ** 40 }) },
  ),
  { minLength: 1, maxLength: 4_000, size: 'max' },
);

function filled(by: readonly number[]): { readonly offsets: Offsets; readonly plain: number[] } {
  const offsets = new Offsets();
  const plain: number[] = [];
  let offset = 0;
  for (const step of by) {
    offset += step;
    plain.push(offset);
    offsets.push(offset);
  }
  return { offsets, plain };
}

describe('offsets', () => {
  test('FG-432: are what was added, from anywhere on, as many as asked for', () => {
    fc.assert(
      fc.property(steps, fc.nat(4_100), fc.nat(4_100), (by, from, limit) => {
        const { offsets, plain } = filled(by);
        expect(offsets.length).toBe(plain.length);
        expect(offsets.slice(from, limit)).toEqual(plain.slice(from, from + limit));
      }),
      { numRuns: 60 },
    );
  });

  test('FG-435: tell which is the first behind a place, also when those before it were let go of', () => {
    fc.assert(
      fc.property(steps, fc.nat(4_000), fc.integer({ min: -1, max: 1 }), (by, nth, beside) => {
        const { offsets, plain } = filled(by);
        const wanted = plain[nth % plain.length]! + beside;
        const expected = plain.filter((known) => known < wanted).length;
        expect(offsets.indexFrom(wanted)).toBe(expected);
        offsets.dropBefore(expected);
        expect(offsets.indexFrom(wanted)).toBe(expected);
        expect(offsets.slice(expected, 3_000)).toEqual(plain.slice(expected, expected + 3_000));
        offsets.push(plain.at(-1)! + 5);
        expect(offsets.slice(plain.length, 9)).toEqual([plain.at(-1)! + 5]);
      }),
      { numRuns: 60 },
    );
  });

  test('FG-432: take little more than a byte each where they follow each other closely', () => {
    const { offsets } = filled(Array.from({ length: 1_000_000 }, (_, i) => (i % 32 === 0 ? 2 : 1)));
    expect(offsets.bytes / offsets.length).toBeLessThan(1.1);
    offsets.dropBefore(990_000);
    expect(offsets.bytes).toBeLessThan(12_000);
  });
});
