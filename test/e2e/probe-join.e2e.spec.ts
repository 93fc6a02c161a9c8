import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HopLatency } from '../../projections';
import { readCaptureFile } from '../support/capture-file';
import { FIGURE_4 } from '../support/run-up';
import { tsharkFields, withTshark } from '../support/tshark';
import { BIN, flowgrid, said } from '../support/up-process';

const WEB = join(__dirname, '../../examples/captures/web.pcap');

let dir: string;
let grid: ChildProcess;
let data: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'flowgrid-join-'));
  data = join(dir, 'data');
  grid = spawn(BIN, ['up', FIGURE_4, '--capture', WEB, '--loop', '--speed', '20', '--data', data], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await said(grid, 'is up');
  grid.stderr!.resume();
}, 120_000);

afterAll(async () => {
  grid.kill('SIGTERM');
  await once(grid, 'close');
  rmSync(dir, { recursive: true, force: true });
});

type Hop = Omit<HopLatency, 'hop'> & { readonly hop: string };

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.ceil(values.length / 2) - 1]!;
}

const FIELDS = ['frame.interface_name', 'frame.packet_flags_direction', 'frame.time_epoch', 'flowgrid.flow_id'];

/** What AB-2 took for each frame that came to it and left it, by what tshark reads in the capture. */
async function byTshark(file: string): Promise<number[]> {
  const [came, left] = [new Map<string, number>(), new Map<string, number>()];
  const more = ['flowgrid.flags.reverse', 'flowgrid.sequence', 'flowgrid.sender', 'flowgrid.receiver'];
  for (const [, , epoch, flow, reverse, sequence, sender, receiver] of await tsharkFields(file, [...FIELDS, ...more])) {
    if (flow === '' || sequence === '0' || sequence === '') continue;
    const key = `${flow} ${reverse} ${sequence}`;
    const time = Math.round(Number(epoch!.slice(4)) * 1e6);
    if (receiver === '5/2' && !came.has(key)) came.set(key, time);
    if (sender === '5/2' && !left.has(key)) left.set(key, time);
  }
  return [...came].flatMap(([key, time]) => (left.has(key) ? [left.get(key)! - time] : []));
}

withTshark('joined captures against tshark')('read by tshark', () => {
  test('FG-529: what went in and out of a cluster is joined by flow, and tells latency per hop as tshark finds it', async () => {
    const [file, joined] = [join(dir, 'ab.pcapng'), join(dir, 'joined.pcapng')];
    expect(await flowgrid('probe', 'AB', '--raw', '--seconds', '2', '--write', file, '--data', data)).toMatchObject({
      code: 0,
    });
    const { code, stdout } = await flowgrid('probe', 'join', file, '--write', joined, '--json');
    expect(code).toBe(0);
    const { frames, hops } = JSON.parse(stdout) as { frames: number; hops: Hop[] };
    const node = hops.find(({ hop }) => hop === 'AB-2')!;
    const took = await byTshark(file);
    expect(took.length).toBeGreaterThan(100);
    expect(node.frames).toBe(took.length);
    expect([node.min, node.p50, node.max]).toEqual([Math.min(...took), median(took), Math.max(...took)]);
    expect(node.min).toBeGreaterThanOrEqual(0);
    expect(node.max).toBeGreaterThan(0);
    const rows = await tsharkFields(
      joined,
      ['frame.comment', 'frame.interface_name', 'flowgrid.flow_id'],
      '-Y',
      'flowgrid',
    );
    expect(await tsharkFields(joined, ['frame.number'])).toHaveLength(frames);
    const told = rows.filter(([comment]) => comment !== '');
    expect(told.length).toBeGreaterThan(100);
    for (const [comment, , flow] of told) {
      expect(comment).toMatch(
        new RegExp(`^${flow}( reverse)? #\\d+: \\d+ us after AB-\\d@VN-\\d (in|out), \\d+ us after it was seen first$`),
      );
    }
  }, 240_000);

  test('FG-536: the whole way from one network to another is joined, hop by hop', async () => {
    const [file, joined] = [join(dir, 'way.pcapng'), join(dir, 'way-joined.pcapng')];
    // One kind of flow, so that no ring gets full.
    const args = ['--raw', '--filter', 'ip6', '--seconds', '2', '--write', file, '--data', data];
    expect(await flowgrid('probe', 'EN-1', 'IA', 'AB', 'AC', 'IC', 'EN-4', ...args)).toMatchObject({ code: 0 });
    const { code, stdout } = await flowgrid('probe', 'join', file, '--write', joined, '--json');
    expect(code).toBe(0);
    const { hops } = JSON.parse(stdout) as { hops: Hop[] };
    const way = ['IA-1', 'IA-1 > AB', 'AB', 'AB > AC', 'AC', 'AC > IC-1', 'IC-1'];
    const taken = new Set(hops.map(({ hop }) => hop.replace(/(A[BC])-\d/g, '$1')));
    expect(way.filter((hop) => !taken.has(hop))).toEqual([]);
    // Frames that left the grid, with when they were seen first: that is where the same bytes entered.
    const { frames } = readCaptureFile(joined);
    const micros = (at: number): number => Math.round(frames[at]!.time * 1e6);
    const rows = await tsharkFields(joined, ['frame.interface_name', 'frame.packet_flags_direction', 'frame.comment']);
    const entered = new Set<string>();
    let left = 0;
    rows.forEach(([point, direction, comment], at) => {
      const bytes = frames[at]!.bytes.toString('hex');
      if (point === 'EN-1' && Number(direction) === 1) entered.add(`${micros(at)} ${bytes}`);
      if (point !== 'EN-4' || Number(direction) !== 2) return;
      const [, since] =
        /^0x[0-9a-f]{8} #\d+: \d+ us after IC-1@.*, (\d+) us after it was seen first$/.exec(comment!) ?? [];
      if (since === undefined) return;
      // What was under way when the points were attached was seen first inside.
      if (entered.has(`${micros(at) - Number(since)} ${bytes}`)) left++;
      else expect(micros(at) - micros(0)).toBeLessThan(100_000);
    });
    expect(left).toBeGreaterThan(20);
  }, 240_000);
});

test('FG-529: captures that cannot be joined are refused with what to do', async () => {
  const file = join(dir, 'restored.pcapng');
  await flowgrid('probe', 'AB', '--frames', '20', '--write', file, '--data', data);
  const restored = await flowgrid('probe', 'join', file);
  expect(restored).toMatchObject({ code: 2, stdout: '' });
  expect(restored.stderr).toContain('capture with --raw');
  const one = join(dir, 'one.pcapng');
  await flowgrid(
    'probe',
    'AB-2@VN-2',
    '--raw',
    '--filter',
    'reverse',
    '--frames',
    '20',
    '--write',
    one,
    '--data',
    data,
  );
  const apart = await flowgrid('probe', 'join', one);
  expect(apart).toMatchObject({ code: 4, stdout: '' });
  expect(apart.stderr).toContain('no frame was seen at two points');
  expect(await flowgrid('probe', 'join', join(dir, 'absent.pcapng'))).toMatchObject({ code: 5 });
}, 120_000);
