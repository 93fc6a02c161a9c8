import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { PcapWriter } from '../../../../../dataplane/packet-ports/capture/pcap-writer';
import { PcapngWriter } from '../../../../../dataplane/packet-ports/capture/pcapng-writer';
import { openCapture } from '../../../../../dataplane/packet-ports/capture/reader';
import { withTshark } from '../../../../support/tshark';
import { withDirectory } from './capture-bytes';

const TIME = 1_700_000_000_123_456;
const frames = [60, 61, 62, 63, 1514].map((length) => Uint8Array.from({ length }, (_, i) => (i < 12 ? 2 : i & 0xff)));

function writePcapng(path: string): void {
  const writer = new PcapngWriter(path, {
    interfaces: [
      { name: 'left', linkType: 1, nanosecond: true, description: 'where clients are' },
      { name: 'right', linkType: 1 },
      { name: 'ip', linkType: 101, snapLength: 40 },
    ],
    comment: 'made by a test',
  });
  frames.forEach((frame, i) => {
    writer.write(
      i % 3,
      TIME + i,
      789,
      frame,
      0,
      frame.length,
      frame.length + i,
      i === 1 ? 'the second frame' : undefined,
    );
  });
  writer.close();
}

function readBack(path: string): (readonly [number, number, number, number, number])[] {
  const reader = openCapture(path);
  const all: (readonly [number, number, number, number, number])[] = [];
  while (reader.next()) {
    const { interfaceId, time, nanos, capLen, wireLen } = reader.record;
    all.push([interfaceId, time, nanos, capLen, wireLen]);
  }
  expect(reader.readError).toBeNull();
  reader.close();
  return all;
}

describe('what is written is read again', () => {
  it.each([
    [false, 0],
    [true, 789],
  ])('pcap, nanoseconds %s', (nanosecond, nanos) => {
    withDirectory((directory) => {
      const path = join(directory, 'out.pcap');
      const writer = new PcapWriter(path, { linkType: 101, nanosecond, snapLength: 100 });
      for (const frame of frames) writer.write(TIME, 789, frame, 0, frame.length);
      writer.close();
      const expected = frames.map(({ length }) => [0, TIME, nanos, Math.min(100, length), length]);
      expect(readBack(path)).toEqual(expected);
      expect(openCapture(path).interfaces[0].linkType).toBe(101);
    });
  });

  it('pcapng with several interfaces', () => {
    withDirectory((directory) => {
      const path = join(directory, 'out.pcapng');
      writePcapng(path);
      const expected = frames.map(({ length }, i) => [
        i % 3,
        TIME + i,
        i % 3 === 0 ? 789 : 0,
        i === 2 ? 40 : length,
        length + i,
      ]);
      expect(readBack(path)).toEqual(expected);
      const reader = openCapture(path);
      expect(reader.next()).toBe(true);
      expect(reader.interfaces.map(({ name }) => name)).toEqual(['left', 'right', 'ip']);
      reader.close();
    });
  });

  it('a file that cannot be made is named', () => {
    expect(() => new PcapWriter('/nowhere/at/all.pcap', { linkType: 1 })).toThrow(
      /\/nowhere\/at\/all.pcap: cannot be written/,
    );
  });
});

const suite = withTshark('capture writer against tshark');

suite('tshark reads what is written', () => {
  function fields(path: string, ...names: string[]): string[][] {
    const args = ['-r', path, '-T', 'fields', '-E', 'separator=|', ...names.flatMap((name) => ['-e', name])];
    return execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trimEnd()
      .split('\n')
      .map((line) => line.split('|'));
  }

  it('pcapng: interfaces, names, times to the nanosecond, lengths, comments', () => {
    withDirectory((directory) => {
      const path = join(directory, 'out.pcapng');
      writePcapng(path);
      const names = ['frame.interface_name', 'frame.time_epoch', 'frame.cap_len', 'frame.len', 'frame.comment'];
      expect(fields(path, ...names)).toEqual([
        ['left', '1700000000.123456789', '60', '60', ''],
        ['right', '1700000000.123457000', '61', '62', 'the second frame'],
        ['ip', '1700000000.123458000', '40', '64', ''],
        ['left', '1700000000.123459789', '63', '66', ''],
        ['right', '1700000000.123460000', '1514', '1518', ''],
      ]);
    });
  });

  it('pcap, nanoseconds', () => {
    withDirectory((directory) => {
      const path = join(directory, 'out.pcap');
      const writer = new PcapWriter(path, { linkType: 1, nanosecond: true });
      for (const frame of frames) writer.write(TIME, 1, frame, 0, frame.length);
      writer.close();
      const expected = frames.map(({ length }) => ['1700000000.123456001', String(length), String(length)]);
      expect(fields(path, 'frame.time_epoch', 'frame.cap_len', 'frame.len')).toEqual(expected);
    });
  });
});
