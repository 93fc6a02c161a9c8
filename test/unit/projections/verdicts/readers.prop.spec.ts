import fc from 'fast-check';
import { trailerV1 } from '../../../../dataplane/descriptor/codec';
import { DescriptorReader, senderByMac } from '../../../../projections/verdicts/descriptor-reader';
import { hashFrame } from '../../../../projections/verdicts/frame-hash';
import { SequenceSet } from '../../../../projections/verdicts/sequence-set';
import { sipHash24 } from '../../../../projections/verdicts/siphash';

const SEED = 4711;

describe('SipHash-2-4', () => {
  /** Of the 64 vectors of the reference implementation: key 00…0f, message 00, 01, … of the given length. */
  it.each([
    [0, '726fdb47dd0e0e31'],
    [1, '74f839c593dc67fd'],
    [7, 'ab0200f58b01d137'],
    [8, '93f5f5799a932462'],
    [15, 'a129ca6149be45e5'],
    [63, '958a324ceb064572'],
  ])('agrees with the reference on %d bytes', (length, expected) => {
    const key = Uint8Array.from({ length: 16 }, (_, i) => i);
    expect(
      sipHash24(
        key,
        Uint8Array.from({ length }, (_, i) => i),
      ),
    ).toBe(expected);
  });
});

describe('the descriptor reader', () => {
  const path = fc.array(
    fc.record({
      cluster: fc.integer({ min: 1, max: 255 }),
      node: fc.integer({ min: 0, max: 127 }),
      processed: fc.boolean(),
    }),
    { maxLength: 104 },
  );
  const fields = fc.record({
    destination: fc.constant(new Uint8Array(6)),
    source: fc.constant(new Uint8Array(6)),
    flags: fc.integer({ min: 0, max: 255 }),
    wireId: fc.integer({ min: 0, max: 255 }),
    flowType: fc.integer({ min: 0, max: 65535 }),
    flowId: fc.integer({ min: 0, max: 0xffffffff }),
    sequence: fc.integer({ min: 0, max: 0xffffffff }),
    ingressTime: fc.integer({ min: 0, max: 0xffffffff }),
    path,
  });
  const frame = fc.uint8Array({ minLength: 14, maxLength: 200 });
  const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const node = fc.integer({ min: 129, max: 32767 });

  it('reads what the dataplane writes, signature included, though they share no code', () => {
    const reader = new DescriptorReader();
    fc.assert(
      fc.property(frame, fields, node, key, (inner, written, from, secret) => {
        const bytes = trailerV1.seal(inner, written, from, secret, 130);
        expect(reader.read(bytes)).toBe('none');
        expect(reader.start).toBe(inner.length);
        expect([reader.flow, reader.flowType, reader.wireId, reader.sequence]).toEqual([
          written.flowId,
          written.flowType,
          written.wireId,
          written.sequence,
        ]);
        const flags = [
          reader.isStart,
          reader.isEnd,
          reader.isReplica,
          reader.isReverse,
          reader.isReemitted,
          reader.isFlood,
        ];
        expect(flags).toEqual([0x01, 0x02, 0x08, 0x10, 0x40, 0x80].map((bit) => (written.flags & bit) !== 0));
        const list = written.path.map((_, i) => ({
          cluster: reader.clusterAt(i),
          node: reader.nodeAt(i) & 0x7f,
          processed: reader.isProcessed(i),
        }));
        expect(list).toEqual(written.path);
        expect(senderByMac(bytes)).toBe(from);
        expect(sipHash24(secret, reader.signedBytes())).toBe(reader.signature());
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('never takes random bytes for a descriptor, and never reads beyond them', () => {
    const reader = new DescriptorReader();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => expect(reader.read(bytes)).not.toBe('none')),
      { seed: SEED },
    );
  });
});

describe('the set of sequences', () => {
  it('is a set, as long as it forgets nothing', () => {
    const numbers = fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 200 });
    fc.assert(
      fc.property(numbers, (sequence) => {
        const set = new SequenceSet();
        const oracle = new Set<number>();
        for (const number of sequence) {
          expect(set.add(number)).toBe(oracle.has(number) ? 'repeat' : 'new');
          oracle.add(number);
          expect(set.size).toBe(oracle.size);
        }
        for (let number = 1; number <= 90; number++) expect(set.has(number)).toBe(oracle.has(number));
        expect(set.isExact).toBe(true);
      }),
      { seed: SEED },
    );
  });

  it('forgets the oldest gaps when too many are open, and then says that it does not know', () => {
    const set = new SequenceSet();
    for (let number = 2; number <= 400; number += 2) set.add(number);
    expect(set.isExact).toBe(false);
    expect(set.add(1)).toBe('unknown');
    expect(set.add(2)).toBe('unknown');
    expect(set.add(399)).toBe('new');
    expect(set.add(400)).toBe('repeat');
  });
});

describe('the hash of a frame', () => {
  it('changes with every single bit and with the length', () => {
    const lanes = (bytes: Uint8Array): string => {
      const hash = { low: 0, high: 0 };
      hashFrame(bytes, hash);
      return `${hash.low} ${hash.high}`;
    };
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 70 }), fc.nat(), (bytes, at) => {
        const changed = Uint8Array.from(bytes);
        changed[(at >>> 3) % bytes.length]! ^= 1 << (at & 7);
        expect(lanes(changed)).not.toBe(lanes(bytes));
        expect(lanes(Uint8Array.of(...bytes, 0))).not.toBe(lanes(bytes));
      }),
      { seed: SEED },
    );
  });
});
