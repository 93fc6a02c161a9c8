import { decodeSnapshot, encodeSnapshot } from '../../../../adapters/codec/snapshot';
import { pack, unpack } from '../../../../adapters/codec/pack';

const STATE = { seq: 9, clusters: { '2': { name: 'AB' } }, empty: [] };
const AT = { seq: 9, hash: 'ef'.repeat(32) };
const EXPECTED = { commitHash: AT.hash, foldVersion: 4 };

describe('snapshots', () => {
  const snapshot = encodeSnapshot(STATE, AT, 4);

  test('give back the state at their commit', () => {
    expect(snapshot).toMatchObject({ seq: 9, commitHash: AT.hash, foldVersion: 4 });
    expect(decodeSnapshot(snapshot, EXPECTED)).toEqual(STATE);
  });

  test('of another fold, another history or damaged bytes are not used', () => {
    expect(decodeSnapshot(snapshot, { ...EXPECTED, foldVersion: 5 })).toBeUndefined();
    expect(decodeSnapshot(snapshot, { ...EXPECTED, commitHash: '00'.repeat(32) })).toBeUndefined();
    expect(decodeSnapshot({ ...snapshot, bytes: snapshot.bytes.subarray(1) }, EXPECTED)).toBeUndefined();
    const [format, hash, state] = unpack(snapshot.bytes) as [number, string, object];
    const altered = pack([format, hash, { ...state, seq: 10 }]);
    expect(decodeSnapshot({ ...snapshot, bytes: altered }, EXPECTED)).toBeUndefined();
  });
});
