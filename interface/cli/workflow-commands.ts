import type { Command } from 'commander';
import { FlowgridError } from '../../domain/base/errors';
import { withAccess, withCommon, type Finish } from './command';
import { parseWithin, withSending } from './changing-commands';
import type { CommonOptions, Io, MnodeAccess, Programs, ScaleOptions, WorkflowOptions } from './programs';
import { parseInteger } from './values';

/** Node IDs, and so nodes of a cluster, at most. */
const NODES_MAX = 127;
const WEIGHT_MAX = 100;
/** A day: longer drains have no limit at all. */
const DRAIN_MS_MAX = 86_400_000;

/** `scale`, `workflow`: provisioning of a grid that runs. */
export function addWorkflowCommands(root: Command, programs: Programs, io: Io, finish: Finish): void {
  addScale(root, programs, io, finish);
  addWorkflow(root, programs, io, finish);
}

function addScale(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const scale = withSending(
    root
      .command('scale')
      .description('bring a cluster to a number of nodes: spares join, or members drain and become spares')
      .argument('<cluster>', "the cluster's name or ID")
      .requiredOption('--to <n>', 'nodes that it shall have', (text) => parseInteger('--to', text, 1, NODES_MAX))
      .option('--node <node>', 'one that joins or leaves, by name or ID; repeatable', gather, [])
      .option('--weight <n>', 'weight of those that join; default: as the grid file lists them', (text) =>
        parseInteger('--weight', text, 1, WEIGHT_MAX),
      )
      .option(
        '--drain-within <ms>',
        'what still flows through one that leaves is given up after so long; default: never',
        (text) => parseInteger('--drain-within', text, 1, DRAIN_MS_MAX),
        0,
      )
      .option('--no-wait', 'do not stay until all has ended')
      .option('--id <id>', 'id of the request: a repeat changes nothing, and looks on; default: a new one'),
  );
  scale.action(async (cluster: string, flags: ScaleFlags) =>
    finish(await programs.scale(scaleOptions(cluster, flags), io)),
  );
  withCommon(scale, [
    ['scale AB --to 4 --grid figure-4 --nats 127.0.0.1:4222', 'spares of AB join, and each step is told'],
    ['scale AB --to 2', 'the two members with the highest IDs drain; over the socket of .flowgrid'],
    ['scale AB --to 4 --node AB-5 --weight 2', 'AB-5 joins, with twice the share of new flows'],
    ['scale AB --to 4 --no-wait --id evening', 'asked for only; the same line again looks on'],
  ]);
}

interface ScaleFlags extends CommonOptions, MnodeAccess {
  readonly to: number;
  readonly node: readonly string[];
  readonly weight?: number;
  readonly drainWithin: number;
  readonly wait: boolean;
  readonly id?: string;
  readonly by: string;
  readonly within: number;
}

function scaleOptions(cluster: string, { node, drainWithin, within, ...same }: ScaleFlags): ScaleOptions {
  return { ...same, cluster, nodes: node, drainWithinMs: drainWithin, withinMs: within };
}

function addWorkflow(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const workflow = root
    .command('workflow')
    .description('workflows that change the grid: what they did, and do now')
    .addHelpText('after', '\nExamples:\n  # what runs, and what ran\n  $ flowgrid workflow list');
  const act = (
    name: string,
    description: string,
    args: readonly (readonly [name: string, what: string])[],
    examples: Parameters<typeof withCommon>[1],
    read: (words: readonly string[]) => WorkflowOptions['act'],
  ): void => {
    const command = withAccess(workflow.command(name).description(description)).option(
      '--within <ms>',
      'how long it may take until somebody leads and answers',
      parseWithin,
      10_000,
    );
    for (const [argument, what] of args) command.argument(argument, what);
    command.action(async (...given: unknown[]) => {
      const words = given.slice(0, args.length) as string[];
      const { within, ...flags } = given[args.length] as WorkflowFlags;
      finish(await programs.workflow({ ...flags, act: read(words), withinMs: within }, io));
    });
    withCommon(command, examples);
  };
  const id = ['<id>', 'its ID, as the request was given it'] as const;
  act(
    'list',
    'the newest workflows, those that run first',
    [],
    [['workflow list --grid figure-4 --nats 127.0.0.1:4222', 'a line for each']],
    () => ({ kind: 'list' }),
  );
  act(
    'show',
    'one workflow: where it is, and each step with its time',
    [id],
    [['workflow show scale/evening/1 --json', 'with its input, journal and result']],
    ([name]) => ({ kind: 'show', id: name! }),
  );
  act(
    'cancel',
    'stop one and put back what it did',
    [id],
    [['workflow cancel scale/evening/1', 'its node is a spare again']],
    ([name]) => ({ kind: 'cancel', id: name! }),
  );
  act(
    'signal',
    'tell one what it waits for, for instance an approval',
    [id, ['<name>', 'name of the signal'], ['[json]', 'what it is told; default: true']],
    [['workflow signal upgrade/7 approve \'{"by":"alice"}\'', 'it goes on']],
    ([name, signal, payload]) => ({ kind: 'signal', id: name!, name: signal!, payload: parsePayload(payload) }),
  );
}

interface WorkflowFlags extends CommonOptions, MnodeAccess {
  readonly within: number;
}

function gather(node: string, before: readonly string[]): string[] {
  return [...before, node];
}

function parsePayload(text: string | undefined): unknown {
  if (text === undefined) return true;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new FlowgridError('usage', `'${text}' is no JSON`, { remedy: `for example true or '{"by":"alice"}'` });
  }
}
