import fc from 'fast-check';
import { copyAsEthernet, ethernetLength, fromEthernet } from '../../../../../dataplane/packet-ports/capture/ethernet';
import { CaptureRecord } from '../../../../../dataplane/packet-ports/capture/record';

const LINK_TYPES = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 105, 147];

function record(linkType: number, bytes: Uint8Array, offset: number): CaptureRecord {
  const result = new CaptureRecord();
  result.linkType = linkType;
  result.data = Uint8Array.from([...new Uint8Array(offset).fill(0xee), ...bytes, 0xee]);
  result.offset = offset;
  result.capLen = bytes.length;
  result.wireLen = bytes.length;
  return result;
}

function asEthernet(source: CaptureRecord): Uint8Array {
  const target = new Uint8Array(ethernetLength(source));
  expect(copyAsEthernet(source, target, 0, target.length)).toBe(target.length);
  return target;
}

/** A packet of the version that the link type asks for. */
function packet(linkType: number, rest: Uint8Array): Uint8Array {
  const version = linkType === 229 ? 0x60 : linkType === 228 ? 0x45 : rest.length % 2 === 0 ? 0x45 : 0x60;
  return Uint8Array.of(version, ...rest);
}

function linkHeader(linkType: number, version: number): number[] {
  const type = version >>> 4 === 6 ? [0x86, 0xdd] : [0x08, 0x00];
  switch (linkType) {
    case 0:
      return [version >>> 4 === 6 ? 30 : 2, 0, 0, 0];
    case 108:
      return [0, 0, 0, version >>> 4 === 6 ? 30 : 2];
    case 113:
      return [0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, ...type];
    case 276:
      return [...type, 0, 0, 0, 0, 0, 0, 3, 4, 3, 2, 9, 8, 0, 0, 0, 0, 0, 0];
    default:
      return [];
  }
}

describe('records of other link types as Ethernet frames', () => {
  it('carry the bytes from the IP header on unchanged, and come back as they were', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 12, 14, 101, 108, 113, 228, 229, 276),
        fc.uint8Array({ maxLength: 100 }),
        fc.nat(5),
        (linkType, rest, offset) => {
          const ip = packet(linkType, rest);
          const bytes = Uint8Array.from([...linkHeader(linkType, ip[0]), ...ip]);
          const frame = asEthernet(record(linkType, bytes, offset));
          expect(frame.slice(14)).toEqual(ip);
          expect((frame[12] << 8) | frame[13]).toBe(ip[0] >>> 4 === 6 ? 0x86dd : 0x0800);
          expect(fromEthernet(frame, linkType)?.slice()).toEqual(bytes);
        },
      ),
    );
  });

  it('any bytes at all become a frame that holds them, within the room given', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...LINK_TYPES),
        fc.uint8Array({ maxLength: 60 }),
        fc.integer({ min: 14, max: 80 }),
        (linkType, bytes, room) => {
          const source = record(linkType, bytes, 3);
          const target = new Uint8Array(100).fill(0xaa);
          const written = copyAsEthernet(source, target, 0, room);
          expect(written).toBe(Math.min(room, ethernetLength(source)));
          expect(target.slice(written).every((byte) => byte === 0xaa)).toBe(true);
        },
      ),
    );
  });

  it('opaque frames come back whole', () => {
    const frame = asEthernet(record(105, Uint8Array.of(8, 0, 1, 2), 0));
    expect(frame.slice(12, 14)).toEqual(Uint8Array.of(0x88, 0xb5));
    expect(fromEthernet(frame, 105)?.slice()).toEqual(Uint8Array.of(8, 0, 1, 2));
  });

  it('what a raw link has no form for is refused', () => {
    const arp = new Uint8Array(42);
    arp.set([8, 6], 12);
    expect(fromEthernet(arp, 101)).toBeUndefined();
    expect(fromEthernet(new Uint8Array(8), 113)).toBeUndefined();
  });
});
