import { join } from 'node:path';
import { openCapture } from '../../dataplane/packet-ports/capture/reader';
import { runUp, stopRunner, type UpRun } from '../support/run-up';

const EXAMPLES = join(__dirname, '../../examples');
const GRID = join(EXAMPLES, 'bridged.yaml');
/** What came to a Linux bridge between three hosts, and what it sent: examples/captures/record-bridge.sh. */
const CAME = join(EXAMPLES, 'captures/bridged.pcapng');
const SENT = join(EXAMPLES, 'captures/bridged-sent.pcapng');
const STATIONS = new Map([
  ['02005e005301', 'west'],
  ['02005e005302', 'east'],
  ['02005e005303', 'north'],
]);
const TCP = 6;

interface SeenFrame {
  readonly to: string;
  readonly hex: string;
  /** Its stations, and what distinguishes its flow. */
  readonly flow: string;
}

/** The frames that left by each interface, in order. */
function framesOf(path: string): Map<string, SeenFrame[]> {
  const frames = new Map<string, SeenFrame[]>();
  const reader = openCapture(path);
  while (reader.next()) {
    const name = reader.interfaces[reader.record.interfaceId]!.name;
    const bytes = Buffer.from(reader.record.bytes());
    const isIpv4 = bytes.readUInt16BE(12) === 0x0800;
    const proto = isIpv4 ? bytes[23]! : bytes[20]!;
    const ports = proto === TCP ? bytes.toString('hex', isIpv4 ? 34 : 54, isIpv4 ? 38 : 58) : '';
    const flow = `${bytes.toString('hex', 0, 14)} ${proto} ${ports}`;
    frames.set(name, [
      ...(frames.get(name) ?? []),
      { to: bytes.toString('hex', 0, 6), hex: bytes.toString('hex'), flow },
    ]);
  }
  expect(reader.readError).toBeNull();
  reader.close();
  return frames;
}

function byFlow(frames: readonly SeenFrame[]): Map<string, string[]> {
  const ordered = new Map<string, string[]>();
  for (const { flow, hex } of frames) ordered.set(flow, [...(ordered.get(flow) ?? []), hex]);
  return ordered;
}

describe('a grid in layer-2 mode beside a Linux bridge', () => {
  let run: UpRun;
  beforeAll(async () => {
    run = await runUp(GRID, CAME, ['--speed', '1']);
  });
  afterAll(() => {
    run.clean();
    stopRunner();
  });

  test('FG-548: each host gets what it got from the Linux bridge, in order per flow and direction', () => {
    const [linux, grid] = [framesOf(SENT), framesOf(run.out)];
    expect([...grid.keys()].sort()).toEqual(['east', 'north', 'west']);
    let compared = 0;
    let more = 0;
    for (const [name, sent] of linux) {
      const isFor = ({ to }: SeenFrame): boolean => (STATIONS.get(to) ?? name) === name;
      const got = grid.get(name)!;
      expect(byFlow(got.filter(isFor))).toEqual(byFlow(sent.filter(isFor)));
      compared += sent.length;
      more += got.filter((each) => !isFor(each)).length;
    }
    expect(compared).toBeGreaterThan(340);
    // An answer can come before the question has crossed the grid: then its station is not known there yet.
    expect(more).toBeLessThan(compared / 10);
  });

  test('FG-548: every invariant holds, and nothing is dropped', () => {
    expect(run.code).toBe(0);
    const { frames, invariants } = run.report;
    expect(Object.values(invariants)).toEqual(new Array(8).fill('held'));
    expect(frames.dropped).toEqual({});
  });
});
