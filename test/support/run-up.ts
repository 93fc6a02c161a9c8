import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../projections';

const root = join(__dirname, '../..');
const BIN = join(root, 'bin/flowgrid');
/** Longest run of one capture through a grid. */
const TIMEOUT_MS = 240_000;

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
  const { code, stderr } = await new Promise<{ code: number; stderr: string }>((resolve) => {
    execFile(BIN, all, { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }, (error, _stdout, text) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stderr: text }),
    );
  });
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

/** Writes a variant of examples/figure-4.yaml in which every flow takes AB and AC, and AB runs `abFunction`. */
export function figureFourVariant(dir: string, name: string, abFunction: string): string {
  const text = readFileSync(join(root, 'examples/figure-4.yaml'), 'utf8');
  const policies = text.indexOf('policies:');
  const after = text.indexOf('# Replayed traffic');
  const guarded = `policies:\n  - { type: all, paths: [guarded, guarded-b, guarded-back] }\n\n`;
  const variant = (text.slice(0, policies) + guarded + text.slice(after)).replace(
    /(AB: \{.*)function: pass \}/,
    `$1function: ${abFunction} }`,
  );
  if (!variant.includes(`function: ${abFunction} }`)) throw new Error('figure-4.yaml has no AB with a pass function');
  const path = join(dir, `${name}.yaml`);
  writeFileSync(path, variant);
  return path;
}

export const FIGURE_4 = join(root, 'examples/figure-4.yaml');
