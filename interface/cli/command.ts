import { Option, type Command } from 'commander';
import type { CommonOptions } from './programs';
import { parseServers } from './values';
import { parseWhen } from './when';

/** How a command's action hands back its exit code. */
export type Finish = (code: number) => void;

export const DEFAULT_DATA = '.flowgrid';

/** Adds what every command takes, and its examples. */
export function withCommon(command: Command, examples: readonly (readonly [command: string, what: string])[]): Command {
  // One below the other: side by side they would not fit a terminal, and what is pasted must be whole.
  const lines = examples.map(([line, what]) => `  # ${what}\n  $ flowgrid ${line}`);
  return command
    .option('--json', 'one JSON document, or JSON lines, on stdout and nothing else there', false)
    .option('--data <dir>', 'data directory: event log, key, socket', DEFAULT_DATA)
    .addOption(
      new Option('--connections <file>', 'TLS and who this is, for Kafka, NATS and Temporal (YAML)').env(
        'FLOWGRID_CONNECTIONS',
      ),
    )
    .addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

const FORMS =
  'a position in the log (42), a time (2024-05-01T12:00:00Z, 1714564800.5) or an offset from the start of the log (+12.5s)';

/** Adds `--since` and `--until`. */
export function withSpan(command: Command): Command {
  return command
    .option('--since <when>', `from this instant on: ${FORMS}`, parseWhen)
    .option('--until <when>', 'up to and including this instant', parseWhen);
}

/** Adds `--at`. */
export function withInstant(command: Command): Command {
  return command.option('--at <when>', `the state at this instant: ${FORMS}`, parseWhen);
}

export function commonOf({ json, data, connections }: CommonOptions): CommonOptions {
  return { json, data, ...(connections === undefined ? {} : { connections }) };
}

/** Adds how the program is reached that leads the grid. */
export function withAccess(command: Command): Command {
  return command
    .option('--grid <name>', 'the grid, with --nats')
    .option(
      '--nats <servers>',
      'control bus (host:port,…); without it the program that runs on --data is asked',
      serversOf('--nats'),
    );
}

/** Reads a list of servers. */
export function serversOf(option: string): (text: string) => string {
  return (text) => parseServers(option, text);
}
