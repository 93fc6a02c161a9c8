import * as fc from 'fast-check';
import type { Commit } from '../../../../domain/log/commit';
import { sha256, stateHash } from '../../../../adapters/codec/hash';
import { pack, unpack } from '../../../../adapters/codec/pack';
import { decodeCommit, encodeCommit } from '../../../../adapters/codec/records';

const COMMIT: Commit = {
  seq: 7,
  prev: '0123456789abcdef'.repeat(4),
  epoch: 2,
  commandId: 'actor/node/2/1/6/0',
  at: 1_700_000_000_123,
  by: 'actor:node/2/1',
  cause: 6,
  corr: 'operator-1',
  events: [{ type: 'NodeSuspected', v: 1, data: { cluster: 2, node: 1, incarnation: 1, lastSeen: 5, dueAt: 9 } }],
};

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
    fc.string(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value;

describe('commit records', () => {
  test('decode to what was encoded, whatever the data', () => {
    fc.assert(
      fc.property(plain, fc.string(), (data, by) => {
        const commit = { ...COMMIT, by, events: [{ type: 'Anything', v: 3, data }] };
        expect(decodeCommit(encodeCommit(commit))).toEqual(commit);
      }),
    );
  });

  test('are a function of the value: neither the order of members nor earlier records change a byte', () => {
    const first = Buffer.from(encodeCommit(COMMIT)).toString('hex');
    for (let i = 0; i < 50; i++) pack({ [`member${i}`]: i, nested: { [`x${i}`]: [i] } });
    expect(Buffer.from(encodeCommit(COMMIT)).toString('hex')).toBe(first);
    expect(pack({ b: 1, a: { d: [{ y: 2, x: 1 }], c: undefined } })).toEqual(
      pack({ a: { d: [{ x: 1, y: 2 }] }, b: 1 }),
    );
  });

  test('keep the predecessor as 32 raw bytes at a fixed place', () => {
    const bytes = Buffer.from(encodeCommit(COMMIT));
    expect(bytes[0]).toBe(0x9a);
    expect(bytes.subarray(5, 37).toString('hex')).toBe(COMMIT.prev);
  });

  test.each([
    ['no MessagePack', Buffer.from([0xc1])],
    ['more than one value', Buffer.from([0x01, 0x02])],
    ['another shape', Buffer.from(pack({ seq: 1 }))],
    ['too few places', Buffer.from(pack([1, 7]))],
    ['a short prev', Buffer.from(pack([1, 7, Buffer.alloc(31), 2, 'c', 3, 'b', 0, 'r', []]))],
    ['a negative seq', Buffer.from(pack([1, -7, Buffer.alloc(32), 2, 'c', 3, 'b', 0, 'r', []]))],
    ['a text as time', Buffer.from(pack([1, 7, Buffer.alloc(32), 2, 'c', 'now', 'b', 0, 'r', []]))],
    ['a number as principal', Buffer.from(pack([1, 7, Buffer.alloc(32), 2, 'c', 3, 4, 0, 'r', []]))],
    [
      'an event without version',
      Buffer.from(pack([1, 7, Buffer.alloc(32), 2, 'c', 3, 'b', 0, 'r', [['T', null, {}]]])),
    ],
  ])('%s is no commit', (_, bytes) => {
    expect(() => decodeCommit(bytes)).toThrow(expect.objectContaining({ code: 'invalid-record' }));
  });

  test('of a later format are told from damage', () => {
    const bytes = Buffer.from(encodeCommit(COMMIT));
    bytes[1] = 2;
    expect(() => decodeCommit(bytes)).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });

  test('that could not be read back are not written', () => {
    for (const broken of [{ seq: 0 }, { prev: 'xyz' }, { at: 1.5 }, { epoch: -1 }, { cause: NaN }]) {
      expect(() => encodeCommit({ ...COMMIT, ...broken })).toThrow(expect.objectContaining({ code: 'invalid-record' }));
    }
    const poisoned = JSON.parse('{"__proto__": 1}') as unknown;
    expect(() => pack(poisoned)).toThrow(expect.objectContaining({ code: 'invalid-record' }));
    expect(() => encodeCommit({ ...COMMIT, events: [{ type: 'Big', v: 1, data: 'x'.repeat(17_000_000) }] })).toThrow(
      /over/,
    );
  });
});

describe('hashes', () => {
  test('are SHA-256 in hex, of bytes and of canonical states', () => {
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256(Buffer.from('abc'))).toBe(sha256('abc'));
    expect(stateHash({ b: [1], a: 'x' })).toBe(sha256('{"a":"x","b":[1]}'));
  });
});

test('unpacking damaged bytes fails as a record, not as a library', () => {
  expect(() => unpack(Buffer.from([0x9a, 0x01]))).toThrow(expect.objectContaining({ code: 'invalid-record' }));
});
