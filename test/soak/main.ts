/**
 * `npm run soak`: kills each kind of program many times under traffic, and writes what came of it to docs/reference. It goes on
 * after a failure, so that one is seen among all, and goes on where it was stopped, as long as the code is the same; exit code 1
 * says that something failed. SIGTERM lets it end after the run that is under way.
 *
 *   npm run soak -- [TIMES]      runs of each kind, those that there are included; default 50
 */
import { randomInt } from 'node:crypto';
import { Kills, VICTIMS, told, type Victim } from '../support/lab/kills';
import { LabGrid } from '../support/lab/lab-grid';
import { isGood, presentSoak, runsOf, writeSoak, type Run, type Soak } from './results';

const TIMES = 50;
const KINDS: readonly (Victim | undefined)[] = [undefined, ...VICTIMS];

/** A grid, for as long as it is whole after each run. */
class Soaked {
  private lab: LabGrid | undefined;
  private kills: Kills | undefined;

  async run(victim: Victim | undefined, seed: number): Promise<Run> {
    try {
      this.lab ??= await LabGrid.start({ brokers: 3, temporal: true });
      this.kills ??= new Kills(this.lab);
      return await this.kills.once(victim, seed);
    } catch (error) {
      const failed = (error as Error).stack ?? String(error);
      process.stdout.write(`${this.lab?.account() ?? ''}\n`);
      await this.end().catch(() => undefined);
      return { victim, seed, failed };
    }
  }

  async end(): Promise<void> {
    const { lab } = this;
    this.lab = this.kills = undefined;
    await lab?.end();
  }
}

async function main(times: number): Promise<number> {
  let soak = presentSoak();
  const soaked = new Soaked();
  const began = Date.now();
  let [done, isAsked] = [0, false];
  process.once('SIGTERM', () => (isAsked = true));
  try {
    for (let next = nextOf(soak, times); next !== undefined && !isAsked; next = nextOf(soak, times)) {
      const runBegan = Date.now();
      const run = await soaked.run(next.victim, randomInt(2 ** 31));
      soak = { ...soak, results: [...soak.results, run] };
      writeSoak(soak);
      const seconds = ((Date.now() - runBegan) / 1000).toFixed(1);
      process.stdout.write(`${next.number}/${times} ${line(run, soak)} (${seconds} s)\n`);
      done++;
    }
  } finally {
    await soaked.end();
  }
  const failed = soak.results.filter((run) => !isGood(soak)(run));
  const minutes = ((Date.now() - began) / 60_000).toFixed(1);
  process.stdout.write(`${done} runs in ${minutes} min; ${failed.length} of ${soak.results.length} not good\n`);
  return failed.length === 0 ? 0 : 1;
}

/** The kind that has had the fewest runs: all kinds take turns, also after an interruption. */
function nextOf(soak: Soak, times: number): { victim: Victim | undefined; number: number } | undefined {
  const counted = KINDS.map((victim) => ({ victim, number: runsOf(soak, victim).length + 1 }));
  const next = counted.reduce((fewest, kind) => (kind.number < fewest.number ? kind : fewest));
  return next.number > times ? undefined : next;
}

function line(run: Run, soak: Soak): string {
  const text = 'failed' in run ? `seed ${run.seed}: ${run.victim ?? 'nothing'}: ${run.failed}` : told(run);
  return isGood(soak)(run) ? text : `NOT GOOD ${text}`;
}

main(Number(process.argv[2] ?? TIMES)).then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
