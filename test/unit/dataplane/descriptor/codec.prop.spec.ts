import fc from 'fast-check';
import { freshPath, internetChecksum, trailerV1, type DescriptorFields } from '../../../../dataplane/descriptor/codec';
import { macOf, macText, nodeKey, refOfMac } from '../../../../dataplane/descriptor/node-table';
import { nodeRef } from '../../../../domain/base/ids';

const byte = fc.integer({ min: 0, max: 255 });
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const element = fc.record({ cluster: byte, node: fc.integer({ min: 0, max: 127 }), processed: fc.boolean() });
const fields: fc.Arbitrary<DescriptorFields> = fc.record({
  destination: mac,
  source: mac,
  flags: byte,
  wireId: byte,
  flowType: fc.integer({ min: 0, max: 0xffff }),
  flowId: u32,
  sequence: u32,
  ingressTime: u32,
  path: fc.array(element, { maxLength: 104 }),
});
const ref = fc.tuple(fc.integer({ min: 1, max: 255 }), fc.integer({ min: 1, max: 127 })).map(([c, n]) => nodeRef(c, n));
const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
const frame = fc.uint8Array({ minLength: 14, maxLength: 300 });

describe('descriptor, version 1', () => {
  it('is 50 bytes on a path of four clusters, and its fields lie where the table says', () => {
    const bytes = new Uint8Array(50);
    const path = freshPath([nodeRef(1, 1), nodeRef(2, 2), nodeRef(3, 0), nodeRef(4, 127)]);
    const length = trailerV1.encode(
      {
        destination: Uint8Array.of(1, 2, 3, 4, 5, 6),
        source: Uint8Array.of(7, 8, 9, 10, 11, 12),
        flags: 0x15,
        wireId: 0x42,
        flowType: 0x1234,
        flowId: 0x01abcdef,
        sequence: 0x00010203,
        ingressTime: 0x0a0b0c0d,
        path,
      },
      bytes,
    );
    expect(length).toBe(50);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      ['f161', '0000', '0000000000000000', '010203040506', '0708090a0b0c', '15', '42', '1234', '01abcdef'].join('') +
        ['00010203', '0a0b0c0d', '04', '0101', '0202', '0300', '047f', '32'].join(''),
    );
  });

  it('opens to what was sealed, and the frame is whole again', () => {
    fc.assert(
      fc.property(frame, fields, ref, key, ref, (sent, what, from, secret, to) => {
        const sealed = trailerV1.seal(sent, what, from, secret, to);
        expect(sealed.length).toBe(sent.length + trailerV1.length(what.path.length));
        expect([refOfMac(sealed), refOfMac(sealed, 6)]).toEqual([to, from]);
        const opened = trailerV1.open(sealed, (sender) => (sender === from ? secret : undefined));
        if (!opened.ok) throw new Error(opened.error);
        expect(opened.frame).toEqual(sent);
        const { destination: _d, source: _s, ...rest } = what;
        expect(opened.descriptor).toMatchObject({ ...rest, version: 1 });
        expect(opened.descriptor.destination).toEqual(sent.slice(0, 6));
      }),
    );
  });

  it('is not believed after any change of a signed byte, nor under another key', () => {
    fc.assert(
      fc.property(
        frame,
        fields,
        ref,
        key,
        fc.nat(),
        fc.integer({ min: 0, max: 7 }),
        (sent, what, from, secret, at, bit) => {
          const sealed = trailerV1.seal(sent, what, from, secret, from);
          const changed = sealed.slice();
          // The frame beyond byte 76 and its destination are not signed.
          const covered = [...sealed.keys()].filter((i) => i >= 6 && (i < 76 || i >= sent.length));
          changed[covered[at % covered.length]] ^= 1 << bit;
          expect(trailerV1.open(changed, (sender) => (sender === from ? secret : undefined)).ok).toBe(false);
          const otherKey = Uint8Array.from(secret, (value, i) => (i === 3 ? value ^ 1 : value));
          expect(trailerV1.open(sealed, () => otherKey)).toEqual({ ok: false, error: 'bad-signature' });
        },
      ),
    );
  });

  it('is not found in noise, and noise does no harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        expect(trailerV1.open(noise, () => new Uint8Array(16)).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a node on the grid', () => {
  it('has the MAC 02:f1:60:00:cluster:node, which names it', () => {
    expect(macText(macOf(nodeRef(4, 2)))).toBe('02:f1:60:00:04:02');
    fc.assert(fc.property(ref, (node) => expect(refOfMac(macOf(node))).toBe(node)));
    for (const bytes of [
      [2, 0xf1, 0x60, 0, 0, 1],
      [2, 0xf1, 0x60, 0, 1, 0],
      [2, 0xf1, 0x60, 0, 1, 128],
      [2, 0xf1, 0x61, 0, 1, 1],
    ]) {
      expect(refOfMac(Uint8Array.from(bytes))).toBe(0);
    }
  });

  it('has a key of its own for each secret and epoch', () => {
    const secret = new Uint8Array(32).fill(7);
    // printf 'flowgrid node 4/2 epoch 1' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…
    expect(Buffer.from(nodeKey(secret, 4, 2, 1)).toString('hex')).toBe('7956faafb0670d2765017c5b742e83d1');
    const keys = [
      nodeKey(secret, 4, 2, 2),
      nodeKey(secret, 4, 3, 1),
      nodeKey(secret, 5, 2, 1),
      nodeKey(secret.subarray(1), 4, 2, 1),
    ];
    expect(new Set([...keys, nodeKey(secret, 4, 2, 1)].map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(
      5,
    );
  });
});

describe('the Internet checksum', () => {
  it('of bytes with their checksum in place is 0', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 99 }), (bytes) => {
        bytes[0] = bytes[1] = 0;
        const sum = internetChecksum(bytes);
        bytes.set([sum >>> 8, sum & 0xff]);
        expect(internetChecksum(bytes) === 0 || sum === 0xffff).toBe(true);
      }),
    );
  });
});
