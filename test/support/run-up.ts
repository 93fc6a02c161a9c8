import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../projections';

const root = join(__dirname, '../..');
/** Longest run of one capture through a grid. */
const TIMEOUT_MS = 240_000;
/** Commands that one process runs before the next takes over; the memory of ended grids goes with it. */
const RUNS_PER_PROCESS = 16;

/** Real captures with independent truth, which stand beside the project and are not part of it. */
export const TRACES = join(root, '../shared/traces');
export const hasTraces = existsSync(TRACES);
/** File names of the captures; empty where there are none. */
export const traces: readonly string[] = hasTraces
  ? readdirSync(TRACES)
      .filter((name) => /\.pcap(ng)?$/.test(name))
      .sort()
  : [];

export interface UpRun {
  readonly code: number;
  readonly report: Report;
  readonly stderr: string;
  /** Paths of `--out` and `--internal-out`. */
  readonly out: string;
  readonly internalOut: string;
  /** Removes everything that the run left. */
  clean(): void;
}

/** Runs the real program over one capture, as fast as it can, to its report. */
export async function runUp(
  grid: string,
  capture: string,
  args: readonly string[] = [],
  internal = false,
): Promise<UpRun> {
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-up-'));
  const [out, internalOut, report] = [join(dir, 'out.pcapng'), join(dir, 'internal.pcapng'), join(dir, 'report.json')];
  const all = ['up', grid, '--capture', capture, '--speed', 'max', '--once', '--data', join(dir, 'data')];
  all.push('--out', out, '--report', report, ...(internal ? ['--internal-out', internalOut] : []), ...args);
  const { code, stderr } = await inRunner(all);
  if (!existsSync(report)) throw new Error(`flowgrid ${all.join(' ')} left no report:\n${stderr}`);
  return {
    code,
    report: JSON.parse(readFileSync(report, 'utf8')) as Report,
    stderr,
    out,
    internalOut,
    clean: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** The process that runs the commands of this test file, and how many it has run. */
let runner: { readonly child: ChildProcess; readonly errors: string[]; runs: number } | undefined;

/** Runs one command; commands of one test file run one after the other, a few in one process. */
async function inRunner(args: readonly string[]): Promise<{ code: number; stderr: string }> {
  runner ??= startRunner();
  const { child, errors } = runner;
  errors.length = 0;
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  const code = await new Promise<number>((resolve) => {
    const died = (): void => resolve(-1);
    child.once('exit', died);
    child.once('message', (message: { code: number }) => {
      child.off('exit', died);
      resolve(message.code);
    });
    child.send(args);
  });
  clearTimeout(timer);
  if (code < 0 || ++runner.runs >= RUNS_PER_PROCESS) stopRunner();
  return { code, stderr: errors.join('') };
}

function startRunner(): NonNullable<typeof runner> {
  const child = fork(join(__dirname, 'up-runner.js'), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
  const errors: string[] = [];
  child.stderr!.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  return { child, errors, runs: 0 };
}

/** Ends the process behind {@link runUp}; for `afterAll`. */
export function stopRunner(): void {
  runner?.child.disconnect();
  runner = undefined;
}

/**
 * Writes a variant of examples/figure-4.yaml in which every flow takes AB and AC, and AB runs `abFunction`; `helloMs` is
 * the interval of hellos, milliseconds.
 */
export function figureFourVariant(dir: string, name: string, abFunction: string, helloMs = 10): string {
  const text = readFileSync(FIGURE_4, 'utf8');
  const policies = text.indexOf('policies:');
  const after = text.indexOf('# Replayed traffic');
  const guarded = `policies:\n  - { type: all, paths: [guarded, guarded-b, guarded-back] }\n\n`;
  const variant = (text.slice(0, policies) + guarded + text.slice(after))
    .replace(/(AB: \{.*)function: pass \}/, `$1function: ${abFunction} }`)
    .replace(/helloMs: 10/, `helloMs: ${helloMs}`);
  for (const wanted of [`function: ${abFunction} }`, `helloMs: ${helloMs}`]) {
    if (!variant.includes(wanted)) throw new Error(`examples/figure-4.yaml cannot be made to say ${wanted}`);
  }
  const path = join(dir, `${name}.yaml`);
  writeFileSync(path, variant);
  return path;
}

export const FIGURE_4 = join(root, 'examples/figure-4.yaml');
