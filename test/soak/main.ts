/**
 * `npm run soak`: kills each kind of program many times under traffic, and writes what came of it to docs/reference. It goes on
 * after a failure, so that one is seen among all; exit code 1 says that there was one.
 *
 *   npm run soak -- [TIMES]      kills of each kind; default 50
 */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Kills, VICTIMS, told, type KillResult, type Victim } from '../support/lab/kills';
import { LabGrid } from '../support/lab/lab-grid';

const TIMES = 50;
const REFERENCE = join(__dirname, '../../docs/reference');

async function main(times: number): Promise<number> {
  const lab = await LabGrid.start({ brokers: 3 });
  const results: KillResult[] = [];
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: REFERENCE, encoding: 'utf8' }).trim();
  try {
    const kills = new Kills(lab);
    for (let n = 0; n < times; n++) {
      for (const victim of [undefined, ...VICTIMS]) {
        results.push(await kills.once(victim, randomInt(2 ** 31)));
        process.stdout.write(`${n + 1}/${times} ${told(results.at(-1)!)}\n`);
        write(results, commit);
      }
    }
  } finally {
    await lab.end();
  }
  return results.every(isGood(results)) ? 0 : 1;
}

/** Nothing lost, and no gap above twice the longest without a kill. */
function isGood(results: readonly KillResult[]): (result: KillResult) => boolean {
  const without = longest(of(results, undefined));
  return ({ lost, twice, reordered, forgotten, gapMs }) =>
    lost + twice + reordered + forgotten === 0 && gapMs <= 2 * without;
}

function of(results: readonly KillResult[], victim: Victim | undefined): KillResult[] {
  return results.filter((result) => result.victim === victim);
}

function longest(results: readonly KillResult[]): number {
  return Math.max(0, ...results.map(({ gapMs }) => gapMs));
}

function write(results: readonly KillResult[], commit: string): void {
  const [processor] = cpus();
  const machine = `${cpus().length} × ${processor?.model ?? 'processor'}`;
  const on = new Date().toISOString().slice(0, 10);
  writeFileSync(join(REFERENCE, 'soak.json'), `${JSON.stringify({ on, commit, machine, results }, undefined, 2)}\n`);
  const sum = (some: readonly KillResult[], what: (result: KillResult) => number): number =>
    some.reduce((total, result) => total + what(result), 0);
  const rows = [undefined, ...VICTIMS].map((victim) => {
    const some = of(results, victim);
    const gaps = some.map(({ gapMs }) => gapMs).sort((a, b) => a - b);
    const cells = [
      victim ?? 'nothing',
      some.length,
      sum(some, ({ frames }) => frames),
      sum(some, ({ lost }) => lost),
      sum(some, ({ twice }) => twice),
      sum(some, ({ acknowledged }) => acknowledged),
      sum(some, ({ forgotten }) => forgotten),
      gaps[gaps.length >>> 1] ?? 0,
      gaps.at(-1) ?? 0,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  writeFileSync(join(REFERENCE, 'soak.md'), [...HEAD(on, commit, machine), ...rows, ''].join('\n'));
}

const HEAD = (on: string, commit: string, machine: string): string[] => [
  '# Kills under traffic',
  '',
  'Written by `npm run soak`: `kill -9` at instants that a printed seed chooses, under traffic both ways and a stream of commands,',
  'with three MNODEs, three brokers, nats-server and five agents, each on a host of its own; what was killed is started again up to',
  `1.5 s later. ${on}, commit ${commit}, ${machine}. Every run: [soak.json](soak.json).`,
  '',
  'A frame of each flow is sent every 50 ms; the gap is the longest time between two frames of a flow as they leave.',
  '',
  '| killed | runs | frames | lost | twice | commands acknowledged | forgotten | median gap, ms | longest gap, ms |',
  '|---|---|---|---|---|---|---|---|---|',
];

main(Number(process.argv[2] ?? TIMES)).then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
