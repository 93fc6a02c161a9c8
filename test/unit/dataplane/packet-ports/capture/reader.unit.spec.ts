import { openCapture, type CaptureReader } from '../../../../../dataplane/packet-ports/capture/reader';
import {
  Bytes,
  block,
  concat,
  interfaceBlock,
  packetBlock,
  pcapHeader,
  pcapRecord,
  sectionHeader,
  withDirectory,
  withFile,
} from './capture-bytes';

const MICRO = 0xa1b2c3d4;
const NANO = 0xa1b23c4d;
const FRAME = Uint8Array.from({ length: 21 }, (_, i) => i + 1);
const OTHER = Uint8Array.from({ length: 60 }, (_, i) => 200 - i);

interface Read {
  readonly time: number;
  readonly nanos: number;
  readonly wireLen: number;
  readonly linkType: number;
  readonly interfaceId: number;
  readonly bytes: Uint8Array;
}

function readAll(reader: CaptureReader): Read[] {
  const records: Read[] = [];
  while (reader.next()) {
    const { time, nanos, wireLen, linkType, interfaceId, number } = reader.record;
    expect(number).toBe(records.length);
    records.push({ time, nanos, wireLen, linkType, interfaceId, bytes: reader.record.bytes().slice() });
  }
  expect(reader.next()).toBe(false);
  return records;
}

function read(bytes: Uint8Array): { records: Read[]; reader: CaptureReader } {
  return withFile(bytes, (path) => {
    const reader = openCapture(path);
    const records = readAll(reader);
    reader.close();
    return { records, reader };
  });
}

describe('pcap', () => {
  it.each([
    ['microseconds, little-endian', MICRO, true, 123_456, 123_456, 0],
    ['microseconds, big-endian', MICRO, false, 123_456, 123_456, 0],
    ['nanoseconds, little-endian', NANO, true, 123_456_789, 123_456, 789],
    ['nanoseconds, big-endian', NANO, false, 123_456_789, 123_456, 789],
  ])('%s', (_name, magic, little, fraction, micros, nanos) => {
    const { records, reader } = read(
      concat(
        pcapHeader(magic, 101, little),
        pcapRecord(1_700_000_000, fraction, FRAME, little, 1500),
        pcapRecord(1_700_000_001, 0, OTHER, little),
      ),
    );
    const time = 1_700_000_000_000_000 + micros;
    expect(records[0]).toEqual({ time, nanos, wireLen: 1500, linkType: 101, interfaceId: 0, bytes: FRAME });
    expect(records[1]).toMatchObject({ time: 1_700_000_001_000_000, bytes: OTHER });
    expect(reader.readError).toBeNull();
    expect(reader.format).toBe('pcap');
  });

  it('takes the link type without the bits about frame check sequences', () => {
    const { reader } = read(pcapHeader(MICRO, 0x1400_0001, true));
    expect(reader.interfaces[0].linkType).toBe(1);
  });

  it('yields everything before a record that is cut, and says at which byte it begins', () => {
    const whole = concat(pcapHeader(MICRO, 1, true), pcapRecord(1, 2, FRAME, true), pcapRecord(3, 4, OTHER, true));
    const second = 24 + 16 + FRAME.length;
    for (const cut of [whole.length - 1, second + 16, second + 7]) {
      const { records, reader } = read(whole.slice(0, cut));
      expect(records).toHaveLength(1);
      expect(reader.readError?.offset).toBe(second);
    }
    expect(read(whole.slice(0, second)).reader.readError).toBeNull();
  });

  it('does not believe a record of a gigabyte', () => {
    const bytes = concat(pcapHeader(MICRO, 1, true), new Bytes().u32(1).u32(2).u32(0x4000_0000).u32(60).done());
    const { records, reader } = read(bytes);
    expect(records).toHaveLength(0);
    expect(reader.readError).toEqual({ offset: 24, message: 'a record claims 1073741824 bytes' });
  });

  it('reads records across the edge of its window', () => {
    const big = Uint8Array.from({ length: 9000 }, (_, i) => (i * 7) & 0xff);
    const records = Array.from({ length: 100 }, (_, i) => pcapRecord(i, 0, big.subarray(0, 8900 + i), true));
    const all = read(Uint8Array.from(Buffer.concat([pcapHeader(MICRO, 1, true), ...records]))).records;
    expect(all.map(({ bytes }) => bytes.length)).toEqual(records.map((_, i) => 8900 + i));
    expect(all.every(({ bytes }) => Buffer.from(bytes).equals(big.subarray(0, bytes.length)))).toBe(true);
  });
});

describe('pcapng', () => {
  const time = (micros: bigint): [number, number] => [Number(micros >> 32n), Number(micros & 0xffff_ffffn)];
  const at = time(1_700_000_000_123_456n);

  it('several interfaces, each with its link type, name and resolution', () => {
    const nanosecond = time(1_700_000_000_123_456_789n);
    const binary = time(1_700_000_000n * (1n << 20n) + (1n << 19n));
    const { records, reader } = read(
      concat(
        sectionHeader(),
        interfaceBlock(1, [[2, Buffer.from('eth0')]]),
        interfaceBlock(113, [[9, [9]]]),
        interfaceBlock(101, [[9, [0x94]]]),
        packetBlock(0, at[0], at[1], FRAME),
        packetBlock(1, nanosecond[0], nanosecond[1], OTHER, true, 99),
        packetBlock(2, binary[0], binary[1], FRAME),
      ),
    );
    expect(records.map(({ linkType }) => linkType)).toEqual([1, 113, 101]);
    expect(records[0]).toMatchObject({ time: 1_700_000_000_123_456, nanos: 0, interfaceId: 0, bytes: FRAME });
    expect(records[1]).toMatchObject({ time: 1_700_000_000_123_456, nanos: 789, interfaceId: 1, wireLen: 99 });
    expect(records[2]).toMatchObject({ time: 1_700_000_000_500_000, nanos: 0, interfaceId: 2 });
    expect(reader.interfaces.map(({ name }) => name)).toEqual(['eth0', '', '']);
    expect(reader.interfaces.map(({ unitsPerSecond }) => unitsPerSecond)).toEqual([1e6, 1e9, 2 ** 20]);
  });

  it('coarse and very fine units, and an offset', () => {
    const fine = time(1_700_000_000_123_456_789_012n % (1n << 64n));
    const offset = Buffer.alloc(8);
    offset.writeBigInt64LE(100n);
    const { records } = read(
      concat(
        sectionHeader(),
        interfaceBlock(1, [[9, [3]]]),
        interfaceBlock(1, [[14, offset]]),
        interfaceBlock(1, [[9, [12]]]),
        packetBlock(0, 0, 1500, FRAME),
        packetBlock(1, at[0], at[1], FRAME),
        packetBlock(2, fine[0], fine[1], FRAME),
      ),
    );
    const expected = (1_700_000_000_123_456_789_012n % (1n << 64n)) / 1_000_000n;
    expect(records.map((record) => record.time)).toEqual([1_500_000, 1_700_000_100_123_456, Number(expected)]);
  });

  it('sections in different byte orders, with interfaces of their own', () => {
    const { records, reader } = read(
      concat(
        sectionHeader(true),
        interfaceBlock(1),
        packetBlock(0, at[0], at[1], FRAME),
        sectionHeader(false),
        interfaceBlock(101, [], false),
        packetBlock(0, at[0], at[1], OTHER, false),
      ),
    );
    expect(records.map(({ linkType, interfaceId }) => [linkType, interfaceId])).toEqual([
      [1, 0],
      [101, 1],
    ]);
    expect(reader.interfaces).toHaveLength(2);
  });

  it('simple and obsolete packet blocks; others are passed over', () => {
    const simple = block(3, new Bytes().u32(OTHER.length).raw(OTHER.subarray(0, 40)).done());
    const obsolete = block(
      2,
      new Bytes().u16(0).u16(7).u32(at[0]).u32(at[1]).u32(FRAME.length).u32(FRAME.length).raw(FRAME).done(),
    );
    const unknown = block(0x0bad, new Uint8Array(400_000));
    const { records, reader } = read(
      concat(sectionHeader(), interfaceBlock(1, [], true, 40), obsolete, Uint8Array.from(Buffer.from(unknown)), simple),
    );
    expect(reader.readError).toBeNull();
    expect(records[0]).toMatchObject({ time: 1_700_000_000_123_456, bytes: FRAME });
    expect(records[1]).toMatchObject({ time: 1_700_000_000_123_456, wireLen: 60, bytes: OTHER.subarray(0, 40) });
  });

  it.each([
    ['a packet of an interface that was not described', packetBlock(3, 0, 0, FRAME), /interface 3/],
    [
      'lengths that differ',
      packetBlock(0, 0, 0, FRAME).map((byte, i, all) => (i === all.length - 4 ? byte + 4 : byte)),
      /differ/,
    ],
    ['a length that is no multiple of four', new Bytes().u32(6).u32(33).raw(new Uint8Array(40)).done(), /33 bytes/],
    [
      'a packet longer than its block',
      block(6, new Bytes().u32(0).u32(0).u32(0).u32(900).u32(900).raw(FRAME).done()),
      /fit/,
    ],
    ['a block that the file cuts', packetBlock(0, 0, 0, FRAME).slice(0, 20), /ends within/],
    ['a section without byte-order mark', block(0x0a0d0d0a, new Uint8Array(16)), /byte-order/],
  ])('stops at %s', (_name, bad, message) => {
    const good = concat(sectionHeader(), interfaceBlock(1), packetBlock(0, at[0], at[1], FRAME));
    const { records, reader } = read(concat(good, bad));
    expect(records).toHaveLength(1);
    expect(reader.readError?.offset).toBe(good.length);
    expect(reader.readError?.message).toMatch(message);
  });
});

describe('files that are no captures', () => {
  const open = (bytes: Uint8Array): CaptureReader => withFile(bytes, openCapture);

  it.each([
    ['empty', new Uint8Array(0), /is empty/],
    ['too short', Uint8Array.of(1, 2), /too short/],
    ['text', Buffer.from('hello world, this is text'), /0x68656c6c/],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0, 0), /gzip/],
    ['zstd', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0), /zstd/],
    ['a cut file header', pcapHeader(MICRO, 1, true).slice(0, 20), /file header/],
  ])('%s', (_name, bytes, message) => {
    expect(() => open(bytes)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
    );
  });

  it('missing files and directories are named', () => {
    expect(() => openCapture('/nowhere/at.pcap')).toThrow(
      expect.objectContaining({ code: 'not-found', message: '/nowhere/at.pcap: no such file' }),
    );
    withDirectory((directory) => expect(() => openCapture(directory)).toThrow(/is a directory/));
  });
});
