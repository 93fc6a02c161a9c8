import * as fc from 'fast-check';
import { SequenceSet } from '../../../../projections/verdicts/sequence-set';

describe('sequence sets', () => {
  test('the size of a union is that of the plain sets’', () => {
    const numbers = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 50 });
    fc.assert(
      fc.property(fc.array(numbers, { maxLength: 4 }), (lists) => {
        const sets = lists.map((list) => {
          const set = new SequenceSet();
          for (const n of list) set.add(n);
          return set;
        });
        expect(SequenceSet.unionSize(sets)).toBe(new Set(lists.flat()).size);
      }),
    );
  });
});
