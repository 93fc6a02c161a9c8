import { Argument, type Command } from 'commander';
import { userInfo } from 'node:os';
import { FlowgridError } from '../../domain/base/errors';
import { COMMAND_LIFETIME_MS } from '../../domain/commands';
import { CLUSTER_MODES, type ClusterMode } from '../../domain/topology/topology';
import { withAccess, withCommon, type Finish } from './command';
import type { CommonOptions, Io, MnodeAccess, Programs, ReplicateOptions, SubmitOptions } from './programs';
import { parseFlowId, parseInteger } from './values';

/** `mode`, `replicate`, `submit`: what changes a grid that runs. */
export function addChangingCommands(root: Command, programs: Programs, io: Io, finish: Finish): void {
  addMode(root, programs, io, finish);
  addReplicate(root, programs, io, finish);
  addSubmit(root, programs, io, finish);
}

function addMode(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const mode = withSending(
    root
      .command('mode')
      .description('switch how a cluster takes part in the paths that it stands on, for new flows')
      .argument('<cluster>', "the cluster's name")
      .addArgument(new Argument('<mode>', 'how it takes part').choices(CLUSTER_MODES))
      .option(
        '--existing',
        'for flows that live, too: functions with state may refuse flows that are put back to them',
        false,
      ),
  );
  mode.action(async (cluster: string, wanted: ClusterMode, flags: ModeFlags) =>
    finish(await programs.submit(modeOptions(cluster, wanted, flags), io)),
  );
  withCommon(mode, [
    ['mode AB drop', 'new flows whose paths lead through AB end where they enter'],
    ['mode AB bypass --existing', 'new flows and those that live go past AB'],
    ['mode AB through --json', 'AB is a part of new flows again; one JSON document'],
    ['mode AB drop --grid figure-4 --nats 127.0.0.1:4222', 'in a grid of several processes, whoever leads'],
  ]);
}

interface SendingFlags extends CommonOptions, MnodeAccess {
  readonly by: string;
  readonly within: number;
}

interface ModeFlags extends SendingFlags {
  readonly existing: boolean;
}

function modeOptions(cluster: string, mode: ClusterMode, flags: ModeFlags): SubmitOptions {
  const { within, existing, ...same } = flags;
  const command = { type: 'SwitchClusterMode', data: { cluster, mode, ...(existing && { existing }) } };
  const flows = existing ? 'new flows and those that live' : 'new flows';
  return { ...same, command, what: `${cluster} in mode ${mode} for ${flows}`, withinMs: within };
}

function addReplicate(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const replicate = withSending(
    root
      .command('replicate')
      .description('send a copy of each frame of a running flow along another path, too')
      .argument('<flow>', 'its ID, as trace prints it', parseFlowId)
      .option('--to <path>', "the path's name")
      .option('--stop', 'no more: the clone ends', false),
  );
  replicate.action(async (flow: number, flags: ReplicateFlags) =>
    finish(await programs.replicate(replicateOptions(flow, flags), io)),
  );
  withCommon(replicate, [
    ['replicate 0x01abcdef --to trial', 'the flow has a clone on path trial from now on'],
    ['replicate 0x01abcdef --stop --json', 'it has none any more; one JSON document'],
  ]);
}

interface ReplicateFlags extends SendingFlags {
  readonly to?: string;
  readonly stop: boolean;
}

function replicateOptions(flow: number, flags: ReplicateFlags): ReplicateOptions {
  const { within, to, stop, ...same } = flags;
  if ((to === undefined) !== stop) {
    throw new FlowgridError('usage', stop ? '--stop and --to exclude each other' : 'to which path?', {
      remedy: 'give either --to PATH, or --stop',
    });
  }
  const name = `flow 0x${flow.toString(16).padStart(8, '0')}`;
  const command =
    to === undefined
      ? { type: 'StopReplication', data: { flow } }
      : { type: 'ReplicateFlow', data: { flow, path: to } };
  const what = to === undefined ? `${name} replicated no more` : `${name} replicated to ${to}`;
  return { ...same, flow, mustRun: !stop, command, what, withinMs: within };
}

function addSubmit(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const submit = withSending(
    root
      .command('submit')
      .description('send one command to whoever leads the grid, and wait until its outcome is durable')
      .argument('<type>', "the command's type, as DrainNode")
      .argument('<data>', 'its data, as JSON'),
  );
  submit
    .option('--id <id>', 'command id: a repeat gets the first outcome; default: a new one')
    .action(async (type: string, data: string, flags: SubmitFlags) =>
      finish(await programs.submit(submitOptions(type, data, flags), io)),
    );
  withCommon(submit, [
    [
      `submit DrainNode '{"cluster":2,"node":1,"withinMs":0,"thenRemove":false}' --grid figure-4 --nats 127.0.0.1:4222`,
      'drain node 1 of cluster 2, whoever leads',
    ],
  ]);
}

interface SubmitFlags extends SendingFlags {
  readonly id?: string;
}

function submitOptions(type: string, data: string, { within, ...flags }: SubmitFlags): SubmitOptions {
  return { ...flags, command: { type, data: parseData(data) }, withinMs: within };
}

/** How long it may take until somebody leads and answers. */
export function parseWithin(text: string): number {
  return parseInteger('--within', text, 1, COMMAND_LIFETIME_MS);
}

function parseData(text: string): object {
  try {
    const data: unknown = JSON.parse(text);
    if (typeof data === 'object' && data !== null) return data;
  } catch {
    // Told below.
  }
  throw new FlowgridError('usage', `the data of a command is a JSON object, not '${text}'`, {
    remedy: `for example '{"cluster":2,"node":1,"weight":1}'`,
  });
}

/** Adds how a command is sent, and in whose name. */
export function withSending(command: Command): Command {
  return withAccess(command)
    .option('--by <principal>', 'who asks, as the log records it', `operator:${userInfo().username}`)
    .option('--within <ms>', 'how long it may take until somebody leads and answers', parseWithin, 10_000);
}
