import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { createChecker } from '../../../../projections/verdicts';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { PcapWriter } from '../../../../dataplane/packet-ports/capture/pcap-writer';
import { withTshark } from '../../../support/tshark';
import { mac, packet, payload, tcpPacket, udpPacket, type PacketOptions } from '../mtu/packets';
import { withDirectory } from '../packet-ports/capture/capture-bytes';
import { ACK, SYN } from './frames';
import { expectSound } from './sound';
import { cluster, TestGrid } from './test-grid';

/** The second link is narrow; with a descriptor of 48 bytes packets of 1352 bytes fit through it. */
const NARROW = 1400;
const FITS = NARROW - 48;

function links(narrow: boolean, mtu = NARROW): VirtualLink[] {
  const link = (id: number, a: number, b: number): VirtualLink => ({
    id,
    name: `VN-${id}`,
    kind: 'switch',
    members: [{ cluster: a }, { cluster: b }],
    control: false,
    mtu: 9000,
  });
  return [link(1, 1, 2), { ...link(2, 2, 3), ...(narrow ? { mtu, narrow } : {}) }];
}

function grid(narrow = true): TestGrid {
  return new TestGrid({
    clusters: [
      cluster(1, 2, { role: 'inode' }),
      cluster(2, 2, { failure: 'backup' }),
      cluster(3, 2, { role: 'inode' }),
    ],
    links: links(narrow),
  });
}

const CLIENT = { from: 1, to: 9 } as const;
const SERVER = { from: 9, to: 1 } as const;

/** Sends one frame and tells what left for it, by network. */
function send(g: TestGrid, network: number, bytes: Uint8Array): { network: number; bytes: Uint8Array }[] {
  const before = g.left.length;
  g.inject(network, bytes);
  g.settle();
  return g.left.slice(before).map(({ network: to, bytes: frame }) => ({ network: to, bytes: frame }));
}

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

describe('a packet that does not fit through a narrow link of its path', () => {
  test('FG-191: IPv4 that may not be cut: its sender is told the MTU, with what it sent quoted', () => {
    const g = grid();
    const frame = udpPacket({ ...CLIENT, dontFragment: true, payload: payload(FITS - 27) });
    const [answer, ...more] = send(g, 1, frame);
    expect(more).toEqual([]);
    expect(answer!.network).toBe(1);
    const { bytes } = answer!;
    expect([...bytes.subarray(0, 12)]).toEqual([...mac(1), ...mac(9)]);
    expect([...bytes.subarray(26, 34)]).toEqual([10, 0, 0, 9, 10, 0, 0, 1]);
    expect([bytes[34], bytes[35], u16(bytes, 40)]).toEqual([3, 4, FITS]);
    expect(bytes.length).toBe(14 + 576);
    expect(bytes.subarray(42)).toEqual(frame.subarray(14, 14 + 548));
    expect(g.dropped('link-mtu')).toBe(1);
    expect(g.total(({ tooBigAnswered }) => tooBigAnswered)).toBe(1);
    expect(expectSound(g)).toMatchObject({ created: 1, altered: 0 });
  });

  test('FG-191: one byte less fits, and so it is at the far end', () => {
    const g = grid();
    const fits = udpPacket({ ...CLIENT, dontFragment: true, payload: payload(FITS - 28) });
    expect(send(g, 1, fits)).toEqual([{ network: 4, bytes: fits }]);
    const [answer] = send(g, 4, udpPacket({ ...SERVER, dontFragment: true, payload: payload(FITS - 27) }));
    expect(answer).toMatchObject({ network: 4 });
    expectSound(g);
  });

  test('FG-191: IPv6 is answered with packet too big, at most 1280 bytes long; tags are kept and counted', () => {
    const g = grid();
    const frame = udpPacket({ ...CLIENT, version: 6, vlans: [7], payload: payload(FITS) });
    const [answer] = send(g, 1, frame);
    const { bytes } = answer!;
    expect(answer!.network).toBe(1);
    expect([...bytes.subarray(12, 18)]).toEqual([0x81, 0, 0, 7, 0x86, 0xdd]);
    expect([bytes[58], bytes[59], u16(bytes, 62), u16(bytes, 64)]).toEqual([2, 0, 0, FITS - 4]);
    expect(bytes.length).toBe(18 + 1280);
    expectSound(g);
  });

  test('FG-191: errors and what goes to a group are not answered; nobody is told more often than allowed', () => {
    const g = grid();
    const error = Uint8Array.of(3, 4, 0, 0, ...payload(FITS));
    expect(send(g, 1, packet(1, 2, error, { ...CLIENT, dontFragment: true }))).toEqual([]);
    const group = udpPacket({ ...CLIENT, dontFragment: true, payload: payload(FITS) });
    group[0] = 0xff;
    expect(send(g, 1, group)).toEqual([]);
    expect(g.dropped('link-mtu')).toBe(2);
    const big = udpPacket({ ...CLIENT, dontFragment: true, payload: payload(FITS) });
    for (let i = 0; i < 80; i++) send(g, 1, big);
    expect(g.total(({ tooBigAnswered }) => tooBigAnswered)).toBe(50);
    g.now += 100_000;
    for (let i = 0; i < 20; i++) send(g, 1, big);
    expect(g.total(({ tooBigAnswered }) => tooBigAnswered)).toBe(60);
    expect(g.dropped('link-mtu')).toBe(102);
    expectSound(g);
  });

  test('FG-192: IPv4 that may be cut leaves in fragments that make it up again, in order', () => {
    const g = grid();
    const free = g.freeSlots();
    // Record route (not copied) and strict source route's number (copied), as options that differ in that.
    const options = [7, 4, 4, 0, 0x89, 4, 4, 0];
    const frame = udpPacket({ ...CLIENT, id: 77, options, payload: payload(4000) });
    const parts = send(g, 1, frame);
    expect(parts.map(({ network }) => network)).toEqual([4, 4, 4, 4]);
    const body = parts.flatMap(({ bytes }) => [...bytes.subarray(42)]);
    expect(Uint8Array.from(body)).toEqual(frame.subarray(42));
    expect(parts.map(({ bytes }) => u16(bytes, 20))).toEqual([0x2000, 0x2000 + 165, 0x2000 + 330, 495]);
    expect(parts.map(({ bytes }) => [...bytes.subarray(34, 42)])).toEqual([
      options,
      ...new Array<number[]>(3).fill([1, 1, 1, 1, 0x89, 4, 4, 0]),
    ]);
    for (const { bytes } of parts) expect(bytes.length).toBeLessThanOrEqual(14 + FITS);
    expect(g.total(({ fragmented, created }) => fragmented + created)).toBe(4);
    expect(expectSound(g)).toMatchObject({ fragmented: 1, altered: 1, alteredFlows: 1, created: 3 });
    g.beats(20);
    expect(g.freeSlots()).toBe(free);
  });

  test('FG-192: what is a fragment itself is cut further', () => {
    const g = grid();
    const whole = udpPacket({ ...CLIENT, id: 5, payload: payload(2600) });
    const first = packet(17, 6, whole.slice(34, 34 + 1400), { ...CLIENT, id: 5, more: true });
    send(g, 1, first);
    const second = packet(17, 6, whole.slice(34 + 1400), { ...CLIENT, id: 5, offset: 1400, more: true });
    const parts = send(g, 1, second);
    expect(g.left.map(({ bytes }) => u16(bytes, 20))).toEqual([0x2000, 0x2000 + 1328 / 8, 0x2000 + 1400 / 8]);
    expect(parts).toHaveLength(1);
    expectSound(g);
  });

  test('FG-191: what is not IP is dropped and counted', () => {
    const g = grid();
    const frame = Uint8Array.of(...mac(9), ...mac(1), 0x88, 0xcc, ...payload(FITS + 1));
    expect(send(g, 1, frame)).toEqual([]);
    expect(g.dropped('link-mtu')).toBe(1);
    expectSound(g);
  });

  test('FG-193: TCP announces what fits, both ways, and nothing else of a SYN changes', () => {
    const g = grid();
    const options = [2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7];
    const syn = tcpPacket({ ...CLIENT, flags: SYN, tcpOptions: options });
    const [there] = send(g, 1, syn);
    expect(u16(there!.bytes, 56)).toBe(FITS - 40);
    const [back] = send(
      g,
      4,
      tcpPacket({ ...SERVER, flags: SYN | ACK, fromPort: 80, toPort: 40_000, tcpOptions: [1, ...options] }),
    );
    expect(u16(back!.bytes, 57)).toBe(FITS - 40);
    const [six] = send(g, 1, tcpPacket({ ...CLIENT, version: 6, flags: SYN, tcpOptions: options }));
    expect(u16(six!.bytes, 76)).toBe(FITS - 60);
    const small = tcpPacket({ ...CLIENT, flags: SYN, fromPort: 40_001, tcpOptions: [2, 4, 2, 0x18] });
    expect(send(g, 1, small)).toEqual([{ network: 4, bytes: small }]);
    expect(g.total(({ mssClamped }) => mssClamped)).toBe(3);
    // The flows both ways: two of TCP over IPv4, one over IPv6.
    expect(expectSound(g)).toMatchObject({ clamped: 3, altered: 3, alteredFlows: 2 });
  });

  test('FG-190: where no link is narrow everything that a slot takes goes through as it is', () => {
    const g = grid(false);
    const frame = udpPacket({ ...CLIENT, dontFragment: true, payload: payload(12_000) });
    expect(send(g, 1, frame)).toEqual([{ network: 4, bytes: frame }]);
    const syn = tcpPacket({ ...CLIENT, flags: SYN, tcpOptions: [2, 4, 0x23, 0] });
    expect(send(g, 1, syn)).toEqual([{ network: 4, bytes: syn }]);
  });

  test('FG-190: a narrow link that is off a flow’s path does not concern it', () => {
    const g = new TestGrid({
      clusters: [cluster(1, 1, { role: 'inode' }), cluster(2, 1), cluster(3, 1, { role: 'inode' }), cluster(4, 1)],
      links: [...links(false), { ...links(true)[1]!, id: 3, members: [{ cluster: 1 }, { cluster: 4 }] }],
      paths: [{ id: 1, name: 'there', from: [1], to: 4, clusters: [1, 2, 3] }],
    });
    const frame = udpPacket({ ...CLIENT, dontFragment: true, payload: payload(3000) });
    expect(send(g, 1, frame)).toEqual([{ network: 4, bytes: frame }]);
  });

  test('FG-194: the checker finds a changed frame that no narrow link explains', () => {
    const verdict = (change: (bytes: Uint8Array) => void): string => {
      const g = grid();
      send(g, 1, tcpPacket({ ...CLIENT, flags: SYN, tcpOptions: [2, 4, 5, 0xb4] }));
      const checker = createChecker();
      checker.observeStanding([g.topology], []);
      for (const record of g.taps) {
        if (record.kind === 'left') change(record.bytes);
        checker.observe(record);
      }
      return checker.verdicts().transparency;
    };
    expect(verdict(() => undefined)).toBe('held');
    expect(verdict((bytes) => (bytes[50]! ^= 1))).toContain('left changed');
    expect(verdict((bytes) => (bytes[40]! ^= 1))).toContain('left changed');
    expect(verdict((bytes) => (bytes[57]! ^= 1))).toContain('left changed');
  });
});

const suite = withTshark('narrow links against tshark');

suite('what narrow links make of packets, as tshark reads it', () => {
  const FIELDS = ['ip.checksum.status', 'icmp.checksum.status', 'icmp.mtu', 'icmpv6.mtu', 'icmpv6.checksum.status'];
  const MORE = ['tcp.options.mss_val', 'tcp.checksum.status', 'udp.checksum.status', 'ip.reassembled.length'];

  function read(frames: readonly Uint8Array[]): string[][] {
    let text = '';
    withDirectory((directory) => {
      const path = join(directory, 'left.pcap');
      const writer = new PcapWriter(path, { linkType: 1 });
      frames.forEach((frame, i) => writer.write(1_700_000_000_000_000 + i, 0, frame, 0, frame.length));
      writer.close();
      const checks = ['ip', 'tcp', 'udp'].flatMap((proto) => ['-o', `${proto}.check_checksum:TRUE`]);
      const fields = [...FIELDS, ...MORE].flatMap((field) => ['-e', field]);
      text = execFileSync('tshark', ['-r', path, ...checks, '-T', 'fields', '-E', 'occurrence=f', ...fields], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    });
    return text
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
  }

  const left = (frames: readonly (readonly [number, Uint8Array])[]): Uint8Array[] => {
    const g = grid();
    for (const [network, frame] of frames) send(g, network, frame);
    return g.left.map(({ bytes }) => bytes);
  };
  const big = (options: Partial<PacketOptions>): Uint8Array =>
    udpPacket({ ...CLIENT, payload: payload(3001), ...options });

  test('FG-191, FG-192, FG-193: every checksum is right, the MTU and the sizes are what fits', () => {
    const frames = left([
      [1, big({ dontFragment: true })],
      [1, big({ version: 6 })],
      [1, big({ id: 9 })],
      [1, tcpPacket({ ...CLIENT, flags: SYN, tcpOptions: [2, 4, 5, 0xb4, 1, 1, 1, 0] })],
      [1, tcpPacket({ ...CLIENT, flags: SYN, fromPort: 40_002, tcpOptions: [1, 2, 4, 5, 0xb4, 1, 1, 0] })],
      [1, tcpPacket({ ...CLIENT, version: 6, flags: SYN, tcpOptions: [2, 4, 5, 0xa0] })],
    ]);
    const rows = read(frames);
    expect(rows[0]!.slice(0, 3)).toEqual(['1', '1', String(FITS)]);
    expect(rows[1]!.slice(3, 5)).toEqual([String(FITS), '1']);
    // Three fragments; with the last one tshark has the datagram again, and its checksum is right.
    expect(rows.slice(2, 5).map((row) => row[0])).toEqual(['1', '1', '1']);
    expect(rows[4]!.slice(7)).toEqual(['1', '3009']);
    expect(rows.slice(5).map((row) => row.slice(5, 7))).toEqual([
      [String(FITS - 40), '1'],
      [String(FITS - 40), '1'],
      [String(FITS - 60), '1'],
    ]);
  });
});
