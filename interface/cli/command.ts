import type { Command } from 'commander';
import type { CommonOptions } from './programs';
import { parseWhen } from './when';

/** How a command's action hands back its exit code. */
export type Finish = (code: number) => void;

export const DEFAULT_DATA = '.flowgrid';

/** Adds what every command takes, and its examples. */
export function withCommon(command: Command, examples: readonly (readonly [command: string, what: string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) => `  $ flowgrid ${line.padEnd(width)}   ${what}`);
  return command
    .option('--json', 'one JSON document, or JSON lines, on stdout and nothing else there', false)
    .option('--data <dir>', 'data directory: event log, key, socket', DEFAULT_DATA)
    .addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** Adds `--since` and `--until`. */
export function withSpan(command: Command): Command {
  return command
    .option('--since <when>', 'from this instant on (see --at)', parseWhen)
    .option('--until <when>', 'up to and including this instant (see --at)', parseWhen);
}

/** Adds `--at`. */
export function withInstant(command: Command): Command {
  return command.option(
    '--at <when>',
    'the state at this instant: a position in the log (42), a time (2024-05-01T12:00:00Z, 1714564800.5) or an offset from the start of the log (+12.5s)',
    parseWhen,
  );
}

export function commonOf({ json, data }: CommonOptions): CommonOptions {
  return { json, data };
}
