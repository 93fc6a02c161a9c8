import * as fc from 'fast-check';
import { Packr } from 'msgpackr';
import { isFlowgridError } from '../../../../domain/base/errors';
import { unpack } from '../../../../adapters/codec/pack';
import { readPlain, readValue, skipValue } from '../../../../adapters/codec/plain';
import { decodeCommit, decodePlace, encodeCommit } from '../../../../adapters/codec/records';

/** Names and texts that come again, that differ in one place, and that are long or not of ASCII. */
const texts = fc.oneof(
  fc.constantFrom('', 'a', 'node', 'nodf', 'NodeSuspected', 'NodeRecovered', '__proto__', 'toString', 'länge', '😀'),
  fc.string({ unit: 'grapheme' }),
  fc.nat({ max: 40 }).map((i) => `actor/detector/${i}/0`),
  fc.constantFrom(65, 300, 70_000).map((length) => 'x'.repeat(length)),
);

function valuesOf(leaves: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaves,
      fc.array(tie('value'), { maxLength: 20 }),
      fc.dictionary(texts, tie('value'), { maxKeys: 20, noNullPrototype: true }),
    ),
  })).value;
}

const integers = fc.oneof(fc.integer({ min: -300, max: 70_000 }), fc.integer(), fc.maxSafeInteger());
const plainLeaves = fc.oneof(fc.constant(null), fc.boolean(), integers, fc.double(), texts, fc.uint8Array());
const anyLeaves = fc.oneof(plainLeaves, fc.date({ noInvalidDate: true }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));

/** Encoders whose output the general reader takes, though `pack` writes like none of them. */
const packrs = [{ useRecords: false }, { useRecords: true }, { useRecords: false, useFloat32: 1, moreTypes: true }];

const encoded = fc
  .tuple(fc.oneof(valuesOf(plainLeaves), valuesOf(anyLeaves)), fc.constantFrom(...packrs))
  .map(([value, options]) => new Uint8Array(new Packr({ ...options, variableMapSize: true }).pack(value)));

/** Some bytes exchanged, and the end cut off or extended. */
function damaged(bytes: Uint8Array, places: readonly (readonly [number, number])[], length: number): Uint8Array {
  const copy = new Uint8Array(Math.max(1, bytes.length + length));
  copy.set(bytes.subarray(0, copy.length));
  for (const [place, value] of places) copy[place % copy.length] = value;
  return copy;
}

const damage = fc.oneof(
  fc.constant([[], 0] as const),
  fc.tuple(
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
    fc.constantFrom(0, 0, -1, 1, -7),
  ),
);

/** What a reader says: a value, or the code of its error. */
function said(read: () => unknown): unknown {
  try {
    return { value: read() };
  } catch (error) {
    if (isFlowgridError(error)) return { code: error.code };
    throw error;
  }
}

const COMMIT = { seq: 7, prev: '5a'.repeat(32), epoch: 2, commandId: 'c/7', at: 1_700_000_000_123, by: 'operator:a' };

describe('the reader of plain MessagePack', () => {
  test('FG-214 reads what the general reader reads, or leaves it to that one', () => {
    let read = 0;
    let left = 0;
    fc.assert(
      fc.property(encoded, damage, (whole, [places, length]) => {
        const bytes = damaged(whole, places, length);
        const value = readPlain(bytes, readValue);
        const skipped = readPlain(bytes, () => (skipValue(), true));
        if (value === undefined) left++;
        else read++;
        if (value !== undefined) expect(value).toEqual(unpack(bytes));
        if (value !== undefined || skipped) expect(skipped).toBe(true);
        if (skipped) expect(said(() => unpack(bytes))).toHaveProperty('value');
      }),
      { numRuns: 800 },
    );
    expect(read).toBeGreaterThan(20);
    expect(left).toBeGreaterThan(20);
  });

  test('FG-214 the place of a commit, and whether it has one, are those of the whole commit', () => {
    let whole = 0;
    let refused = 0;
    fc.assert(
      fc.property(valuesOf(plainLeaves), texts, damage, (data, corr, [places, length]) => {
        const events = [{ type: 'NodeSuspected', v: 1, data: { data } }];
        const record = said(() => encodeCommit({ ...COMMIT, cause: 3, corr, events })) as { value?: Uint8Array };
        if (record.value === undefined) return; // a member that no record may have
        // Damage near the beginning, where the places are.
        const bytes = damaged(record.value, places.map(([place, value]) => [place % 70, value] as const), length); // prettier-ignore
        const commit = said(() => decodeCommit(bytes)) as { value?: typeof COMMIT };
        if (commit.value === undefined) refused++;
        else whole++;
        const { seq, prev, epoch, at } = commit.value ?? COMMIT;
        const place = said(() => decodePlace(bytes)) as { value?: object };
        if (commit.value === undefined) expect(place).toEqual(commit);
        else expect(place.value).toMatchObject({ seq, prev, epoch, at });
      }),
      { numRuns: 600 },
    );
    expect(whole).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(20);
  });

  test('FG-214 is not ended by bytes that nest deeper than the stack', () => {
    expect(readPlain(new Uint8Array(1_000_000).fill(0x91), readValue)).toBeUndefined();
  });
});
