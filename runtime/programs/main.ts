import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCli, type Io, type Programs } from '../../interface/cli';

/** The programs are loaded when they are asked for, so that `--help` is quick and a missing optional part hurts nobody. */
const programs: Programs = {
  up: async (options, io) => (await import('./up/up')).up(options, io),
  classify: async (options, io) => (await import('./classify')).classify(options, io.out, io.interrupted),
  validate: async (options, io) => (await import('./validate')).validate(options, io),
  trace: async (options, io) => (await import('./trace')).trace(options, io),
  audit: async (options, io) => (await import('./audit')).audit(options, io),
  log: async (options, io) => (await import('./log')).log(options, io),
  check: async (options, io) => (await import('./check')).check(options, io),
  link: async (options, io) => (await import('./link')).link(options, io),
  arrangeLinks: async (options, io) => (await import('./links/arrange')).arrangeLinks(options, io),
  probe: async (options, io) => (await import('./probe/probe')).probe(options, io),
  migrate: async (options, io) => (await import('./log-migrate')).migrate(options, io),
  mnode: async (options, io) => (await import('./mnode/mnode')).mnode(options, io),
  agent: async (options, io) => (await import('./agent/agent')).agent(options, io),
  status: async (options, io) => (await import('./status')).status(options, io),
  stats: async (options, io) => (await import('./stats')).stats(options, io),
  submit: async (options, io) => (await import('./submit')).submit(options, io),
  package: async (options, io) => (await import('./package')).packageFunction(options, io),
  start: async (options, io) => (await import('./start')).start(options, io),
  replicate: async (options, io) => (await import('./replicate')).replicate(options, io),
  scale: async (options, io) => (await import('./scale/scale')).scale(options, io),
  workflow: async (options, io) => (await import('./workflow')).workflow(options, io),
  play: async (options, io) => (await import('./traffic/play')).play(options, io),
  record: async (options, io) => (await import('./traffic/record')).record(options, io),
};

/** The process's own terminal. A reader that goes away (`| head`) ends the program quietly. */
function terminal(): Io {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    paint: (text) => void process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true,
    columns: () => process.stderr.columns ?? 80,
    interrupted: interruption.signal,
  };
}

function version(): string {
  const manifest = readFileSync(join(__dirname, '../../../package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/**
 * The process entry: runs one command and ends with its exit code, whatever is still open: the NATS client keeps the sockets of
 * attempts to connect that it has given up. What was printed is out by then, however slow its reader: a pipe takes 64 KiB at once.
 */
export async function main(args: readonly string[]): Promise<void> {
  const code = await run(args);
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  process.exit(code);
}

/** Runs one command in this process, which goes on; its exit code. */
export function run(args: readonly string[]): Promise<number> {
  return createCli(programs, terminal(), version()).run(args);
}
