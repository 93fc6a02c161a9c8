import { Argument, Option, type Command } from 'commander';
import { ENDS, type ResilientEnd } from '../../domain/link/cutover';
import { LINK_MTU_MAX, LINK_MTU_MIN, RESTORE_MAX_MS } from '../../domain/link/kinds';
import { VLAN_ID_MAX } from '../../domain/link/vlan-settings';
import { LINK_DIRECTIONS, LINK_KINDS, type LinkDirection, type LinkKind } from '../../domain/topology/topology';
import { withSending } from './changing-commands';
import { withCommon, type Finish } from './command';
import type { ArrangeLinksOptions, CommonOptions, Io, LinkEdit, MnodeAccess, Programs } from './programs';
import { parseInteger } from './values';

interface SendingFlags extends CommonOptions, MnodeAccess {
  readonly by: string;
  readonly within: number;
}

interface ArrangingFlags extends SendingFlags {
  readonly dryRun: boolean;
}

type EditFlags = ArrangingFlags & Omit<LinkEdit, 'restoreMs'> & { readonly restore?: number };

/** `link create`, `change`, `connect`, `delete`, `apply`: what changes the links of a grid that runs. */
export function addLinkArranging(link: Command, programs: Programs, io: Io, finish: Finish): void {
  const run = async (act: ArrangeLinksOptions['act'], flags: ArrangingFlags): Promise<void> => {
    const { json, data, connections, grid, nats, by, within, dryRun } = flags;
    const reach = { ...(connections && { connections }), ...(grid && { grid }), ...(nats && { nats }) };
    finish(await programs.arrangeLinks({ json, data, ...reach, act, dryRun, by, withinMs: within }, io));
  };

  const create = withEdits(link.command('create').description('make a link, in a grid that runs').argument('<name>'));
  withArranging(create, [
    ['link create down --kind star --root IA --members AB', 'frames of IA reach AB, and come back'],
    ['link create spy --kind replicated --tap down --members AC', 'AC hears what goes forward on it'],
    ['link create out --kind external --members EN-2,IC --vlans 100,200-203', "an operator's VLANs"],
  ]);
  create.action((name: string, flags: EditFlags) => run({ kind: 'create', name, edit: editOf(flags) }, flags));

  const change = withEdits(
    link.command('change').description('change a link: what is not said stays as it is').argument('<name>'),
  );
  withArranging(change, [
    ['link change VN-1 --members IA,AA,AB', 'these members, and no others'],
    ['link change down --direction forward --dry-run', 'what that would do'],
  ]);
  change.action((name: string, flags: EditFlags) => run({ kind: 'change', name, edit: editOf(flags) }, flags));

  addConnect(link, programs, io, finish);

  const remove = link.command('delete').description('delete links, all of them or none').argument('<names...>');
  withArranging(remove, [['link delete spy down', 'both, in the order in which that can be']]);
  remove.action((names: readonly string[], flags: ArrangingFlags) => run({ kind: 'delete', names }, flags));

  const apply = link
    .command('apply')
    .description('bring links to what records say (YAML or JSON), all of them or none; again, it changes nothing')
    .argument('<records>', 'file with "links", as a grid file has them')
    .option('--prune', 'delete links that the file does not tell of', false);
  withArranging(apply, [
    ['link apply links.yaml --dry-run', 'what would be created and changed'],
    ['link apply links.yaml --prune --json', 'what the file does not tell of is deleted; one JSON document'],
    ['link apply links.yaml --grid figure-4 --nats 127.0.0.1:4222', 'in a grid of several processes, whoever leads'],
  ]);
  apply.action((file: string, flags: ArrangingFlags & { readonly prune: boolean }) =>
    run({ kind: 'apply', file, prune: flags.prune }, flags),
  );
}

function addConnect(link: Command, programs: Programs, io: Io, finish: Finish): void {
  const connect = link
    .command('connect')
    .description('connect an end of a resilient link by hand: new flows go there, those that live stay')
    .argument('<name>', "the link's name")
    .addArgument(new Argument('<end>', 'the end').choices(ENDS));
  withCommon(withSending(connect), [
    ['link connect near standby', 'the standby carries what begins, until it fails or you connect the primary'],
    ['link connect near primary --json', 'as before; one JSON document'],
  ]);
  connect.action(async (name: string, end: ResilientEnd, { within, ...same }: SendingFlags) => {
    const command = { type: 'ConnectLinkEnd', data: { link: name, end } };
    finish(await programs.submit({ ...same, command, what: `${name} on its ${end}`, withinMs: within }, io));
  });
}

function withArranging(command: Command, examples: Parameters<typeof withCommon>[1]): void {
  command.option('--dry-run', 'tell what would be done, and do nothing', false);
  withCommon(withSending(command), examples);
}

function withEdits(command: Command): Command {
  return command
    .addOption(new Option('--kind <kind>', 'what it does with frames; default: switch').choices(LINK_KINDS))
    .option('--members <names>', 'clusters, nodes (AB-2) and a network, with commas between', namesOf)
    .option('--root <member>', 'of a star, a clustered or a resilient link')
    .option('--primary <node>', 'of a resilient link')
    .option('--standby <node>', 'of a resilient link')
    .option('--promiscuous <names>', 'members of a hub that hear everything; none: nobody', promiscuousOf)
    .addOption(
      new Option('--direction <way>', 'of a cable, a star, a resilient link, or what a tap hears').choices(
        LINK_DIRECTIONS,
      ),
    )
    .option('--vlans <ids>', "of a link to a tagged network: the operator's, as 100,200-203; all: every other", vlansOf)
    .option('--tap <link>', 'the link that a replicated one listens to')
    .option(
      '--restore <ms>',
      'of a resilient link: the primary is connected again when it has been back so long',
      (text) => parseInteger('--restore', text, 0, RESTORE_MAX_MS),
    )
    .option('--mtu <bytes>', 'largest frame behind the Ethernet header', (text) =>
      parseInteger('--mtu', text, LINK_MTU_MIN, LINK_MTU_MAX),
    )
    .option('--hub', 'of a star: every frame of the root goes to all leaves')
    .option('--no-hub', 'each frame goes to whom it is for')
    .option('--control', 'commands and hellos only, no flows')
    .option('--no-control', 'flows too')
    .option('--narrow', 'it may take less than networks send')
    .option('--no-narrow', 'it takes all that networks send');
}

function editOf(flags: EditFlags): LinkEdit {
  const { kind, members, root, primary, standby, promiscuous, direction, hub, tap, vlans, control, narrow, mtu } =
    flags;
  const all = { kind, members, root, primary, standby, promiscuous, direction, hub, tap, vlans, control, narrow, mtu };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    readonly kind?: LinkKind;
    readonly direction?: LinkDirection;
  };
}

function namesOf(text: string): readonly string[] {
  return text.split(',').filter((name) => name !== '');
}

function promiscuousOf(text: string): readonly string[] {
  return text === 'none' ? [] : namesOf(text);
}

/** `100,200-203`, or `all`. */
function vlansOf(text: string): readonly number[] | 'all' {
  if (text === 'all') return text;
  return namesOf(text).flatMap((part) => {
    const [first, last = first] = part.split('-');
    const from = parseInteger('--vlans', first!, 1, VLAN_ID_MAX);
    const to = parseInteger('--vlans', last!, from, VLAN_ID_MAX);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
