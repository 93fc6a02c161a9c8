import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { openCapture } from '../../dataplane/packet-ports/capture/reader';
import { BIN } from '../support/up-process';
import { runUp, stopRunner, type UpRun } from '../support/run-up';

const EXAMPLES = join(__dirname, '../../examples');
const GRID = join(EXAMPLES, 'routed.yaml');
/** What came to a Linux router with the grid's addresses, and what it sent: examples/captures/record-router.sh. */
const CAME = join(EXAMPLES, 'captures/routed.pcapng');
const SENT = join(EXAMPLES, 'captures/routed-sent.pcapng');

const [ARP, IPV4, IPV6] = [0x0806, 0x0800, 0x86dd];
const [ICMP, ICMPV6] = [1, 58];

/** The frames that left by each interface, in order. */
function framesOf(path: string): Map<string, Uint8Array[]> {
  const frames = new Map<string, Uint8Array[]>();
  const reader = openCapture(path);
  while (reader.next()) {
    const name = reader.interfaces[reader.record.interfaceId]!.name;
    frames.set(name, [...(frames.get(name) ?? []), reader.record.bytes().slice()]);
  }
  expect(reader.readError).toBeNull();
  reader.close();
  return frames;
}

const word = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

/** Whether the router asks a neighbour whether it is still there: when is each router's own affair. */
function isProbe(bytes: Uint8Array): boolean {
  if ((bytes[0]! & 1) !== 0) return false;
  return word(bytes, 12) === ARP
    ? word(bytes, 20) === 1
    : word(bytes, 12) === IPV6 && bytes[20] === ICMPV6 && bytes[54] === 135;
}

/**
 * A frame without what routers may choose: of what they say themselves (64 hops) the identification and "don't fragment",
 * with the header checksum, and the flow label; of advertisements that answer a probe the override flag, and the MAC address,
 * which the prober knows.
 */
function comparable(bytes: Uint8Array): string {
  const copy = Buffer.from(bytes);
  if (word(copy, 12) === IPV4 && copy[22] === 64) copy.fill(0, 18, 22).fill(0, 24, 26);
  if (word(copy, 12) === IPV6 && copy[21] === 64) copy.fill(0, 15, 18);
  const isAdvertisement = word(copy, 12) === IPV6 && copy[20] === ICMPV6 && copy[54] === 136;
  if (!isAdvertisement || copy[38] !== 0xfe) return copy.toString('hex');
  const parts = [copy.subarray(0, 12), copy.subarray(22, 54), copy.subarray(62, 78)];
  return parts.map((part) => part.toString('hex')).join(' ');
}

/** What can be told of a sequence of frames without their order between different hosts. */
function byHosts(frames: readonly Uint8Array[]): Map<string, string[]> {
  const ordered = new Map<string, string[]>();
  for (const bytes of frames) {
    if (isProbe(bytes)) continue;
    const type = word(bytes, 12);
    const ends =
      type === IPV4 ? bytes.subarray(26, 34) : type === IPV6 ? bytes.subarray(22, 54) : bytes.subarray(0, 12);
    const key = `${type} ${Buffer.from(ends).toString('hex')}`;
    ordered.set(key, [...(ordered.get(key) ?? []), comparable(bytes)]);
  }
  return ordered;
}

describe('a grid in layer-3 mode beside a Linux router', () => {
  let run: UpRun;
  beforeAll(async () => {
    run = await runUp(GRID, CAME);
  });
  afterAll(() => {
    run.clean();
    stopRunner();
  });

  test('FG-599: sends what Linux sends, frame for frame: forwarded packets, ARP, neighbour discovery, ICMP errors, echoes', () => {
    const [linux, grid] = [framesOf(SENT), framesOf(run.out)];
    expect([...linux.keys()].sort()).toEqual(['east', 'north', 'west']);
    let compared = 0;
    for (const [name, sent] of linux) {
      const [wanted, got] = [byHosts(sent), byHosts(grid.get(name) ?? [])];
      expect([...got.keys()].sort()).toEqual([...wanted.keys()].sort());
      for (const [hosts, frames] of wanted) {
        expect(got.get(hosts)).toEqual(frames);
        compared += frames.length;
      }
    }
    expect(compared).toBeGreaterThan(550);
  });

  test('FG-599: the recording holds what it is for', () => {
    const all = [...framesOf(SENT).values()].flat();
    const errors = new Set<string>();
    for (const bytes of all) {
      if (word(bytes, 12) === IPV4 && bytes[23] === ICMP && bytes[22] === 64) errors.add(`4/${bytes[34]}/${bytes[35]}`);
      if (word(bytes, 12) === IPV6 && bytes[20] === ICMPV6 && bytes[21] === 64)
        errors.add(`6/${bytes[54]}/${bytes[55]}`);
    }
    const wanted = [
      '4/3/0',
      '4/3/1',
      '4/3/3',
      '4/3/4',
      '4/11/0',
      '4/0/0',
      '6/1/0',
      '6/1/3',
      '6/2/0',
      '6/3/0',
      '6/129/0',
    ];
    expect(wanted.filter((each) => !errors.has(each))).toEqual([]);
    const behind = (hex: string): number =>
      all.filter((bytes) => Buffer.from(bytes.subarray(30, 34)).toString('hex') === hex).length;
    // 203.0.113.10 by the short prefix, .200 by the long one.
    expect([behind('cb00710a'), behind('cb0071c8')].every((n) => n > 1)).toBe(true);
  });

  test('FG-599: every invariant holds, and every frame is accounted for by its reason', () => {
    expect(run.code).toBe(0);
    const { frames, invariants } = run.report;
    expect(Object.values(invariants)).toEqual(new Array(8).fill('held'));
    const reasons = ['hop-limit', 'link-mtu', 'no-neighbour', 'no-route', 'not-routed'];
    expect(Object.keys(frames.dropped).sort()).toEqual(reasons);
    expect(frames.mtu).toMatchObject({ answered: expect.any(Number), fragmented: expect.any(Number) });
  });

  test.each([
    ['tcp 192.0.2.11:4000 203.0.113.200:80', 'west', 'to-north'],
    ['tcp 192.0.2.11:4000 203.0.113.10:80', 'west', 'to-east'],
    ['udp [2001:db8:3::fe]:4000 [2001:db8:1::11]:53', 'north', 'to-west'],
    ['udp 198.51.100.80:4000 192.0.2.254:53', 'east', ''],
    ['udp 192.0.2.11:4000 100.64.0.1:53', 'west', ''],
  ])('FG-592: trace says of %s that it would come from %s and go %s', async (subject, network, path) => {
    const data = join(dirname(run.out), 'data');
    const { stdout } = await promisify(execFile)(BIN, ['trace', ...subject.split(' '), '--data', data, '--json']);
    const { entrances } = JSON.parse(stdout) as { entrances: { network: string; path: string; refused: string[] }[] };
    expect(entrances.map((each) => [each.network, each.path])).toEqual([[network, path]]);
    if (path === '') expect(entrances[0]!.refused).toEqual([subject.includes('100.64') ? 'no-route' : 'no-path']);
  });

  test.each([
    ['distributed selection, two workers', ['--selection', 'distributed', '--workers', '2']],
    ['a node killed in the middle', ['--kill', 'AB@0.4']],
  ])('FG-599: so it does with %s', async (_name, args) => {
    const other = await runUp(GRID, CAME, args);
    try {
      expect(other.code).toBe(0);
      const [linux, grid] = [framesOf(SENT), framesOf(other.out)];
      for (const [name, sent] of linux) {
        const all = (frames: readonly Uint8Array[]): string[] =>
          frames
            .filter((bytes) => !isProbe(bytes))
            .map(comparable)
            .sort();
        expect(all(grid.get(name) ?? [])).toEqual(all(sent));
      }
    } finally {
      other.clean();
    }
  });
});
