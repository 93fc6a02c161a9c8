import { internetChecksum } from '../../../../dataplane/descriptor/codec';
import { sipHash24 } from '../../../../dataplane/descriptor/sip-hash';
import { Arena } from '../../../../dataplane/frames/arena';
import { loadKernels } from '../../../../dataplane/kernels/kernels';

/** SipHash-2-4 under key 00 … 0f of the messages 00, 00 01, …: from the reference vectors (vectors_sip64), by length. */
const SIP_VECTORS: readonly (readonly [number, string])[] = [
  [0, '726fdb47dd0e0e31'],
  [1, '74f839c593dc67fd'],
  [2, '0d6c8009d9a94f5a'],
  [3, '85676696d7fb7e2d'],
  [4, 'cf2794e0277187b7'],
  [5, '18765564cd99a68d'],
  [6, 'cbc9466e58fee3ce'],
  [7, 'ab0200f58b01d137'],
  [8, '93f5f5799a932462'],
  [15, 'a129ca6149be45e5'],
];

describe.each(['ts', 'wasm'] as const)('%s kernels', (kind) => {
  const arena = Arena.create({ slots: 1, bytes: 4096 });
  const key = arena.allocate(16);
  const message = arena.allocate(512);
  const out = arena.allocate(8);
  for (let i = 0; i < 16; i++) arena.u8[key + i] = i;
  const kernels = loadKernels(arena, kind);
  const hash = (address: number, length: number): string => {
    kernels.sipHash(key, address, length, out);
    return arena.view.getBigUint64(out).toString(16).padStart(16, '0');
  };

  it.each(SIP_VECTORS)('sipHash of %i bytes is the reference’s', (length, expected) => {
    for (let i = 0; i < 64; i++) arena.u8[message + i] = i;
    expect(hash(message, length)).toBe(expected);
    expect(sipHash24(arena.u8.slice(key, key + 16), arena.u8.slice(message, message + length))).toBe(
      BigInt(`0x${expected}`),
    );
  });

  it('sipHash agrees with the readable form for every length and alignment', () => {
    for (let i = 0; i < 512; i++) arena.u8[message + i] = (i * 151 + 7) & 0xff;
    for (let length = 0; length < 330; length++) {
      const at = message + (length % 8);
      const expected = sipHash24(arena.u8.slice(key, key + 16), arena.u8.slice(at, at + length));
      expect(hash(at, length)).toBe(expected.toString(16).padStart(16, '0'));
    }
  });

  it('checksum is that of the example in RFC 1071 and of a known IPv4 header', () => {
    const put = (bytes: number[]): number => {
      bytes.forEach((byte, i) => (arena.u8[message + i] = byte));
      return kernels.checksum(message, bytes.length);
    };
    expect(put([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])).toBe(0xffff - 0xddf2);
    // 45 00 00 73 … with the checksum field zero: b861.
    const header = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
    expect(put(header)).toBe(0xb861);
    expect(put([])).toBe(0xffff);
    expect(put([0xff, 0xff])).toBe(0);
  });

  it('checksum agrees with the readable form for every length', () => {
    for (let i = 0; i < 512; i++) arena.u8[message + i] = (i * 91 + 200) & 0xff;
    for (let length = 0; length < 512; length++) {
      expect(kernels.checksum(message, length)).toBe(internetChecksum(arena.u8.slice(message, message + length)));
    }
  });
});
