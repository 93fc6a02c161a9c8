import type { Command } from 'commander';
import { hostname } from 'node:os';
import type { Endpoint } from '../../domain/base/endpoint';
import { FlowgridError } from '../../domain/base/errors';
import { commonOf, serversOf, withCommon, type Finish } from './command';
import { parseAddress, parseListen, parseNetwork } from './endpoint-values';
import type { AgentProgramOptions, AgentUnderlay, CommonOptions, Io, Programs, UdpNetwork } from './programs';
import { parseInteger } from './values';

/** Nodes that one agent hosts at most, unless told otherwise, or told which ones. */
const NODES = 8;
const NODES_MAX = 1_024;

interface AgentFlags extends CommonOptions {
  readonly grid: string;
  readonly name: string;
  readonly nats: string;
  readonly listen?: Endpoint;
  readonly lan?: string;
  readonly advertise?: Endpoint;
  readonly key: string;
  readonly nodes?: number;
  readonly functions?: string;
  readonly node: string[];
  readonly network: UdpNetwork[];
  readonly modules: string;
  readonly packages?: string;
}

/** `flowgrid agent`. */
export function addAgentCommand(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const agent = root
    .command('agent')
    .description('host nodes of a grid, in real time, as the MNODEs place them')
    .requiredOption('--grid <name>', 'name of the grid')
    .option('--name <name>', "the agent's name, of which a grid has one", hostname())
    .requiredOption('--nats <servers>', 'HOST:PORT of NATS servers, comma-separated', serversOf('--nats'))
    .option('--listen <address>', 'where frames of other agents arrive, by UDP: HOST:PORT', (text) =>
      parseListen('--listen', text),
    )
    .option(
      '--lan <interface>',
      'instead: reach them by the links themselves, VLANs of the LAN that this interface is on',
    )
    .option('--advertise <address>', 'where others reach that; default: --listen', (text) =>
      parseAddress('--advertise', text),
    )
    .requiredOption('--key <file>', "the grid's secret, 32 bytes in hex, the same for all agents")
    .option('--nodes <n>', `nodes that it hosts at most; default: as many as --node names, else ${NODES}`, (text) =>
      parseInteger('--nodes', text, 0, NODES_MAX),
    )
    .option('--functions <names>', 'packet functions that it offers, comma-separated; default: all that are built in')
    .option(
      '--node <name>',
      'a node that belongs here (repeatable)',
      (text: string, before: string[]) => [...before, text],
      [] as string[],
    )
    .option(
      '--network <name=udp:local>remote>',
      'attach an external network (or several, comma-separated, by their VLANs) by UDP: where its frames arrive, and where those go that leave (repeatable)',
      (text: string, before: UdpNetwork[]) => [...before, parseNetwork('--network', text)],
      [] as UdpNetwork[],
    )
    .option('--modules <dir>', 'what relative paths of function modules start from', '.')
    .option('--packages <dir>', 'offer to run function packages of the grid, and install them here')
    .action(async (flags: AgentFlags) => finish(await programs.agent(optionsOf(flags), io)));
  withCommon(agent, [
    [
      'agent --grid figure-4 --name h1 --nats nats-1:4222 --listen 10.0.0.1:7000 --key grid.key',
      'offer room for 8 nodes, with every built-in function',
    ],
    [
      "agent --grid figure-4 --name edge --nats nats-1:4222 --listen 10.0.0.2:7000 --key grid.key --node IA-1 --network 'EN-1=udp:6001>10.0.0.9:6001'",
      'host the INODE IA-1, and attach its network by UDP',
    ],
    [
      'agent --grid figure-4 --name h1 --nats nats-1:4222 --lan eth1 --key grid.key',
      'on the LAN whose switch was told what link plan says (Linux; root or CAP_NET_RAW)',
    ],
  ]);
}

function optionsOf(flags: AgentFlags): AgentProgramOptions {
  const { grid, name, nats, key, nodes, functions, node, network, modules, packages } = flags;
  return {
    ...commonOf(flags),
    grid,
    name,
    nats,
    underlay: underlayOf(flags),
    key,
    nodes: nodes ?? (node.length > 0 ? node.length : NODES),
    modules,
    pinned: node,
    networks: network,
    ...(packages === undefined ? {} : { packages }),
    ...(functions === undefined ? {} : { functions: functions.split(',').map((each) => each.trim()) }),
  };
}

function underlayOf({ listen, advertise, lan }: AgentFlags): AgentUnderlay {
  const refused = (message: string, remedy: string): FlowgridError => new FlowgridError('usage', message, { remedy });
  if (lan !== undefined) {
    const other = listen !== undefined ? '--listen' : advertise !== undefined ? '--advertise' : undefined;
    if (other === undefined) return { kind: 'lan', interface: lan };
    throw refused(
      `--lan and ${other}: nodes are reached one way`,
      'leave one of them out; all agents of a grid are reached alike',
    );
  }
  if (listen === undefined) {
    throw refused(
      '--listen or --lan is missing',
      'name HOST:PORT for UDP, or the interface on the LAN that links are VLANs of',
    );
  }
  return { kind: 'datagrams', listen, ...(advertise === undefined ? {} : { advertise }) };
}
