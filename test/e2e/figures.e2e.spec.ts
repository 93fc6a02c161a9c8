import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LanPlanView, Report } from '../../projections';
import { rebuilt, withLog } from '../../runtime/programs/log-reading';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { readCaptureFile } from '../support/capture-file';
import { RecorderProcess } from '../support/recorder-process';
import { compareThroughGrid } from '../support/through-grid';
import { BIN, said, type Ended } from '../support/up-process';

const root = join(__dirname, '../..');
const EXAMPLES = join(root, 'examples');
const CAPTURE = join(EXAMPLES, 'captures/ssh.pcap');
const files = readdirSync(EXAMPLES)
  .filter((name) => /^figure-\w+\.yaml$/.test(name))
  .sort();

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'flowgrid-figures-'));
  for (const name of ['bin', 'examples']) symlinkSync(join(root, name), join(dir, name));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The commands that the head of an example names, as its reader would paste them. */
function commandsOf(file: string): string[] {
  const text = readFileSync(join(EXAMPLES, file), 'utf8');
  return [...text.matchAll(/^# {3}(flowgrid .*?)(\s+#.*)?$/gm)].map(([, line]) => line!);
}

function run(line: string, ...more: readonly string[]): Promise<Ended> {
  const [, ...args] = line.split(' ');
  return new Promise((done) => {
    execFile(BIN, [...args, ...more], { cwd: dir, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

test('FG-568: every figure that the examples are to show is one', () => {
  const figures = ['1', '2a', '2b', '2c', '2d', '2e', '2f', '2g', '4', '5', '6', '7', '8'];
  expect(files).toEqual(figures.map((figure) => `figure-${figure}.yaml`));
  const table = readFileSync(join(EXAMPLES, 'README.md'), 'utf8');
  expect(files.filter((file) => !table.includes(`](${file})`))).toEqual([]);
});

// Figures 4 and 5 are what many tests run.
test.each(files.filter((file) => !/-[45]\.yaml/.test(file)))(
  'FG-568: %s: its commands run, and what enters the grid leaves it, but for what a killed node loses and the report counts',
  async (file) => {
    const commands = commandsOf(file).filter((line) => !/link plan --data/.test(line));
    expect(commands.length).toBeGreaterThan(0);
    for (const line of commands.filter((each) => !each.startsWith('flowgrid up '))) {
      // What is asked of a directory needs a run there first.
      if (!line.includes('--data')) expect(await run(line)).toMatchObject({ code: 0, stderr: '' });
    }
    const up = commands.find((line) => line.startsWith('flowgrid up '))!;
    const [out, report] = [join(dir, `${file}.pcapng`), join(dir, `${file}.json`)];
    expect(await run(up, '--out', out, '--report', report)).toMatchObject({ code: 0 });
    const told = JSON.parse(readFileSync(report, 'utf8')) as Report;
    expect(Object.values(told.invariants).filter((verdict) => verdict !== 'held')).toEqual([]);
    const { missing, extra, entered } = compareThroughGrid(CAPTURE, out);
    expect(entered).toBeGreaterThan(100);
    expect(extra).toEqual([]);
    const lost = told.frames.in - told.frames.out;
    expect(missing).toHaveLength(lost);
    const isKill = up.includes('--kill');
    expect(isKill ? lost < entered / 10 : lost === 0).toBe(true);
    // A cluster that is backed up loses nothing with a node.
    if (file === 'figure-2e.yaml') expect(lost).toBe(0);
    for (const line of commands.filter((each) => each.includes('--data') && each !== up)) {
      expect(await run(line)).toMatchObject({ code: 0, stderr: '' });
    }
  },
  300_000,
);

test('FG-571: figure 2G: one collector has the frames of a link probe point and of an interface probe point', async () => {
  const data = join(dir, 'probed');
  const args = ['up', 'examples/figure-2g.yaml', '--capture', 'examples/captures/mixed.pcap', '--loop', '--data', data];
  const up = spawn(BIN, args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(up, 'close');
  try {
    await said(up, 'frames in');
    const points = join(dir, 'points.pcapng');
    const line = `flowgrid probe 13a N2-1@13b --frames 40 --data ${data} --write ${points}`;
    expect(await run(line)).toMatchObject({ code: 0 });
    const written = readFileSync(points).toString('latin1');
    for (const point of ['13a', 'N2-1@13b']) expect(written).toContain(point);
    expect(readCaptureFile(points).frames.length).toBeGreaterThanOrEqual(40);
  } finally {
    up.kill('SIGINT');
    await closed;
  }
}, 120_000);

/** Ports that the system gives nobody by itself; each figure has sixteen. */
const FIRST_PORT = 21_000 + 40 * (process.pid % 200);

describeWithServer('figures 7 and 8, placed', natsAvailable, () => {
  let nats: NatsServer;
  let placed: ChildProcess | undefined;
  let recorders: readonly RecorderProcess[] = [];
  beforeAll(async () => void (nats = await startNats()), 60_000);
  afterEach(async () => {
    await Promise.all(recorders.map((recorder) => recorder.end()));
    if (placed?.exitCode !== null) return;
    const closed = once(placed, 'close');
    placed.kill('SIGTERM');
    await closed;
  }, 60_000);
  afterAll(() => nats.stop());

  test.each(['7', '8'])(
    'FG-569: figure %s: each node runs on its machine, traffic goes through, and the LAN has a port for each',
    async (figure) => {
      const data = join(dir, `placed-${figure}`);
      const first = FIRST_PORT + (figure === '8' ? 20 : 0);
      const args = [figure, nats.servers, data, String(first)];
      placed = spawn(join(dir, 'examples/run-placed.sh'), args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
      let told = '';
      placed.stderr!.on('data', (bytes: Buffer) => (told += bytes.toString()));
      const machines = readFileSync(join(EXAMPLES, `figure-${figure}.places`), 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => line.split(' ').slice(0, 2));
      expect(machines).toHaveLength(10);
      while (!told.includes('hosts ')) await once(placed.stderr!, 'data');
      const version = await whole(data, machines);
      // The three INODEs say so when new flows get it.
      while (told.split(`new flows get topology ${version}`).length < 4) await once(placed.stderr!, 'data');

      const at = (port: number): string => `127.0.0.1:${first + port}`;
      recorders = [13, 14, 15].map((port) => new RecorderProcess(join(dir, `${figure}-${port}.pcapng`), at(port)));
      await Promise.all(recorders.map(({ listens }) => listens));
      const played = await run(`flowgrid play ${CAPTURE} --to ${at(10)} --back ${at(11)} --speed 10`);
      expect(played.code).toBe(0);
      const [west, east] = recorders as [RecorderProcess, RecorderProcess];
      expect([await west.ended, await east.ended]).toEqual([0, 0]);
      const { missing, extra } = compareThroughGrid(CAPTURE, west.file, east.file);
      expect({ missing, extra }).toEqual({ missing: [], extra: [] });

      const plan = JSON.parse((await run(`flowgrid link plan --data ${data} --json`)).stdout) as LanPlanView;
      const ports = plan.ports.filter(({ isNetwork }) => !isNetwork).map(({ port, nodes }) => [port, nodes.join()]);
      const mnode = figure === '7' ? 'MC-1' : 'ME-1';
      expect(ports.sort()).toEqual([...machines, [mnode, mnode]].sort());
    },
    300_000,
  );

  /** Waits until every node is placed with its machine and takes part; the topology's version. */
  async function whole(data: string, machines: readonly (readonly string[])[]): Promise<number> {
    for (;;) {
      const state = await withLog(data, (log) => rebuilt(log, Infinity));
      const members = (state.topology.latest?.clusters ?? []).flatMap(({ name, members: all }) =>
        all.map(({ node, agent }) => `${agent} ${name}-${node}`),
      );
      const isApplied = (state.topology.live.at(-1)?.appliedAt ?? 0) > 0;
      if (isApplied && machines.every(([machine, node]) => members.includes(`${machine} ${node}`))) {
        return state.topology.live.at(-1)!.version;
      }
      await delay(100);
    }
  }
});
