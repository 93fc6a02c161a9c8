import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CaptureClassifier } from '../../../../dataplane/classify/capture-classifier';
import type { TrackedRow } from '../../../../dataplane/classify/connection-row';
import { openCapture } from '../../../../dataplane/packet-ports/capture/reader';
import { planSides } from '../../../../dataplane/packet-ports/capture/sides';
import { concat, pcapHeader, pcapRecord, withDirectory } from '../packet-ports/capture/capture-bytes';
import { ACK, FIN, RST, SYN, answer, arp, icmp, later, tcp, udp } from './frames';

const web = { from: '10.0.0.1', to: '10.0.0.2', fromPort: 40000, toPort: 80 };
const dns = { from: '10.0.0.1', to: '10.0.0.53', fromPort: 5353, toPort: 53 };

type Timed = readonly [seconds: number, frame: Uint8Array];

function withCapture<T>(frames: readonly Timed[], use: (path: string) => T): T {
  const parts = frames.map(([seconds, frame]) => pcapRecord(seconds, 0, frame, true, frame.length + 4));
  return withDirectory((directory) => {
    const path = join(directory, 'test.pcap');
    writeFileSync(path, concat(pcapHeader(0xa1b2c3d4, 1, true), ...parts));
    return use(path);
  });
}

function rowsOf(frames: readonly Timed[], idle?: number | 'none'): TrackedRow[] {
  return withCapture(frames, (path) => {
    const reader = openCapture(path);
    const classifier = new CaptureClassifier({
      captureBytes: 4000,
      kernels: 'ts',
      ...(idle === undefined ? {} : { idle }),
    });
    while (reader.next()) classifier.add(reader.record);
    reader.close();
    classifier.finish();
    return classifier.rows;
  });
}

describe('rows', () => {
  it('count packets and wire bytes each way, from the first frame’s sender on', () => {
    const syn = tcp({ ...web, vlan: 5, flags: SYN, seq: 1 });
    const reply = tcp({ ...answer({ ...web, vlan: 5 }), flags: SYN | ACK, seq: 9, ack: 2 });
    const [row] = rowsOf([
      [100, syn],
      [101, reply],
      [99, tcp({ ...web, vlan: 5, flags: RST, seq: 2 })],
    ]);
    expect(row).toMatchObject({
      type: 'tcp',
      proto: 6,
      a: '10.0.0.1',
      aPort: 40000,
      b: '10.0.0.2',
      bPort: 80,
      vlan: 5,
    });
    expect(row).toMatchObject({ packetsAB: 2, packetsBA: 1, bytesAB: 2 * (syn.length + 4), bytesBA: reply.length + 4 });
    expect(row).toMatchObject({ firstTs: 99, lastTs: 101, start: 'syn', end: 'rst', group: row.flow });
  });

  it('silence ends a connection after exactly the seconds given', () => {
    const frames: Timed[] = [0, 10, 20.0, 31, 41].map((seconds) => [seconds, udp(dns)]);
    expect(rowsOf(frames, 10).map(({ packetsAB, end }) => [packetsAB, end])).toEqual([
      [3, 'idle'],
      [2, 'eof'],
    ]);
    expect(rowsOf(frames, 'none')).toHaveLength(1);
  });

  it('by default TCP ends by what it says, UDP after a minute', () => {
    const frames = (seconds: number): Timed[] => [
      [seconds, tcp({ ...web, flags: ACK, seq: 1 })],
      [seconds, udp(dns)],
    ];
    expect(rowsOf([...frames(0), ...frames(60), ...frames(8000)]).map(({ type, end }) => [type, end])).toEqual([
      ['tcp', 'eof'],
      ['udp', 'idle'],
      ['udp', 'eof'],
    ]);
  });

  it('stragglers belong to the connection that has closed, a new SYN does not', () => {
    const rows = rowsOf([
      [0, tcp({ ...web, flags: SYN, seq: 1 })],
      [0, tcp({ ...web, flags: FIN | ACK, seq: 2 })],
      [0, tcp({ ...answer(web), flags: FIN | ACK, seq: 2 })],
      [500, tcp({ ...web, flags: ACK, seq: 3 })],
      [501, tcp({ ...web, flags: SYN, seq: 99 })],
    ]);
    expect(rows.map(({ packetsAB, start, end }) => [packetsAB, start, end])).toEqual([
      [3, 'syn', 'fin'],
      [1, 'syn', 'eof'],
    ]);
  });

  it('later fragments join their first one, before and after it', () => {
    const [row, ...others] = rowsOf([
      [0, later(dns, { id: 7, offset: 10, more: false })],
      [1, udp(dns, 'x'.repeat(72), { id: 7, offset: 0, more: true })],
      [2, later(dns, { id: 7, offset: 5, more: true })],
      [3, later(dns, { id: 8, offset: 5, more: true })],
    ]);
    expect(others).toEqual([]);
    expect(row).toMatchObject({ packetsAB: 1, laterFragmentsAB: 2, laterFragmentsBA: 0, lastTs: 2 });
  });
});

describe('sides', () => {
  it.each<[string, Uint8Array[], number[]]>([
    [
      'the sender of the first bare SYN is the initiator',
      [tcp({ ...web, flags: SYN }), tcp({ ...answer(web), flags: SYN | ACK })],
      [0, 1],
    ],
    [
      'also where it comes after the answer',
      [tcp({ ...answer(web), flags: SYN | ACK, seq: 5, ack: 2 }), tcp({ ...web, flags: SYN, seq: 1 })],
      [1, 0],
    ],
    [
      'without one, the sender of the first frame',
      [tcp({ ...answer(web), flags: ACK }), tcp({ ...web, flags: ACK })],
      [0, 1],
    ],
    ['frames that are not IP go by their MAC addresses', [arp(9, 1), arp(1, 9), arp(1, 2)], [0, 1, 0]],
    [
      'an ICMP error comes from where the packet went that it quotes',
      [
        udp(dns),
        icmp({ from: '10.9.9.9', to: '10.0.0.1' }, 11, udp(dns)),
        icmp({ from: '10.9.9.9', to: '10.0.0.1' }, 8),
      ],
      [0, 1, 0],
    ],
    [
      'a fragment without a first one goes with its addresses',
      [
        udp(answer(dns)),
        later(dns, { id: 7, offset: 9, more: true }),
        later(answer(dns), { id: 7, offset: 9, more: true }),
      ],
      [0, 1, 0],
    ],
    [
      'so does an IP header that makes no sense',
      [udp(dns), broken(udp(answer(dns))), broken(udp(dns)), broken(udp({ from: '1.1.1.1', to: '0.0.0.9' }))],
      [0, 1, 0, 0],
    ],
    ['runts have none', [new Uint8Array(9), udp(dns)], [1, 0]],
  ])('%s', (_name, frames, sides) => {
    const planned = withCapture(
      frames.map((frame) => [0, frame]),
      planSides,
    );
    expect([...planned]).toEqual(sides);
  });

  it('an FTP data connection that the server opens comes from the responder’s side', () => {
    const control = { ...web, toPort: 21 };
    const data = { from: '10.0.0.2', to: '10.0.0.1', fromPort: 20, toPort: 5126 };
    const frames: Timed[] = [
      [0, tcp({ ...control, flags: SYN, seq: 1 })],
      [0, tcp({ ...control, flags: ACK, seq: 2, text: 'PORT 10,0,0,1,20,6\r\n' })],
      [0, tcp({ ...data, flags: SYN, seq: 1 })],
      [0, tcp({ ...answer(data), flags: SYN | ACK, seq: 1 })],
    ];
    expect([...withCapture(frames, planSides)]).toEqual([0, 0, 1, 0]);
    expect(new Set(rowsOf(frames).map(({ group }) => group)).size).toBe(1);
  });

  function broken(frame: Uint8Array): Uint8Array {
    const result = frame.slice();
    result[14] = 0x41;
    return result;
  }
});
