import type { Command } from 'commander';
import { withSending } from './changing-commands';
import { withCommon, type Finish } from './command';
import type { CommonOptions, Io, MnodeAccess, PackageOptions, Programs } from './programs';

interface PackageFlags extends CommonOptions, MnodeAccess {
  readonly out?: string;
  readonly publish: boolean;
  readonly by: string;
  readonly within: number;
}

/** `flowgrid package`. */
export function addPackageCommand(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const command = withSending(
    root
      .command('package')
      .description("pack a function of a user's own, and publish it to a grid whose agents run packages")
      .argument('<dir>', 'folder with a package.json ("name", "version", "main") and the compiled files')
      .option('--out <file>', 'write the bundle to a file')
      .option('--publish', 'put it into the log of the grid, from which agents fetch it', false),
  );
  command.action(async (dir: string, flags: PackageFlags) =>
    finish(await programs.package(packageOptions(dir, flags), io)),
  );
  withCommon(command, [
    ['package examples/packages/dscp-marker', 'name, version, size and hash'],
    ['package examples/packages/dscp-marker --publish --grid figure-4 --nats 127.0.0.1:4222', 'agents can fetch it'],
  ]);
}

function packageOptions(dir: string, { within, ...same }: PackageFlags): PackageOptions {
  return { ...same, dir, withinMs: within };
}
