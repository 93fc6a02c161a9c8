import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

const root = join(__dirname, '../..');
const README = 'README.md';
const TUTORIAL = 'docs/tutorial/first-grid.md';
/** Longest run of one command. */
const TIMEOUT_MS = 600_000;
/** Prepares what the README's reader has after `npm start`: the same run, at full speed, and ended. */
const NPM_START = `${scriptOf('start')} --once --speed max`;

/** Every page whose links must lead somewhere. */
const pages = [README, 'CHANGELOG.md', ...markdownBelow('docs'), ...markdownBelow('examples')];

function markdownBelow(dir: string): string[] {
  return readdirSync(join(root, dir), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(dir, name))
    .sort();
}

function scriptOf(name: string): string {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  return manifest.scripts[name]!;
}

/** Blocks fenced as `info`, in order. */
function fences(page: string, info: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)]
    .filter(([, mark]) => mark === info)
    .map(([, , body]) => body!);
}

/** Commands that a page says can be run, without their comments. */
function commandsOf(page: string): string[] {
  return fences(page, 'sh run')
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, ''))
    .filter((line) => line !== '');
}

interface Ended {
  readonly command: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line as a reader of the page would, who stands in a clone. */
function run(command: string, cwd: string): Promise<Ended> {
  const [program, ...args] = command.split(' ');
  return new Promise((done) => {
    execFile(join(cwd, program!), args, { cwd, timeout: TIMEOUT_MS }, (error, stdout, stderr) =>
      done({ command, code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

/** A line without its figures: what a page shows must be said, in these words, of these nodes and flows. */
function inOutline(line: string): string {
  return line
    .replace(/(?<![\w-])\d[\d.,:]*/g, '#')
    .replace(/\s+/g, ' ')
    .trim();
}

/** A directory that looks like a clone, to run commands in. */
function clone(): string {
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-docs-'));
  for (const name of ['bin', 'examples']) symlinkSync(join(root, name), join(dir, name));
  return dir;
}

/** Runs commands one after the other; all must end well. */
async function runAll(commands: readonly string[], cwd: string): Promise<Ended[]> {
  const ended: Ended[] = [];
  for (const command of commands) ended.push(await run(command, cwd));
  const failed = ended.filter(({ code }) => code !== 0);
  expect(failed.map(({ command, code, stderr }) => `${command}: exit ${code}\n${stderr}`)).toEqual([]);
  return ended;
}

describe('what the documentation shows', () => {
  let dir: string;
  beforeEach(() => (dir = clone()));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('FG-141: the README’s commands work on the data that npm start leaves', async () => {
    const commands = commandsOf(README);
    expect(commands.every((command) => command.startsWith('bin/flowgrid '))).toBe(true);
    expect(commands.length).toBeGreaterThanOrEqual(6);
    const [, before, after] = await runAll([NPM_START, ...commands], dir);
    expect(before!.stdout).toContain('Selection computes: IA-1 > AB-1 > AC-3 > IC-1');
    expect(after!.stdout).toContain('was taken over from AB-1 by AB-3');
  }, 600_000);

  it('FG-141: the tutorial’s commands work on the grid file that it shows, and say what it says', async () => {
    const [grid] = fences(TUTORIAL, 'yaml');
    const name = /^# (\S+\.yaml)$/m.exec(grid!)![1]!;
    writeFileSync(join(dir, name), grid!);
    const commands = commandsOf(TUTORIAL);
    expect(commands.every((command) => command.startsWith('bin/flowgrid '))).toBe(true);
    const ended = await runAll(commands, dir);
    const said = ended.flatMap(({ stdout, stderr }) => `${stdout}\n${stderr}`.split('\n')).map(inOutline);
    const shown = fences(TUTORIAL, '').flatMap((block) => block.split('\n'));
    const unsaid = shown.filter((line) => {
      const start = inOutline(line.split('…')[0]!);
      return start !== '' && !said.some((each) => each.startsWith(start));
    });
    expect(unsaid).toEqual([]);
  }, 600_000);
});

describe('the links of the documentation', () => {
  it.each(pages)('%s', (page) => {
    const text = readFileSync(join(root, page), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    const local = targets.filter((target) => !/^(https?:|mailto:|#)/.test(target));
    const missing = local.filter((target) => !existsSync(resolve(root, dirname(page), target.split('#')[0]!)));
    expect({ page: relative('.', page), missing }).toEqual({ page: relative('.', page), missing: [] });
  });
});
