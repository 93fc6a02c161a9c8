import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trailerV1, type DescriptorFields } from '../../dataplane/descriptor/codec';
import { refOfMac } from '../../dataplane/descriptor/node-table';
import { CONTROL_NAMES } from '../../dataplane/node/control-frames';
import { PcapWriter } from '../../dataplane/packet-ports/capture/pcap-writer';
import { addFrame, beginDatagram } from '../../dataplane/packet-ports/udp/datagram';
import { clusterOf, nodeOf, nodeRef, type NodeRef } from '../../domain/base/ids';
import { createPrng } from '../../domain/base/prng';
import { readCaptureFile } from '../support/capture-file';
import { FIGURE_4, runUp, stopRunner, type UpRun } from '../support/run-up';
import { asNumbers, descriptorRow, DESCRIPTOR_FIELDS, tshark, tsharkFields, withTshark } from '../support/tshark';
import { udpPacket } from '../unit/dataplane/mtu/packets';

const CAPTURES = join(__dirname, '../../examples/captures');
const TIME = 1_700_000_000_123_456;
const KEY = new Uint8Array(16);
const FROM = nodeRef(1, 1);
const TO = nodeRef(2, 2);

const suite = withTshark('the Wireshark dissector');

/** Writes frames to a capture of their own and hands its name over; the n-th frame's time is `timeOf(n)`. */
async function withFrames<T>(
  frames: readonly Uint8Array[],
  look: (file: string) => Promise<T>,
  timeOf: (at: number) => number = (at) => TIME + at,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'flowgrid-wireshark-'));
  try {
    const file = join(directory, 'frames.pcap');
    const writer = new PcapWriter(file, { linkType: 1 });
    frames.forEach((frame, at) => writer.write(timeOf(at), 0, frame, 0, frame.length));
    writer.close();
    return await look(file);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const prng = createPrng(453);
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => prng.below(256));

function randomFields(count: number): DescriptorFields {
  const mac = bytes(6);
  return {
    destination: mac,
    source: mac,
    flags: prng.below(256),
    wireId: 1 + prng.below(255),
    flowType: 1 + prng.below(0xffff),
    flowId: prng.next(),
    sequence: prng.next(),
    ingressTime: prng.next(),
    path: Array.from({ length: count }, () => ({
      cluster: prng.below(256),
      node: prng.below(128) * prng.below(2),
      processed: prng.below(2) === 1,
    })),
  };
}

/** What nodes send: inner frames of all sorts, tagged ones too, under descriptors of every length. */
function sealed(count: number, inner: Uint8Array = udpPacket({ from: 1, to: 2, payload: bytes(40) })): Uint8Array {
  return trailerV1.seal(inner, randomFields(count), FROM, KEY, TO);
}

/** A control frame of a kind, with an outer tag or without one. */
function control(kind: number, argument: number, incarnation: number, tag: readonly number[]): Uint8Array {
  const life = [24, 16, 8, 0].map((shift) => (incarnation >>> shift) & 0xff);
  const inner = Uint8Array.of(...bytes(12), ...tag, 0x88, 0xb5, ...life, 1, 2, 3);
  const fields = { ...randomFields(0), flags: 0, wireId: 0, flowType: 0, sequence: 0, ingressTime: 0 };
  return trailerV1.seal(inner, { ...fields, flowId: ((kind << 24) | argument) >>> 0 }, FROM, KEY, TO);
}

async function expectDecoded(file: string, frames: readonly Uint8Array[]): Promise<void> {
  const rows = asNumbers(await tsharkFields(file, DESCRIPTOR_FIELDS));
  expect(rows.length).toBe(frames.length);
  const wrong = frames.flatMap((frame, at) => {
    const expected = descriptorRow(frame);
    return rows[at]!.join('\t') === expected.join('\t') ? [] : [{ frame: at + 1, expected, found: rows[at]! }];
  });
  expect(wrong.slice(0, 3)).toEqual([]);
}

suite('what tshark reads on the internal links of a run', () => {
  let run: UpRun;
  let frames: Uint8Array[];
  beforeAll(async () => {
    run = await runUp(FIGURE_4, join(CAPTURES, 'mixed.pcap'), ['--kill', 'AB@0.4', '--internal-comments'], true);
    frames = readCaptureFile(run.internalOut).frames.map((frame) => frame.bytes);
  });
  afterAll(() => {
    run?.clean();
    stopRunner();
  });

  it('FG-453: is every field of every descriptor, as the codec reads it', async () => {
    expect(frames.length).toBeGreaterThan(50_000);
    await expectDecoded(run.internalOut, frames);
  });

  it('FG-454: is nothing on frames that left the grid', async () => {
    expect(readCaptureFile(run.out).frames.length).toBeGreaterThan(20_000);
    expect(await tshark(run.out, '-Y', 'flowgrid')).toBe('');
  });

  it('FG-456: --internal-comments says it with each packet, by the names of the grid file', async () => {
    const names: Readonly<Record<number, string>> = { 1: 'IA', 2: 'IB', 3: 'IC', 4: 'AA', 5: 'AB', 6: 'AC' };
    const node = (ref: NodeRef): string => `${names[clusterOf(ref)]}-${nodeOf(ref)}`;
    const rows = await tsharkFields(run.internalOut, ['frame.comment']);
    expect(rows.length).toBe(frames.length);
    const wrong = frames.flatMap((frame, at) => {
      const read = trailerV1.decode(frame);
      if (!read.ok) return [{ at, comment: read.error, begin: '' }];
      const { flowId, sequence, path } = read.descriptor;
      const hops = path.map((each) => `${names[each.cluster]}-${each.node || '?'}${each.processed ? '*' : ''}`);
      const begin = `${node(refOfMac(frame, 6))} to ${node(refOfMac(frame, 0))}: flow 0x${flowId.toString(16).padStart(8, '0')} #${sequence}`;
      const comment = rows[at]![0]!;
      return comment.startsWith(begin) && comment.endsWith(`, ${hops.join(' > ')}`) ? [] : [{ at, comment, begin }];
    });
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  it('FG-453: can be filtered, to one flow and to what a takeover emitted', async () => {
    const taken = await runUp(FIGURE_4, join(CAPTURES, 'web.pcap'), ['--kill', 'AB@0.5'], true);
    try {
      const all = readCaptureFile(taken.internalOut).frames.map(({ bytes: frame }) => trailerV1.decode(frame));
      const read = all.flatMap((each) => (each.ok ? [each.descriptor] : []));
      const again = read.filter(({ flags }) => (flags & 0x40) !== 0);
      expect(again.length).toBeGreaterThan(0);
      const flow = `0x${again[0]!.flowId.toString(16).padStart(8, '0')}`;
      const counts = [
        [`flowgrid.flow_id == ${flow}`, read.filter(({ flowId }) => flowId === again[0]!.flowId).length],
        ['flowgrid.flags.reemitted == 1', again.length],
      ] as const;
      for (const [filter, count] of counts) {
        expect(await tsharkFields(taken.internalOut, ['frame.number'], '-Y', filter)).toHaveLength(count);
      }
    } finally {
      taken.clean();
    }
  });

  it('FG-456: comments change nothing of the frames, and are left out unless asked for', async () => {
    const args = ['--seed', '4', '--kill', 'AB@0.5'];
    const web = join(CAPTURES, 'web.pcap');
    const plain = await runUp(FIGURE_4, web, args, true);
    const told = await runUp(FIGURE_4, web, [...args, '--internal-comments'], true);
    try {
      const content = ({ internalOut }: UpRun): string[] =>
        // The grid's secret differs from run to run, and with it signatures and checksums.
        readCaptureFile(internalOut).frames.map((each) => each.bytes.toString('hex', 0, each.bytes.length - 60));
      expect(content(told).length).toBeGreaterThan(100);
      expect(content(told)).toEqual(content(plain));
      const comments = await tsharkFields(plain.internalOut, ['frame.comment'], '-Y', 'frame.comment');
      expect(comments).toEqual([]);
    } finally {
      plain.clean();
      told.clean();
    }
  });
});

suite('what tshark reads of frames that were made up', () => {
  it('FG-453: descriptors of every length, with tags, and control frames of every kind', async () => {
    const tags = [[], [0x81, 0, 0, 7], [0x88, 0xa8, 0, 7, 0x81, 0, 0, 9]];
    const flows = Array.from({ length: 1050 }, (_, at) =>
      sealed(at % 105, udpPacket({ from: 1, to: 2, payload: bytes(prng.below(200)), vlans: at % 2 ? [5] : [] })),
    );
    const kinds = Object.keys(CONTROL_NAMES).map(Number);
    const controls = kinds.flatMap((kind) => tags.map((tag) => control(kind, kind * 257, 77 + kind, tag)));
    await withFrames([...flows, ...controls], async (file) => {
      await expectDecoded(file, [...flows, ...controls]);
      const fields = ['control.kind', 'control.argument', 'control.incarnation', 'control.body', 'sender', 'receiver'];
      const rows = await tsharkFields(
        file,
        [...fields.map((name) => `flowgrid.${name}`), '_ws.col.Info'],
        '-Y',
        'flowgrid.flow_type == 0',
      );
      const expected = kinds.flatMap((kind) =>
        tags.map(() => [String(kind), hex24(kind * 257), String(77 + kind), '010203', '1/1', '2/2']),
      );
      expect(rows.map((row) => row.slice(0, 6))).toEqual(expected);
      const said = rows.map((row) => /\[1\/1 to 2\/2: (.*)\]$/.exec(row[6]!)?.[1]);
      expect(said).toEqual(kinds.flatMap((kind) => tags.map(() => CONTROL_NAMES[kind])));
    });
  });

  it('FG-454: a descriptor with any one byte changed is shown as what it fails, like the codec', async () => {
    const good = sealed(4);
    const start = good.length - 50;
    const damaged = Array.from({ length: 50 }, (_, at) => {
      const frame = good.slice();
      frame[start + at]! ^= 1 + prng.below(255);
      return frame;
    });
    const flaws = damaged.map((frame) => {
      const read = trailerV1.decode(frame);
      return read.ok ? 'none' : read.error;
    });
    await withFrames(damaged, async (file) => {
      const rows = await tsharkFields(file, ['flowgrid.flaw', 'flowgrid.checksum.status', '_ws.expert.message']);
      expect(rows.map((row) => row[0])).toEqual(flaws);
      expect(new Set(flaws)).toEqual(new Set(['bad-marker', 'bad-checksum', 'bad-length']));
      const bad = rows.filter((row) => row[0] === 'bad-checksum');
      expect(bad.length).toBe(46);
      expect(bad.every((row) => row[1] === '0' && row[2]!.includes('Descriptor checksum is wrong'))).toBe(true);
      const unread = rows.filter((row) => row[0] !== 'bad-checksum');
      expect(unread.every((row) => row[2]!.includes('without a readable descriptor'))).toBe(true);
    });
  });

  it('FG-454: payload that is a whole descriptor stays payload on a frame with addresses of its own', async () => {
    const alike = Array.from({ length: 200 }, (_, at) => {
      const frame = sealed(at % 105);
      frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
      expect(trailerV1.decode(frame).ok).toBe(true);
      return frame;
    });
    await withFrames(alike, async (file) => expect(await tshark(file, '-Y', 'flowgrid')).toBe(''));
  });

  it('FG-454: no bytes whatever make it fail', async () => {
    const frames = Array.from({ length: 4000 }, (_, at) => {
      const frame = bytes(1 + prng.below(300));
      if (at % 4 > 0 && frame.length >= 12) frame.set(sealed(0).subarray(0, 12));
      const length = 42 + 2 * prng.below(105);
      if (at % 4 > 1) frame[frame.length - 1] = length;
      if (at % 4 > 2 && frame.length > length) {
        frame.set([0xf1, 0x61], frame.length - length);
        frame[frame.length - length + 40] = (length - 42) / 2;
      }
      return frame;
    });
    const datagrams = Array.from({ length: 500 }, () =>
      udpPacket({ from: 1, to: 2, payload: Uint8Array.of(0xf1, 0xd1, 0, prng.below(3), ...bytes(prng.below(80))) }),
    );
    await withFrames([...frames, ...datagrams], async (file) => {
      const text = await tshark(file, '-V');
      expect(text).toContain('Flowgrid descriptor');
      expect(text).not.toMatch(/lua error|dissector bug/i);
    });
  });

  it('FG-455: frames that agents pack into a datagram, and how long after the ingress each was captured', async () => {
    const inner = [sealed(4), sealed(3), control(1, 0, 9, []), udpPacket({ from: 1, to: 2, payload: bytes(20) })];
    const memory = new Uint8Array(4096);
    let length = beginDatagram(memory, 0, 0xabcdef01, 7);
    for (const frame of inner) {
      memory.set(frame, 2048);
      length = addFrame(memory, 0, length, 2048, frame.length);
    }
    const whole = udpPacket({ from: 8, to: 9, payload: memory.slice(0, length) });
    const torn = udpPacket({ from: 8, to: 9, payload: memory.slice(0, length - 1) });
    const first = trailerV1.decode(inner[0]!);
    if (!first.ok) throw new Error(first.error);
    const { ingressTime } = first.descriptor;
    const base = TIME - (TIME % 2 ** 32) + ingressTime;
    const look = async (file: string): Promise<void> => {
      // The test's datagrams go to a port of DNS: Decode As says what they are.
      const as = ['-d', 'udp.port==53,flowgrid_datagram'];
      const rows = asNumbers(await tsharkFields(file, DESCRIPTOR_FIELDS, ...as));
      const expected = inner.slice(0, 3).map(descriptorRow);
      expect(rows[0]).toEqual(
        DESCRIPTOR_FIELDS.map((_, at) =>
          expected
            .map((row) => row[at])
            .filter((cell) => cell !== '')
            .join(),
        ),
      );
      expect(rows[1]!.join('')).toBe('');
      const about = ['number', 'count', 'stream'].map((name) => `flowgrid_datagram.${name}`);
      const [row] = await tsharkFields(file, [...about, 'flowgrid.since_ingress', '_ws.col.Info'], ...as);
      expect(row!.slice(0, 3)).toEqual(['7', '4', '0xabcdef01']);
      expect(row![3]!.split(',')[0]).toBe('1234');
      expect(row![4]).toMatch(/^4 frames: 1\/1 to 2\/2: flow 0x/);
    };
    await withFrames([whole, torn], look, (at) => base + 1234 + at);
    const behind = await withFrames(
      [inner[0]!],
      (file) => tsharkFields(file, ['flowgrid.since_ingress']),
      () => base - 5,
    );
    expect(behind).toEqual([['-5']]);
  });
});

function hex24(value: number): string {
  return `0x${value.toString(16).padStart(6, '0')}`;
}
