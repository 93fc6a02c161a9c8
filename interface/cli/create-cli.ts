import { Command, Help, Option, type CommanderError } from 'commander';
import { addChangingCommands } from './changing-commands';
import type { Finish } from './command';
import { addCompletion } from './completion';
import { addAgentCommand } from './agent-command';
import { addDistributedCommands } from './distributed-commands';
import { addLinkCommands } from './link-commands';
import { addPackageCommand } from './package-command';
import { addProbeCommand } from './probe-command';
import { addReadingCommands } from './reading-commands';
import { addRunningCommands } from './running-commands';
import { addStartCommands } from './start-commands';
import { addStatsCommand } from './stats-command';
import { addTrafficCommands } from './traffic-commands';
import { addWorkflowCommands } from './workflow-commands';
import { reportFailure } from './failures';
import { EXIT, type Io, type Programs } from './programs';

/** The command line: what it takes apart, programs carry out. */
export interface Cli {
  /** Runs one command (arguments without `node` and the script); resolves with the exit code, never rejects. */
  run(args: readonly string[]): Promise<number>;
}

const EXIT_CODES = `
Exit codes: 0 ok, 1 unexpected, 2 usage, 3 differences, 4 findings, 5 not found, 6 timeout, 130 interrupted.
Start here:
  $ flowgrid up examples/figure-4.yaml --capture examples/captures/mixed.pcap --speed 10 --kill AB@0.4
  $ flowgrid audit history`;

export function createCli(programs: Programs, io: Io, version = '0.0.0'): Cli {
  return {
    async run(args) {
      // A command tree keeps the values of its last parse, so each run gets its own.
      let code: number = EXIT.ok;
      const root = createRoot(programs, io, version, (result) => (code = result));
      try {
        await root.parseAsync([...args], { from: 'user' });
        return code;
      } catch (error) {
        return isCommanderError(error) ? exitOf(error, io) : reportFailure(error, io);
      }
    },
  };
}

/** The whole tree of commands. */
export function createRoot(programs: Programs, io: Io, version: string, finish: Finish): Command {
  const root = new Command('flowgrid')
    .description(
      'Steers live network flows through clusters of packet processors, and can say afterwards where and why.',
    )
    .version(version)
    // An option belongs to the command that it stands behind: 'log' and 'log migrate' have some of the same names.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
      getOutHelpWidth: () => io.columns(),
      getErrHelpWidth: () => io.columns(),
    })
    .configureHelp({ optionDescription: (option) => plainHelp.optionDescription(withoutObviousDefault(option)) })
    .addHelpText('after', EXIT_CODES);
  addRunningCommands(root, programs, io, finish);
  addReadingCommands(root, programs, io, finish);
  addLinkCommands(root, programs, io, finish);
  addProbeCommand(root, programs, io, finish);
  addChangingCommands(root, programs, io, finish);
  addWorkflowCommands(root, programs, io, finish);
  addDistributedCommands(root, programs, io, finish);
  addStatsCommand(root, programs, io, finish);
  addAgentCommand(root, programs, io, finish);
  addPackageCommand(root, programs, io, finish);
  addStartCommands(root, programs, io, finish);
  addTrafficCommands(root, programs, io, finish);
  addCompletion(root, io, finish);
  return root;
}

const plainHelp = new Help();

/** Options are off, and lists empty, unless given: nobody needs to read that. */
function withoutObviousDefault(option: Option): Option {
  const value: unknown = option.defaultValue;
  const isObvious = value === false || (Array.isArray(value) && value.length === 0);
  if (!isObvious) return option;
  const shown = new Option(option.flags, option.description);
  return option.argChoices === undefined ? shown : shown.choices(option.argChoices);
}

function isCommanderError(error: unknown): error is CommanderError {
  return (
    typeof (error as { code?: unknown }).code === 'string' && (error as CommanderError).code.startsWith('commander.')
  );
}

/** Commander has already printed its message; help that was asked for is no error. */
function exitOf(error: CommanderError, io: Io): number {
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return EXIT.ok;
  if (error.code !== 'commander.help')
    io.err("  remedy: 'flowgrid --help' lists the commands, 'flowgrid COMMAND --help' their options");
  return EXIT.usage;
}
