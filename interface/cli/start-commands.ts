import type { Command } from 'commander';
import { FlowgridError } from '../../domain/base/errors';
import { PACKAGE_FUNCTION } from '../../domain/package/state';
import type { FunctionSpec } from '../../domain/topology/topology';
import { withSending } from './changing-commands';
import { withCommon, type Finish } from './command';
import type { CommonOptions, Io, MnodeAccess, Programs, StartOptions } from './programs';
import { parseInteger } from './values';

/** A day: what takes longer has no limit at all. */
const MS_MAX = 86_400_000;
const FRAMES_MAX = 1_000_000_000;
const NODES_MAX = 127;
/** How long nodes may take to say hello, and to install a topology, in milliseconds. */
const HEALTHY_WITHIN_MS = 30_000;
const PUBLISHED_WITHIN_MS = 60_000;

type Asked = Pick<StartOptions, 'workflow' | 'about' | 'input'>;

interface StartFlags extends CommonOptions, MnodeAccess {
  readonly drainWithin: number;
  readonly wait: boolean;
  readonly id?: string;
  readonly by: string;
  readonly within: number;
}

interface ReplaceFlags extends StartFlags {
  readonly keep: boolean;
}

interface UpgradeFlags extends StartFlags {
  readonly to?: string;
  readonly function?: string;
  readonly config?: string;
  readonly frames: number;
  readonly differing: number;
  readonly compareWithin: number;
  readonly approveWithin: number;
}

interface CloneFlags extends StartFlags {
  readonly name: string;
  readonly nodes: number;
  readonly for: number;
}

/** `replace`, `upgrade`, `clone`: each has whoever leads carry out one workflow. */
export function addStartCommands(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const add = <Flags extends StartFlags>(
    command: Command,
    examples: Parameters<typeof withCommon>[1],
    read: (words: readonly string[], flags: Flags) => Asked,
  ): void => {
    const sending = withSending(command)
      .option(
        '--drain-within <ms>',
        'what still flows through a node that leaves is given up after so long; default: never',
        within('--drain-within'),
        0,
      )
      .option('--no-wait', 'do not stay until it has ended')
      .option('--id <id>', 'id of the workflow: a repeat changes nothing, and looks on; default: a new one');
    sending.action(async (words: string | readonly string[], flags: Flags) => {
      const { drainWithin, within: withinMs, wait, id, by, json, data, grid, nats } = flags;
      const { input, ...what } = read(typeof words === 'string' ? [words] : words, flags);
      const limits = { healthyWithinMs: HEALTHY_WITHIN_MS, publishedWithinMs: PUBLISHED_WITHIN_MS };
      const access = { json, data, ...(grid === undefined ? {} : { grid }), ...(nats === undefined ? {} : { nats }) };
      const named = id === undefined ? {} : { id };
      const whole = { ...limits, drainWithinMs: drainWithin, ...input };
      finish(await programs.start({ ...access, ...what, ...named, input: whole, wait, by, withinMs }, io));
    });
    withCommon(sending, examples);
  };
  addReplace(root, add<ReplaceFlags>);
  addUpgrade(root, add<UpgradeFlags>);
  addClone(root, add<CloneFlags>);
}

type Add<Flags> = (
  command: Command,
  examples: Parameters<typeof withCommon>[1],
  read: (words: readonly string[], flags: Flags) => Asked,
) => void;

function addReplace(root: Command, add: Add<ReplaceFlags>): void {
  const command = root
    .command('replace')
    .description("have a spare take a node's place: a spare of its cluster, or the free room of an agent")
    .argument('<node>', "the node's name, as AB-2")
    .option('--keep', 'keep the node as a spare of its cluster', false);
  add(
    command,
    [['replace AB-2 --grid figure-4 --nats 127.0.0.1:4222', 'a spare serves, then AB-2 leaves']],
    ([name], { keep }) => {
      const [, cluster, node] = /^(.+)-(\d{1,3})$/.exec(name!) ?? [];
      if (cluster === undefined)
        throw new FlowgridError('usage', `${name} is no node`, { remedy: 'name one, as AB-2' });
      return { workflow: 'replaceNode', about: { cluster, node: Number(node) }, input: { by: 0, keep } };
    },
  );
}

function addUpgrade(root: Command, add: Add<UpgradeFlags>): void {
  const command = root
    .command('upgrade')
    .description('give a cluster another function, once a canary has shown that it does the same to real flows')
    .argument('<cluster>', "the cluster's name")
    .option('--to <package>', 'a function package that was published: NAME@VERSION')
    .option('--function <name>', 'or a built-in function')
    .option('--config <json>', "the function's configuration")
    .option(
      '--frames <n>',
      'frames that must have been compared',
      (text) => parseInteger('--frames', text, 1, FRAMES_MAX),
      10_000,
    )
    .option(
      '--differing <n>',
      'how many of them may differ',
      (text) => parseInteger('--differing', text, 0, FRAMES_MAX),
      0,
    )
    .option('--compare-within <ms>', 'how long they may take to come', within('--compare-within'), 600_000)
    .option(
      '--approve-within <ms>',
      'wait so long for the signal approve before nodes get it; default: not at all',
      within('--approve-within'),
      0,
    );
  add(
    command,
    [
      [
        'upgrade AB --to dscp-marker@1.1.0 --config \'{"ports":[80],"dscp":46}\' --grid figure-4 --nats 127.0.0.1:4222',
        'compare 10,000 frames, then node by node',
      ],
      [
        'upgrade AB --to dscp-marker@1.1.0 --approve-within 3600000 --id u7',
        "waits for 'flowgrid workflow signal u7 approve'",
      ],
    ],
    ([cluster], { frames, differing, compareWithin, approveWithin, ...spec }) => ({
      workflow: 'upgradeFunction',
      about: { cluster: cluster! },
      input: {
        function: functionOf(spec),
        frames,
        differingMax: differing,
        comparedWithinMs: compareWithin,
        approveWithinMs: approveWithin,
      },
    }),
  );
}

function addClone(root: Command, add: Add<CloneFlags>): void {
  const command = root
    .command('clone')
    .description('have a test copy of clusters for a while, fed with clones of the flows that pass them')
    .argument('<clusters...>', 'their names')
    .option('--name <name>', 'what the copies are called behind it: AB~test', 'test')
    .option('--nodes <n>', 'nodes of each copy', (text) => parseInteger('--nodes', text, 1, NODES_MAX), 1)
    .requiredOption('--for <ms>', 'how long it stays; the signal end ends it before', within('--for'));
  add(
    command,
    [
      [
        'clone AB AC --for 3600000 --id t1 --grid figure-4 --nats 127.0.0.1:4222',
        "an hour, or until 'flowgrid workflow signal t1 end'",
      ],
    ],
    (clusters, { name, nodes, for: forMs }) => ({
      workflow: 'cloneEnvironment',
      about: { clusters },
      input: { name, nodes, forMs },
    }),
  );
}

function functionOf({ to, function: name, config }: Pick<UpgradeFlags, 'to' | 'function' | 'config'>): FunctionSpec {
  const own = config === undefined ? {} : parseConfig(config);
  if (to !== undefined && name === undefined) return { name: PACKAGE_FUNCTION, config: { package: to, ...own } };
  if (name !== undefined && to === undefined) return { name, config: own };
  throw new FlowgridError('usage', 'which function?', { remedy: 'give either --to NAME@VERSION, or --function NAME' });
}

function parseConfig(text: string): FunctionSpec['config'] {
  try {
    const config: unknown = JSON.parse(text);
    if (typeof config === 'object' && config !== null && !Array.isArray(config))
      return config as FunctionSpec['config'];
  } catch {
    // Told below.
  }
  throw new FlowgridError('usage', `--config: '${text}' is no JSON object`, { remedy: `for example '{"dscp":46}'` });
}

function within(option: string): (text: string) => number {
  return (text) => parseInteger(option, text, 1, MS_MAX);
}
