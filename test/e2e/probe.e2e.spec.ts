import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trailerV1 } from '../../dataplane/descriptor/codec';
import { readCaptureFile } from '../support/capture-file';
import { FIGURE_4 } from '../support/run-up';
import { DISSECTOR, tsharkFields, withTshark } from '../support/tshark';
import { BIN, flowgrid, said, type Ended } from '../support/up-process';

const root = join(__dirname, '../..');
const WEB = join(root, 'examples/captures/web.pcap');

let dir: string;
let data: string;
let grid: ChildProcess;

/** A grid through which a capture goes again and again. */
async function start(): Promise<void> {
  const args = ['up', FIGURE_4, '--capture', WEB, '--loop', '--speed', '20', '--data', data];
  grid = spawn(BIN, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  await said(grid, 'is up');
  grid.stderr!.resume();
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'flowgrid-probe-'));
  data = join(dir, 'data');
  await start();
}, 120_000);

afterAll(async () => {
  if (grid.exitCode === null) {
    grid.kill('SIGTERM');
    await once(grid, 'close');
  }
  rmSync(dir, { recursive: true, force: true });
});

function probe(...args: readonly string[]): Promise<Ended> {
  return flowgrid('probe', ...args, '--data', data);
}

async function ended(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

const FIELDS = ['frame.interface_name', 'frame.packet_flags_direction', 'flowgrid.flow_id', 'flowgrid.sequence'];
const wanted = ['-T', 'fields', ...[...FIELDS, 'frame.comment'].flatMap((field) => ['-e', field])];

withTshark('probes read by tshark')('read by tshark', () => {
  test('FG-526: tshark reads a running grid through a pipe, and decodes its descriptors', async () => {
    const said = join(dir, 'said');
    const capture = `${BIN} probe VN-2 AB-2 --raw --frames 300 --write - --data ${data} 2>${said}`;
    const reader = ['tshark', '-X', `lua_script:${DISSECTOR}`, '-r', '-', '-l', ...wanted].join(' ');
    const shown = await ended(spawn('sh', ['-c', `${capture} | ${reader}`]));
    expect(shown.code).toBe(0);
    expect(readFileSync(said, 'utf8')).toMatch(/^capturing at VN-2, AB-2@VN-2, AB-2@VN-3, AB-2@VN-5/);
    const rows = shown.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(rows).toHaveLength(300);
    const flows = rows.filter(([, , flow, sequence]) => flow !== '' && sequence !== '0');
    expect(flows.length).toBeGreaterThan(100);
    for (const [point, direction, flow, sequence, comment] of flows) {
      expect(comment).toContain(`flow ${flow} `);
      expect(comment).toContain(`#${sequence}`);
      if (point === 'VN-2') expect(Number(direction)).toBe(0);
      else expect(comment!.includes(Number(direction) === 1 ? 'to AB-2:' : 'AB-2 to')).toBe(true);
    }
    expect(new Set(flows.map(([point]) => point))).toEqual(new Set(['VN-2', 'AB-2@VN-2', 'AB-2@VN-3']));
  }, 120_000);
});

test('FG-521: restored frames are those that entered the grid', async () => {
  const file = join(dir, 'restored.pcapng');
  expect(await probe('AB', '--frames', '120', '--write', file)).toMatchObject({ code: 0 });
  const entered = new Set(readCaptureFile(WEB).frames.map(({ bytes }) => bytes.toString('hex')));
  const { frames, interfaces } = readCaptureFile(file);
  expect(interfaces).toContain('AB-1@VN-2');
  expect(frames).toHaveLength(120);
  for (const { bytes } of frames) expect(entered.has(bytes.toString('hex'))).toBe(true);
}, 120_000);

test('FG-525: frames that a filter does not pass are not captured, and a wrong filter is refused at its column', async () => {
  const file = join(dir, 'filtered.pcapng');
  expect(
    await probe('VN-2', '--raw', '--filter', 'reverse and tcp src port 80', '--frames', '40', '--write', file),
  ).toMatchObject({ code: 0 });
  for (const { bytes } of readCaptureFile(file).frames) {
    const decoded = trailerV1.decode(bytes);
    expect(decoded.ok && (decoded.descriptor.flags & 0x10) !== 0).toBe(true);
    expect(bytes.readUInt16BE(bytes.readUInt16BE(12) === 0x86dd ? 54 : 34)).toBe(80);
  }
  const wrong = await probe('VN-2', '--filter', 'tcp prt 80');
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toContain('filter, column 5');
}, 120_000);

withTshark('counts of probes read by tshark')('read by tshark', () => {
  test('FG-523: what a full ring did not take is told, in the file and in the summary', async () => {
    const file = join(dir, 'full.pcapng');
    const args = ['probe', 'VN-2', '--raw', '--ring', '64', '--write', file, '--json', '--data', data];
    const capture = spawn(BIN, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const done = ended(capture);
    await said(capture, 'capturing at');
    // It reads nothing while another sees more frames pass than its ring holds.
    capture.kill('SIGSTOP');
    expect(await probe('VN-2', '--raw', '--frames', '2000', '--write', join(dir, 'other.pcapng'))).toMatchObject({
      code: 0,
    });
    capture.kill('SIGCONT');
    capture.kill('SIGINT');
    const { code, stdout } = await done;
    expect(code).toBe(0);
    const { frames, points } = JSON.parse(stdout) as {
      frames: number;
      points: { captured: number; dropped: number }[];
    };
    expect(frames).toBe(points[0]!.captured);
    expect(points[0]!.dropped).toBeGreaterThan(0);
    expect(readCaptureFile(file).frames).toHaveLength(frames);
    const bytes = readFileSync(file);
    // The last block: interface statistics, with ifrecv and ifdrop.
    const at = bytes.length - bytes.readUInt32LE(bytes.length - 4);
    expect(bytes.readUInt32LE(at)).toBe(5);
    expect([bytes.readBigUInt64LE(at + 24), bytes.readBigUInt64LE(at + 36)]).toEqual([
      BigInt(frames + points[0]!.dropped),
      BigInt(points[0]!.dropped),
    ]);
    expect(await tsharkFields(file, ['frame.number'])).toHaveLength(frames);
  }, 120_000);
});

test('FG-526: a named pipe is written when somebody reads it', async () => {
  const [pipe, file] = [join(dir, 'pipe'), join(dir, 'piped.pcapng')];
  execFileSync('mkfifo', [pipe]);
  const capture = ended(spawn(BIN, ['probe', 'VN-2', '--raw', '--frames', '30', '--write', pipe, '--data', data]));
  await once(spawn('sh', ['-c', `cat ${pipe} >${file}`]), 'close');
  expect(await capture).toMatchObject({ code: 0 });
  expect(readCaptureFile(file).frames).toHaveLength(30);
}, 120_000);

test('FG-522: who has no token attaches nothing; the log names who has', async () => {
  const elsewhere = join(dir, 'elsewhere.key');
  const keyless = await probe('VN-2', '--frames', '1', '--key', elsewhere);
  expect(keyless).toMatchObject({ code: 5 });
  expect(keyless.stderr).toContain('--token-file');
  writeFileSync(elsewhere, 'ab'.repeat(32), { mode: 0o600 });
  const stranger = await probe('VN-2', '--frames', '1', '--key', elsewhere);
  expect(stranger).toMatchObject({ code: 4, stdout: '' });
  expect(stranger.stderr).toContain('is not one of this grid');
  const { stdout } = await flowgrid('probe', 'token', 'alice', '--data', data);
  const token = join(dir, 'alice.token');
  writeFileSync(token, stdout);
  const read = await probe('VN-3', '--frames', '2', '--key', elsewhere, '--token-file', token, '--json');
  expect(read).toMatchObject({ code: 0 });
  expect(read.stdout.trimEnd().split('\n')).toHaveLength(3);
  const history = await flowgrid('audit', 'history', '--data', data);
  expect(history.stdout).toMatch(/operator:alice .*\n {2}probe VN-3 was attached to link VN-3/);
  expect(history.stdout).toMatch(/operator:alice .*\n {2}probe \d+ was detached/);
}, 120_000);

test('FG-520: a point that is not there is answered by the nearest name, exit 5', async () => {
  const unknown = await probe('VN-9');
  expect(unknown).toMatchObject({ code: 5, stdout: '' });
  expect(unknown.stderr).toContain('there is no link, network, node or cluster VN-9');
  expect(unknown.stderr).toContain('perhaps VN-1?');
  expect(await probe()).toMatchObject({ code: 2 });
  expect(await probe('VN-1', '--json', '--write', '-')).toMatchObject({ code: 2 });
}, 120_000);

test('FG-528: a reader that goes away ends a capture well, a grid that ends lets it read the rest', async () => {
  const toHead = spawn('sh', ['-c', `${BIN} probe VN-2 --raw --write - --data ${data} | head -c 4000 >/dev/null`]);
  expect(await ended(toHead)).toMatchObject({ code: 0 });
  const file = join(dir, 'rest.pcapng');
  const last = spawn(BIN, ['probe', 'VN-2', '--raw', '--write', file, '--json', '--data', data], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const done = ended(last);
  await said(last, 'capturing at');
  grid.kill('SIGTERM');
  await once(grid, 'close');
  const { code, stdout } = await done;
  expect(code).toBe(0);
  const summary = JSON.parse(stdout) as { frames: number; points: object[] };
  expect(summary.points).toEqual([{ point: 'VN-2', captured: summary.frames, dropped: 0 }]);
  expect(readCaptureFile(file).frames).toHaveLength(summary.frames);
  const none = await probe('VN-2');
  expect(none).toMatchObject({ code: 5 });
  expect(none.stderr).toContain('no flowgrid program runs');
}, 120_000);

test('FG-527: a grid that comes back after a crash has detached the points of before', async () => {
  const file = join(dir, 'before.pcapng');
  await start();
  const before = spawn(BIN, ['probe', 'VN-2', '--raw', '--write', file, '--data', data], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const done = ended(before);
  await said(before, 'capturing at');
  grid.kill('SIGKILL');
  await once(grid, 'close');
  // The collector has lost the grid, and what it had is in the file.
  expect(await done).toMatchObject({ code: 0 });
  expect((await flowgrid('audit', 'history', '--data', data)).stdout.trimEnd()).toMatch(
    /probe VN-2 was attached to link VN-2$/,
  );
  await start();
  const history = (await flowgrid('audit', 'history', '--data', data)).stdout;
  const attached = history.lastIndexOf('probe VN-2 was attached');
  expect(history.slice(attached)).toMatch(/operator:up .*\n {2}probe \d+ was detached/);
  expect(await probe('VN-2', '--frames', '2')).toMatchObject({ code: 0 });
}, 180_000);
