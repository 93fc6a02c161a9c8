import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FIGURE_4 } from '../support/run-up';
import { BIN, emptyCapture, flowgrid, said, UpSite } from '../support/up-process';

let root: string;
let up: ChildProcess;
let site: UpSite;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'flowgrid-commands-'));
  site = new UpSite(root, FIGURE_4);
  up = spawn(BIN, ['up', FIGURE_4, '--capture', emptyCapture(root), '--data', site.data], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await said(up, 'The grid stays up');
}, 300_000);

afterAll(async () => {
  await end();
  rmSync(root, { recursive: true, force: true });
});

/** Ends the grid in good order, if it runs. */
async function end(): Promise<void> {
  if (up.exitCode !== null || up.signalCode !== null) return;
  const closed = once(up, 'close');
  up.kill('SIGINT');
  await closed;
}

test('FG-280, FG-281: a mode is switched in a grid that runs, once, and told; what cannot be is refused', async () => {
  const mode = (...args: readonly string[]) => flowgrid('mode', ...args, '--data', site.data);

  const installed = said(up, 'is installed everywhere');
  const switched = await mode('AB', 'drop', '--json', '--by', 'operator:eva');
  expect(switched).toMatchObject({ code: 0, stderr: '' });
  const outcome = JSON.parse(switched.stdout) as { readonly status: string; readonly seq: number };
  expect(outcome.status).toBe('accepted');

  const again = await mode('AB', 'drop');
  expect(again).toMatchObject({ code: 0, stdout: 'AB in mode drop for new flows: the grid was so already\n' });
  const unknown = await mode('XX', 'drop');
  expect(unknown.code).toBe(5);
  expect(unknown.stderr).toContain('there is no cluster XX; clusters of this grid: IA,');
  const unlinked = await mode('AB', 'copy');
  expect(unlinked.code).toBe(4);
  expect(unlinked.stderr).toContain('no link joins IA and AC, for frames that go past AB');
  expect((await mode('AB', 'sideways')).code).toBe(2);
  expect((await mode('AB', 'copy', '--existing')).code).toBe(4);

  await installed;
  await end();
  const commits = await site.commits();
  const commit = commits.find(({ seq }) => seq === outcome.seq)!;
  expect(commit).toMatchObject({ by: 'operator:eva', cause: 0 });
  expect(commit.events).toMatchObject([{ type: 'ClusterReconfigured', data: { name: 'AB', mode: 'drop' } }]);
  const after = commits.slice(commits.indexOf(commit) + 1).flatMap(({ events }) => events);
  const told = after.map(({ type }) => type);
  expect(told).toEqual(expect.arrayContaining(['TopologyPublished', 'TopologyApplied']));
  expect(told).not.toContain('ClusterReconfigured');
  const nobody = await mode('AB', 'through');
  expect(nobody.code).toBe(5);
  expect(nobody.stderr).toContain('no flowgrid program runs');
}, 300_000);
