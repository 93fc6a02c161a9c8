import { Argument, type Command } from 'commander';
import { FlowgridError } from '../../domain/base/errors';
import { serversOf, withCommon, type Finish } from './command';
import type { CommonOptions, Io, Programs, StatsTopic } from './programs';
import { parseInteger } from './values';

/** A flow type has 16 bits. */
const FLOW_TYPE_MAX = 65_535;

interface StatsFlags extends CommonOptions {
  readonly grid: string;
  readonly nats: string;
  readonly follow: boolean;
}

/** `stats`: statistics of a grid as they are told on its bus. */
export function addStatsCommand(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const stats = root
    .command('stats')
    .description('statistics as they are told every second: of a grid, or one cluster, node, link, flow type or agent')
    .addArgument(
      new Argument('[what]', 'of what').choices(['grid', 'cluster', 'node', 'link', 'type', 'agent']).default('grid'),
    )
    .argument('[name]', 'its name; of a flow type its number')
    .requiredOption('--grid <name>', 'the grid')
    .requiredOption('--nats <servers>', 'control bus (host:port,…)', serversOf('--nats'))
    .option('--follow', 'stay, and print each message as it comes', false)
    .action(async (what: StatsTopic['kind'], name: string | undefined, flags: StatsFlags) =>
      finish(await programs.stats({ ...flags, topic: topicOf(what, name) }, io)),
    );
  withCommon(stats, [
    ['stats --grid figure-4 --nats 127.0.0.1:4222', 'rates, flows, drops, latency and nodes of the grid'],
    ['stats cluster AB --grid figure-4 --nats 127.0.0.1:4222 --follow', "a cluster's, every second"],
    ['stats agent h1 --grid figure-4 --nats 127.0.0.1:4222', 'frames, datagrams and drops of its ports'],
    ['stats type 1 --grid figure-4 --nats 127.0.0.1:4222 --json', "a flow type's, as it is on the bus"],
  ]);
}

function topicOf(kind: StatsTopic['kind'], name: string | undefined): StatsTopic {
  if (kind === 'grid') {
    if (name === undefined) return { kind };
    throw new FlowgridError('usage', `'stats grid' takes no '${name}'`, { remedy: 'name the grid with --grid' });
  }
  if (name === undefined || name === '') {
    throw new FlowgridError('usage', `which ${kind}?`, { remedy: `flowgrid stats ${kind} NAME` });
  }
  return kind === 'type' ? { kind, flowType: parseInteger('type', name, 1, FLOW_TYPE_MAX) } : { kind, name };
}
