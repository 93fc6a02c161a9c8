import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { VICTIMS, type KillResult, type Victim } from '../support/lab/kills';

const ROOT = join(__dirname, '../..');
const REFERENCE = join(ROOT, 'docs/reference');
const JSON_FILE = join(REFERENCE, 'soak.json');

/** A run that came to no end, or of which not all is as it should be. */
export interface FailedRun {
  readonly victim: Victim | undefined;
  readonly seed: number;
  readonly failed: string;
}

export type Run = KillResult | FailedRun;

/** What the soak knows, as docs/reference/soak.json has it. */
export interface Soak {
  /** The day of the newest run. */
  readonly on: string;
  /** The newest commit that changed more than documents. */
  readonly commit: string;
  readonly machine: string;
  readonly results: readonly Run[];
}

/** What is soaked here, with the runs that there are of the same commit. */
export function presentSoak(): Soak {
  const [processor] = cpus();
  const on = new Date().toISOString().slice(0, 10);
  const soak = { on, commit: codeCommit(), machine: `${cpus().length} × ${processor?.model ?? 'processor'}` };
  const before = existsSync(JSON_FILE) ? (JSON.parse(readFileSync(JSON_FILE, 'utf8')) as Soak) : undefined;
  const isSame = before?.commit === soak.commit && before.machine === soak.machine;
  return { ...soak, results: isSame ? before.results : [] };
}

/** Runs of one victim, or of none. */
export function runsOf({ results }: Soak, victim: Victim | undefined): readonly Run[] {
  return results.filter((run) => run.victim === victim);
}

/** Nothing lost, nothing half done, and no gap above twice the longest without a kill. */
export function isGood(soak: Soak): (run: Run) => boolean {
  const without = longest(endedOf(soak, undefined));
  return (run) => {
    if ('failed' in run) return false;
    const { lost, twice, reordered, forgotten, gapMs, scaling } = run;
    return lost + twice + reordered + forgotten === 0 && scaling.end !== 'half done' && gapMs <= 2 * without;
  };
}

/** Writes docs/reference/soak.json and soak.md. */
export function writeSoak(soak: Soak): void {
  writeFileSync(JSON_FILE, `${JSON.stringify(soak, undefined, 2)}\n`);
  const rows = [undefined, ...VICTIMS].map((victim) => rowOf(soak, victim));
  writeFileSync(join(REFERENCE, 'soak.md'), [...head(soak), ...rows, '', ...failures(soak)].join('\n'));
}

/** Documents are written after the code that they are about, and change nothing of it. */
function codeCommit(): string {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', [...args, '--', '.', ':!docs', ':!*.md'], { cwd: ROOT, encoding: 'utf8' }).trim();
  const commit = git('log', '-1', '--format=%h');
  return git('status', '--porcelain') === '' ? commit : `${commit} and changes`;
}

function endedOf(soak: Soak, victim: Victim | undefined): KillResult[] {
  return runsOf(soak, victim).flatMap((run) => ('failed' in run ? [] : [run]));
}

function longest(results: readonly KillResult[]): number {
  return Math.max(0, ...results.map(({ gapMs }) => gapMs));
}

function rowOf(soak: Soak, victim: Victim | undefined): string {
  const runs = endedOf(soak, victim);
  const sum = (what: (result: KillResult) => number): number => runs.reduce((total, run) => total + what(run), 0);
  const ended = (end: string): number => runs.filter(({ scaling }) => scaling.end === end).length;
  const gaps = runs.map(({ gapMs }) => gapMs).sort((a, b) => a - b);
  const cells = [
    victim ?? 'nothing',
    runs.length,
    sum(({ frames }) => frames),
    sum(({ lost }) => lost),
    sum(({ twice }) => twice),
    sum(({ acknowledged }) => acknowledged),
    sum(({ forgotten }) => forgotten),
    runs.length,
    victim === undefined ? '' : runs.filter(({ scaling }) => scaling.killedAfterStep !== undefined).length,
    ended('ended well'),
    ended('put back'),
    ended('half done'),
    gaps[gaps.length >>> 1] ?? 0,
    gaps.at(-1) ?? 0,
  ];
  return `| ${cells.join(' | ')} |`;
}

const head = ({ on, commit, machine }: Soak): string[] => [
  '# Kills under traffic',
  '',
  'Written by `npm run soak`: `kill -9` at instants that a seed chooses, under traffic both ways, a stream of commands and a',
  'workflow that adds a node to cluster AB or takes it out, with three MNODEs, three brokers, nats-server, a Temporal server and',
  'six agents, each on a host of its own. What was killed is started again up to 1.5 s later, the Temporal server with the',
  `database that it had. ${on}, commit ${commit}, ${machine}. Every run, with its seed: [soak.json](soak.json).`,
  '',
  'The Temporal worker lives in the MNODE that leads. Both rows with that name kill such a program: the first whoever leads, at',
  'an instant of the traffic; the second whoever Temporal names as its worker, once the workflow has done a step.',
  '',
  'A frame of each flow is sent every 50 ms; the gap is the longest time between two frames of a flow as they leave, and may be',
  'twice the longest without a kill. A workflow ends well, or puts everything back: its node, cluster and links are as before.',
  'One in four is cancelled. It is half done when neither holds, or when the log, the leader and Temporal tell of it',
  'differently.',
  '',
  '| killed | runs | frames | lost | twice | commands acknowledged | forgotten | workflows | running when killed | ended well | put back | half done | median gap, ms | longest gap, ms |',
  '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|',
];

function failures(soak: Soak): string[] {
  const failed = soak.results.filter((run) => !isGood(soak)(run));
  if (failed.length === 0) return [];
  const rows = failed.map((run) => `- ${run.victim ?? 'nothing'} killed, seed ${run.seed}: ${reasonOf(run)}`);
  return ['Runs of which not all was so:', '', ...rows, ''];
}

function reasonOf(run: Run): string {
  if ('failed' in run) return run.failed.split('\n')[0]!;
  const { lost, twice, reordered, forgotten, gapMs, scaling } = run;
  return (
    `${lost} frames lost, ${twice} twice, ${reordered} flows reordered, ${forgotten} commands forgotten, ` +
    `longest gap ${gapMs} ms, workflow ${scaling.end}`
  );
}
