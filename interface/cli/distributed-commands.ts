import { Option, type Command } from 'commander';
import { FlowgridError } from '../../domain/base/errors';
import { serversOf, withAccess, withCommon, type Finish } from './command';
import type { CommonOptions, Io, MnodeOptions, Programs, StatusOptions } from './programs';
import { parseInteger, parseServers } from './values';

/** The least and the most that an operator may let a leader be silent, milliseconds. */
const LEADER_TIMEOUT_MS = [500, 300_000] as const;
/** Copies of each topic that a cluster of brokers can keep. */
const COPIES_MAX = 9;

/** `mnode`, `status`, `log migrate`: a grid whose control plane runs in programs of its own. */
export function addDistributedCommands(root: Command, programs: Programs, io: Io, finish: Finish): void {
  addMnode(root, programs, io, finish);
  addStatus(root, programs, io, finish);
  addMigrate(root, programs, io, finish);
}

function addMnode(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const mnode = root
    .command('mnode')
    .description('run the control plane of a grid; of several, one leads and the others stand by')
    .argument('[grid]', 'grid file (YAML); may be left out for a grid whose log exists')
    .requiredOption('--name <name>', 'name of this MNODE, in the log and on the bus')
    .option('--grid <name>', 'the grid, where no file is given')
    .option('--kafka <servers>', 'keep the log on Kafka (host:port,…) instead of in --data', serversOf('--kafka'))
    .option('--nats <servers>', 'control bus of agents and other MNODEs (host:port,…)', serversOf('--nats'))
    .option(
      '--leader-timeout <ms>',
      'with --kafka: how long the leader may be silent before another takes over; default 6000, the least that brokers grant',
      (text) => parseInteger('--leader-timeout', text, ...LEADER_TIMEOUT_MS),
    )
    .option(
      '--replication <n>',
      "with --kafka: copies of the grid's topics, when they are made; default 1",
      parseReplication,
    )
    .option('--temporal <server>', 'run workflows on this Temporal server (host:port) instead of here', parseTemporal)
    .option('--temporal-namespace <name>', 'with --temporal: the namespace; default default')
    .option('--temporal-queue <name>', 'with --temporal: the task queue; default flowgrid-GRID')
    .action(async (file: string | undefined, flags: MnodeFlags) =>
      finish(await programs.mnode(mnodeOptions(file, flags), io)),
    );
  withCommon(mnode, [
    ['mnode examples/figure-4.yaml --name MA-1', 'one MNODE, its log in .flowgrid'],
    [
      'mnode examples/figure-4.yaml --name MA-1 --kafka 127.0.0.1:9092 --nats 127.0.0.1:4222',
      'one of several: start another with --name MB-1, kill the one that leads',
    ],
    [
      'mnode examples/figure-4.yaml --name MA-1 --nats 127.0.0.1:4222 --temporal 127.0.0.1:7233',
      'workflows run on Temporal',
    ],
    ['mnode --grid figure-4 --name MC-1 --kafka 127.0.0.1:9092 --nats 127.0.0.1:4222', 'a grid whose log exists'],
  ]);
}

interface MnodeFlags extends CommonOptions {
  readonly name: string;
  readonly grid?: string;
  readonly kafka?: string;
  readonly nats?: string;
  readonly leaderTimeout?: number;
  readonly replication?: number;
  readonly temporal?: string;
  readonly temporalNamespace?: string;
  readonly temporalQueue?: string;
}

function mnodeOptions(file: string | undefined, flags: MnodeFlags): MnodeOptions {
  const { leaderTimeout, replication, temporal, temporalNamespace, temporalQueue, ...same } = flags;
  if (temporal === undefined && (temporalNamespace ?? temporalQueue) !== undefined) {
    throw new FlowgridError('usage', 'a namespace or queue of which Temporal server?', {
      remedy: 'give --temporal HOST:PORT',
    });
  }
  return {
    ...same,
    ...(file === undefined ? {} : { file }),
    ...(temporal === undefined
      ? {}
      : {
          temporal: {
            address: temporal,
            namespace: temporalNamespace ?? 'default',
            ...(temporalQueue === undefined ? {} : { taskQueue: temporalQueue }),
          },
        }),
    ...(leaderTimeout === undefined ? {} : { leaderTimeoutMs: leaderTimeout }),
    ...(replication === undefined ? {} : { replicationFactor: replication }),
  };
}

function addStatus(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const status = withAccess(
    root.command('status').description('the MNODEs of a grid: who leads, how far behind others are'),
  );
  status.action(async (flags: StatusOptions) => finish(await programs.status({ ...flags }, io)));
  withCommon(status, [
    ['status --grid figure-4 --nats 127.0.0.1:4222', 'a line for each MNODE'],
    ['status --json', 'the MNODE that runs on .flowgrid, one JSON line'],
  ]);
}

function addMigrate(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const log = root.commands.find((command) => command.name() === 'log')!;
  const migrate = log
    .command('migrate')
    .description("copy a grid's log from --data to Kafka, or back, byte for byte: the copy has the same head")
    .requiredOption('--kafka <servers>', 'Kafka (host:port,…)', serversOf('--kafka'))
    .addOption(
      new Option('--to <place>', 'where the log is copied to').choices(['kafka', 'data']).makeOptionMandatory(),
    )
    .option('--grid <name>', 'the grid, with --to data')
    .option('--replication <n>', "copies of the grid's topics, when they are made; default 1", parseReplication)
    .action(async ({ replication, ...flags }: MigrateFlags) =>
      finish(await programs.migrate({ ...flags, ...(replication && { replicationFactor: replication }) }, io)),
    );
  withCommon(migrate, [
    ['log migrate --to kafka --kafka 127.0.0.1:9092', 'from .flowgrid to Kafka'],
    ['log migrate --to data --data copy --grid figure-4 --kafka 127.0.0.1:9092', 'from Kafka to a directory'],
  ]);
}

interface MigrateFlags extends CommonOptions {
  readonly to: 'kafka' | 'data';
  readonly kafka: string;
  readonly grid?: string;
  readonly replication?: number;
}

function parseTemporal(text: string): string {
  const server = parseServers('--temporal', text);
  if (!server.includes(',')) return server;
  throw new FlowgridError('usage', `--temporal takes one server, not '${text}'`);
}

function parseReplication(text: string): number {
  return parseInteger('--replication', text, 1, COPIES_MAX);
}
