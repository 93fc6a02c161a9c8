import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emptyCapture, flowgrid } from '../support/up-process';

const root = join(__dirname, '../..');
/** What a pipe holds that nobody reads. */
const PIPE_BYTES = 65_536;
const PAGE = readFileSync(join(root, 'docs/how-to/set-up-the-lan.md'), 'utf8');

/** Blocks of the how-to fenced as `info`, in order. */
function fences(info: string): string[] {
  return [...PAGE.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)]
    .filter(([, mark]) => mark === info)
    .map(([, , body]) => body!);
}

let dir: string;
let file: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'flowgrid-link-'));
  symlinkSync(join(root, 'bin'), join(dir, 'bin'));
  file = join(dir, 'lan.yaml');
  writeFileSync(file, fences('yaml')[0]!);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Runs a line of the how-to as its reader would. */
function said(line: string): Promise<string> {
  const [program, ...args] = line.split(' ');
  return new Promise((resolve, reject) => {
    execFile(join(dir, program!), args, { cwd: dir }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
}

test('FG-498: the commands of the how-to say what it shows', async () => {
  const commands = fences('sh run').map((block) => block.trim());
  expect(commands).toHaveLength(3);
  const shown = fences('');
  for (const [place, command] of commands.entries()) {
    const out = await said(command);
    // Of the plan the page leaves the notes out.
    const lines = out.split('\n').filter((line) => !line.startsWith('Note: '));
    expect(lines.join('\n')).toBe(shown[place]);
  }
}, 300_000);

test('FG-497 FG-498: a grid that ran has the links, VLAN IDs and plan that its file foretold', async () => {
  const data = join(dir, 'data');
  const capture = emptyCapture(dir);
  const ran = await flowgrid('up', file, '--capture', capture, '--once', '--speed', 'max', '--data', data);
  expect(ran.code).toBe(0);
  for (const act of [['list'], ['show', 'down'], ['show', 'in'], ['plan']]) {
    const before = await flowgrid('link', ...act, file, '--json');
    const after = await flowgrid('link', ...act, '--json', '--data', data);
    expect(before).toMatchObject({ code: 0, stderr: '' });
    expect(after).toEqual(before);
    const text = await flowgrid('link', ...act, '--data', data);
    expect(text).toEqual(await flowgrid('link', ...act, file));
  }
  const shown = await flowgrid('link', 'show', 'in', file, '--json');
  expect(JSON.parse(shown.stdout)).toMatchObject({
    name: 'in',
    kind: 'external',
    vlans: { both: [2048], transmit: [], receive: [] },
    paths: ['there', 'back'],
    macs: [{ node: 'IA-1', nic: '02:f1:60:00:01:01' }],
  });
  const early = await flowgrid('link', 'list', '--data', data, '--at', '1999-01-01T00:00:00Z');
  expect(early.code).toBe(5);
  expect(early.stderr).toContain('there was no grid at 1999-01-01');
}, 300_000);

test('FG-499: a link that is not there is answered by the nearest name, exit 5; other input is refused as elsewhere', async () => {
  const unknown = await flowgrid('link', 'show', 'donw', file);
  expect(unknown).toMatchObject({ code: 5, stdout: '' });
  expect(unknown.stderr).toContain('there is no link donw; links of this grid: in, out, down, up');
  expect(unknown.stderr).toContain('perhaps down?');
  expect((await flowgrid('link', 'list', '--data', join(dir, 'nowhere'))).code).toBe(5);
  expect((await flowgrid('link', 'list', join(dir, 'absent.yaml'))).code).toBe(5);
  expect((await flowgrid('link', 'plan', file, '--at', '3')).code).toBe(2);
  expect((await flowgrid('link')).code).toBe(2);
}, 300_000);

test('FG-498: a plan by which the LAN would join two links is shown, with exit 4', async () => {
  const both = join(dir, 'both.yaml');
  const text = readFileSync(file, 'utf8');
  const tagged = text.replace('EN-1: { cluster: IA }', 'EN-1: { cluster: IA, tagged: true }');
  writeFileSync(both, tagged.replace('members: [EN-1, IA] }', 'members: [EN-1, IA], vlans: [99, 100] }'));
  const plan = await flowgrid('link', 'plan', both, '--json');
  expect(plan).toMatchObject({ code: 4, stderr: '' });
  expect(JSON.parse(plan.stdout)).toMatchObject({ shared: [{ vlan: 100, links: ['in', 'out'] }] });
  const told = await flowgrid('link', 'plan', both);
  expect(told.stdout).toContain('Conflict: VLAN 100 is that of links in and out');
}, 300_000);

test('FG-622: a reader that takes its time has all that a program printed', async () => {
  const all = join(dir, 'all.yaml');
  writeFileSync(all, readFileSync(file, 'utf8').replace(', vlans: [100]', ''));
  const args = ['link', 'plan', all, '--format', 'openconfig'];
  const slow = spawn(join(root, 'bin/flowgrid'), args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(slow, 'exit');
  // It reads nothing while another runs to its end.
  const { stdout } = await flowgrid(...args);
  let read = '';
  for await (const chunk of slow.stdout) read += String(chunk);
  expect(await ended).toEqual([0, null]);
  expect(read.length).toBeGreaterThan(4 * PIPE_BYTES);
  expect(read).toBe(stdout);
}, 300_000);
