import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../projections';
import { FIGURE_4 } from '../support/run-up';
import { compareThroughGrid } from '../support/through-grid';
import { BIN, emptyCapture, flowgrid, said, UpSite, type Ended } from '../support/up-process';

const CAPTURE = join(__dirname, '../../examples/captures/mixed.pcap');
/** Of 41.6 s of traffic: long enough for commands, one after the other, while it flows. */
const SPEED = '4';

let dir: string;
beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'flowgrid-link-arranging-'))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let up: ChildProcess;
/** What a failed test leaves running would keep its file from ending. */
afterEach(() => void up.kill());

function start(site: UpSite, ...more: readonly string[]): void {
  up = spawn(BIN, ['up', FIGURE_4, '--data', site.data, ...more], { stdio: ['ignore', 'ignore', 'pipe'] });
}

test('FG-565: links are created, changed, deleted and applied in a grid that runs; what cannot be changes nothing', async () => {
  const site = new UpSite(dir, FIGURE_4);
  start(site, '--capture', emptyCapture(dir));
  await said(up, 'The grid stays up');
  const link = (...args: readonly string[]): Promise<Ended> => flowgrid('link', ...args, '--data', site.data);
  const before = await link('export');
  const records = join(dir, 'links.yaml');
  writeFileSync(records, before.stdout);

  expect(await link('apply', records, '--prune')).toMatchObject({ code: 0, stdout: 'the links are so already\n' });
  const created = await link(
    'create',
    'down',
    '--kind',
    'star',
    '--root',
    'IA',
    '--members',
    'AB,IC-1',
    '--by',
    'operator:eva',
  );
  expect(created).toMatchObject({ code: 0, stderr: '' });
  expect(created.stdout).toMatch(/^created down: star, \[IA \(root\), AB, IC-1\], mtu 9000\n1 link: commit \d+\n$/);
  const again = await link('create', 'down', '--kind', 'star', '--root', 'IA', '--members', 'AB,IC-1');
  expect(again).toMatchObject({ code: 0, stdout: 'the links are so already\n' });
  const other = await link('create', 'down', '--members', 'IA,AB');
  expect(other).toMatchObject({ code: 4, stdout: '' });
  expect(other.stderr).toContain('was refused (exists): link 6 exists already, as down');

  const spy = await link('create', 'spy', '--kind', 'replicated', '--tap', 'down', '--members', 'AC', '--json');
  expect(JSON.parse(spy.stdout)).toMatchObject({
    status: 'accepted',
    dryRun: false,
    created: { spy: { kind: 'replicated', members: ['AC'], tap: { link: 'down', direction: 'forward' } } },
    changed: {},
    deleted: {},
  });
  const heard = await link('change', 'down', '--direction', 'backward');
  expect(heard.stderr).toContain('was refused (in-use): link down: spy listens to what goes forward on it');
  const would = await link('change', 'down', '--root', 'AB', '--dry-run');
  expect(would.stdout).toContain('would change down: members [IA (root), AB, IC-1] → [IA, AB (root), IC-1]\n');
  const needed = await link('delete', 'VN-1', 'spy');
  expect(needed).toMatchObject({ code: 4, stdout: '' });
  expect(needed.stderr).toContain('no link joins IA and AA then');
  const lost = await link('delete', 'donw');
  expect(lost).toMatchObject({ code: 5, stderr: expect.stringContaining('perhaps down?') as string });
  const wrong = await link('create', 'x', '--kind', 'cable', '--members', 'IA,AB,AC');
  expect(wrong).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('a cable link joins exactly two ends') as string,
  });
  const bad = join(dir, 'bad.yaml');
  writeFileSync(bad, 'links:\n  down: { kind: star, members: [XX, AB] }\n');
  const refused = await link('apply', bad);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(
    `${bad}:2:33: link down: nothing is called XX (name a cluster, a node or a network)`,
  );

  const shown = JSON.parse((await link('list', '--json')).stdout) as { readonly links: readonly object[] };
  expect(shown.links).toHaveLength(7);
  const pruned = await link('apply', records, '--prune');
  expect(pruned.stdout).toMatch(/^deleted down\ndeleted spy\n2 links: commit \d+\n$/);
  expect((await link('export')).stdout).toBe(before.stdout);

  const closed = once(up, 'close');
  up.kill('SIGINT');
  await closed;
  const commits = await site.commits();
  const types = (by: string): string[] =>
    commits.filter((commit) => commit.by === by).flatMap(({ events }) => events.map(({ type }) => type));
  expect(types('operator:eva')).toEqual(['VirtualLinkCreated', 'VlanAllocated', 'VlanAllocated']);
  expect(commits.flatMap(({ events }) => events).filter(({ type }) => type === 'VirtualLinkChanged')).toEqual([]);
  const nobody = await link('delete', 'VN-1');
  expect(nobody).toMatchObject({ code: 5, stderr: expect.stringContaining('no flowgrid program runs') as string });
}, 600_000);

test('FG-566: links that come, change and go while traffic runs cost no other link a frame', async () => {
  const site = new UpSite(mkdtempSync(join(dir, 'traffic-')), FIGURE_4);
  const [out, report] = [join(site.dir, 'out.pcapng'), join(site.dir, 'report.json')];
  start(site, '--capture', CAPTURE, '--speed', SPEED, '--once', '--out', out, '--report', report);
  const closed = once(up, 'close');
  let isRunning = true;
  void closed.then(() => (isRunning = false));
  await said(up, 'frames in');
  const done = { create: 0, change: 0, delete: 0 };
  const round = [
    ['create', 'extra', '--members', 'IA,AB,IC'],
    ['change', 'extra', '--members', 'IA,AB'],
    ['change', 'VN-2', '--members', 'IA,IB,AB,IC'],
    ['delete', 'extra'],
    ['change', 'VN-2', '--members', 'IA,IB,AB'],
  ] as const;
  for (let i = 0; isRunning && i < 3 * round.length; i++) {
    const args = round[i % round.length]!;
    const { code } = await flowgrid('link', ...args, '--data', site.data);
    if (code === 0 && isRunning) done[args[0]]++;
  }
  const [code] = (await closed) as [number];
  expect(code).toBe(0);
  for (const count of Object.values(done)) expect(count).toBeGreaterThan(0);
  const told = JSON.parse(readFileSync(report, 'utf8')) as Report;
  expect(Object.values(told.invariants).filter((verdict) => verdict.startsWith('broken'))).toEqual([]);
  const { missing, extra, reordered } = compareThroughGrid(CAPTURE, out);
  expect({ missing, extra, reordered }).toEqual({ missing: [], extra: [], reordered: [] });
}, 600_000);
