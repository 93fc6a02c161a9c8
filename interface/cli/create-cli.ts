import { Command, type CommanderError } from 'commander';
import type { Finish } from './command';
import { addCompletion } from './completion';
import { addReadingCommands } from './reading-commands';
import { addRunningCommands } from './running-commands';
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
  $ flowgrid up examples/figure-4.yaml     a grid, real traffic, a failure, a take-over
  $ flowgrid audit history                 what happened, and why`;

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
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
      getOutHelpWidth: () => io.columns(),
      getErrHelpWidth: () => io.columns(),
    })
    .addHelpText('after', EXIT_CODES);
  addRunningCommands(root, programs, io, finish);
  addReadingCommands(root, programs, io, finish);
  addCompletion(root, io, finish);
  return root;
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
