import { Option, type Command } from 'commander';
import { FlowgridError } from '../../domain/base/errors';
import { addLinkArranging } from './link-arranging-commands';
import { commonOf, withCommon, withInstant, type Finish } from './command';
import {
  PLAN_FORMATS,
  type CommonOptions,
  type Io,
  type LinkOptions,
  type PlanFormat,
  type Programs,
} from './programs';
import type { When } from './when';

/** Files of a clone, so that examples can be pasted. */
const GRID = 'examples/figure-4.yaml';

interface LinkFlags extends CommonOptions {
  readonly at?: When;
}

type Examples = Parameters<typeof withCommon>[1];

/** `link`: the virtual links of a grid, and what they ask of the LAN. */
export function addLinkCommands(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const link = root
    .command('link')
    .description(
      'virtual links: which there are, whom they reach, what the LAN switch must be told for them; and to change them',
    )
    .addHelpText('after', `\nExamples:\n  # the links of a grid file\n  $ flowgrid link list ${GRID}`);
  const run = async (act: LinkOptions['act'], file: string | undefined, flags: LinkFlags): Promise<void> => {
    const { at } = flags;
    if (file !== undefined && at !== undefined) {
      throw new FlowgridError('usage', `--at names an instant of a log, and ${file} is a grid file`, {
        remedy: 'leave one of them out',
      });
    }
    const options = {
      ...commonOf(flags),
      ...(at === undefined ? {} : { at }),
      ...(file === undefined ? {} : { file }),
    };
    finish(await programs.link({ ...options, act }, io));
  };
  const source = (command: Command, examples: Examples): void => {
    withCommon(
      withInstant(command.argument('[grid]', 'grid file (YAML); default: what the log in --data holds')),
      examples,
    );
  };

  const list = link.command('list').description('every link: kind, members and sides, VLAN IDs');
  source(list, [
    ['link list', 'the links of the grid on .flowgrid, as they are'],
    ['link list --at +10s', 'as they were ten seconds into the run'],
    [`link list ${GRID}`, 'those of a grid file, with the VLAN IDs that a new grid would give them'],
  ]);
  list.action((file: string | undefined, flags: LinkFlags) => run({ kind: 'list' }, file, flags));

  const show = link
    .command('show')
    .description('a link whole: whom frames reach, MAC addresses, and paths that use it')
    .argument('<name>', "the link's name");
  source(show, [
    ['link show VN-1', 'a link of the grid on .flowgrid'],
    [`link show VN-1 ${GRID} --json`, 'one of a grid file, as JSON'],
  ]);
  show.action((name: string, file: string | undefined, flags: LinkFlags) => run({ kind: 'show', name }, file, flags));

  const plan = link
    .command('plan')
    .description('what each port of the LAN switch must be told; exit 4 if it would join links that are not one');
  source(plan, [
    ['link plan', 'a port for each network, agent, and node that no agent hosts'],
    [`link plan ${GRID} --format linux-bridge`, 'as commands that set a Linux bridge up'],
    [`link plan ${GRID} --format openconfig`, 'as what an OpenConfig switch is given by NETCONF or gNMI'],
    [`link plan ${GRID} --json`, 'from a grid file, for a program that configures the switch'],
  ]);
  plan.addOption(
    new Option('--format <form>', 'for people, commands for a Linux bridge, or OpenConfig JSON for other switches')
      .choices(PLAN_FORMATS)
      .default('text'),
  );
  plan.action((file: string | undefined, flags: LinkFlags & { readonly format: PlanFormat }) =>
    run({ kind: 'plan', format: flags.format }, file, flags),
  );

  const records = link.command('export').description('every link as a record, as grid files and link apply take them');
  source(records, [
    ['link export > links.yaml', 'the links of the grid on .flowgrid'],
    [`link export ${GRID} --json`, 'those of a grid file, as JSON'],
  ]);
  records.action((file: string | undefined, flags: LinkFlags) => run({ kind: 'export' }, file, flags));

  addLinkArranging(link, programs, io, finish);
}
