import { cpus, release, totalmem } from 'node:os';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchOptions, BenchResult } from './result';

/** A suite by name: loaded only when it runs, so that one broken machine part does not take the others along. */
const suites: Record<string, () => Promise<{ run(options?: BenchOptions): Promise<BenchResult[]> }>> = {
  'packet-path': () => import('./packet-path/main'),
  'figure-4': () => import('./figure-4/main'),
  flows: () => import('./flows/main'),
  log: () => import('./log/main'),
  links: () => import('./links/main'),
  'links-manager': () => import('./links-manager/main'),
  publication: () => import('./publication/main'),
  distributed: () => import('./distributed/main'),
};

/** What these figures do not say; printed with them. */
const NOT_MEASURED = [
  'no packet I/O: frames start and end in memory',
  'no loss-free rate in the sense of RFC 2544: everything offered is taken',
  'two cores shared with whatever else runs; ratios within one run are what to read',
];

interface Arguments {
  readonly smoke: boolean;
  readonly json?: string;
  readonly suites: readonly string[];
}

function parse(argv: readonly string[]): Arguments {
  const names: string[] = [];
  let smoke = false;
  let json: string | undefined;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--smoke') smoke = true;
    else if (word === '--json') json = argv[++i];
    else if (word in suites) names.push(word);
    else throw new Error(`bench: '${word}' is no suite; there are: ${Object.keys(suites).join(', ')}`);
  }
  return { smoke, suites: names.length > 0 ? names : Object.keys(suites), ...(json === undefined ? {} : { json }) };
}

function machine(): Record<string, string> {
  const [cpu] = cpus();
  return {
    cpu: `${cpus().length} × ${cpu?.model ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    node: process.version,
  };
}

function row(result: BenchResult): string {
  const value = result.value >= 100 ? Math.round(result.value).toLocaleString('en-US') : result.value.toPrecision(3);
  const ratio = result.ratio;
  const verdict = ratio?.ok === undefined ? '' : ratio.ok ? '  ok' : '  MISSED';
  const against =
    ratio === undefined
      ? ''
      : `  ${ratio.value.toFixed(2)} × ${ratio.of}${ratio.budget ? ` (budget ${ratio.budget})` : ''}`;
  return `${result.name.padEnd(62)} ${value.padStart(14)} ${result.unit.padEnd(10)}${against}${verdict}${result.note ? `  — ${result.note}` : ''}`;
}

async function main(): Promise<void> {
  const options = parse(process.argv.slice(2));
  const results: (BenchResult & { suite: string })[] = [];
  console.log(
    Object.entries(machine())
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
  );
  for (const suite of options.suites) {
    console.log(`\n${suite}`);
    const { run } = await suites[suite]!();
    for (const result of await run({ smoke: options.smoke })) {
      results.push({ suite, ...result });
      console.log(row(result));
    }
  }
  console.log(`\nNot measured: ${NOT_MEASURED.join('; ')}.`);
  const path = options.json ?? join(__dirname, '../bench-results.json');
  writeFileSync(
    path,
    `${JSON.stringify({ machine: machine(), smoke: options.smoke, results, notMeasured: NOT_MEASURED }, null, 2)}\n`,
  );
  const missed = results.filter((result) => result.ratio?.ok === false);
  if (missed.length > 0) console.log(`\n${missed.length} budget(s) missed.`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
