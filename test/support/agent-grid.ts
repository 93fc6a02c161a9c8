import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeFlowBatch } from '../../adapters/codec/flow-batch';
import { nodeName, type ChainId, type Millis } from '../../domain/base/ids';
import { openKafkaLog } from '../../adapters/log/kafka';
import { nodesOf } from '../../domain/cluster/state';
import type { TopologyEvent } from '../../domain/events';
import type { FlowEvent } from '../../domain/flow/events';
import type { GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import type { NodeState } from '../../domain/node/state';
import type { EventLog } from '../../domain/seams/event-log';
import { isTopologyStale } from '../../domain/topology/content';
import { rebuilt, withLog } from '../../runtime/programs/log-reading';
import { LOOPBACK, type Site } from '../services/site';
import { AgentProcess } from './agent-process';
import { MnodeProcess } from './mnode-process';
import { freeUdpPorts } from './udp';

/** Figure 4 reduced: each stage's nodes on three hosts. */
const FILE = join(__dirname, '../../examples/agents.yaml');
/** Silence after which neighbours hold a node of it dead. */
export const DETECTION_MS = 500;

/** The agents, and the nodes that belong to each. */
export const HOSTED: Readonly<Record<string, readonly string[]>> = {
  west: ['IA-1'],
  east: ['IC-1'],
  h1: ['AB-1', 'AC-1'],
  h2: ['AB-2', 'AC-2'],
  h3: ['AB-3', 'AC-3'],
};

/** An external network as the world sees it. */
export interface Outside {
  /** Where frames go that enter by the network. */
  readonly into: string;
  /** Where those arrive that leave by it. */
  readonly from: string;
}

/** What the log holds at one moment. */
export interface LogNow {
  readonly state: GridState;
  readonly chains: Awaited<ReturnType<EventLog['chains']>>;
  readonly flows: readonly (FlowEvent & { readonly chain: ChainId })[];
  /** Flow events that batches say were lost. */
  readonly lost: number;
}

/** The servers of a grid. */
export interface GridServers {
  readonly nats: string;
  /** Brokers for the log; without them one MNODE keeps it in a directory. */
  readonly kafka?: string;
  /** Copies of what the log holds; default 1. */
  readonly replication?: number;
}

/** Where the grid's programs run; all of them on this machine's loopback unless told otherwise. */
export interface GridSites {
  /** The MNODEs; default: two with a log on Kafka, else one. */
  readonly mnodes?: readonly string[];
  /** Where an MNODE, an agent or (`here`) the world outside is. */
  readonly at: (name: string) => Site;
  /** The interface by which agents reach each other on a LAN; absent: they do by UDP. */
  readonly lan?: string;
  /** What agents are started with besides. */
  readonly agentArgs?: readonly string[];
}

/** Another grid than the example's, or more of it. */
export interface GridLayout {
  /** Agents, and the nodes that belong to each, beside {@link HOSTED}; they are not started with the others. */
  readonly more?: Readonly<Record<string, readonly string[]>>;
  /** What the example's file says otherwise. */
  readonly change?: (file: string) => string;
  /** Further arguments of MNODEs. */
  readonly mnode?: readonly string[];
}

/** A session that is over so soon lets a successor lead before a test has waited long, milliseconds. */
const LEADER_TIMEOUT_MS = 1_500;

/** MNODEs, five agents, and what the world outside needs to know of them. */
export class AgentGrid {
  readonly dir = mkdtempSync(join(tmpdir(), 'flowgrid-agents-'));
  readonly data = join(this.dir, 'data');
  readonly agents = new Map<string, AgentProcess>();
  mnodes: readonly MnodeProcess[] = [];
  west!: Outside;
  east!: Outside;
  private ports = new Map<string, number>();
  private readonly hosted: Readonly<Record<string, readonly string[]>>;
  private reader: Promise<EventLog> | undefined;

  constructor(
    private readonly servers: GridServers,
    private readonly sites: GridSites = { at: () => LOOPBACK },
    private readonly layout: GridLayout = {},
  ) {
    this.hosted = { ...HOSTED, ...layout.more };
  }

  /** Starts everything; resolves when all nodes take part and new flows get the topology that names them. */
  async start(): Promise<void> {
    writeFileSync(join(this.dir, 'grid.key'), randomBytes(32).toString('hex'), { mode: 0o600 });
    const names = [...Object.keys(this.hosted), 'into-west', 'from-west', 'into-east', 'from-east'];
    const free = await freeUdpPorts(names.length);
    this.ports = new Map(names.map((name, i) => [name, free[i]!]));
    this.west = { into: this.address('west', 'into-west'), from: this.address('here', 'from-west') };
    this.east = { into: this.address('east', 'into-east'), from: this.address('here', 'from-east') };
    await this.startMnodes();
    for (const name of Object.keys(HOSTED)) this.startAgent(name);
    await this.complete();
  }

  /** Starts the MNODEs, also again; resolves when one of them leads and all of them run. */
  async startMnodes(): Promise<void> {
    const names = this.sites.mnodes ?? (this.servers.kafka === undefined ? ['MA-1'] : ['MA-1', 'MB-1']);
    this.mnodes = [];
    for (const name of names) this.startMnode(name);
    await Promise.all(this.mnodes.map((mnode) => mnode.until(({ role }) => role !== undefined)));
    await Promise.any(this.mnodes.map((mnode) => mnode.until(({ role }) => role === 'leading')));
  }

  /** Starts an MNODE, also one that was started before. */
  startMnode(name: string): MnodeProcess {
    const { nats, kafka, replication = 1 } = this.servers;
    const log =
      kafka === undefined
        ? ['--data', this.data]
        : ['--kafka', kafka, '--leader-timeout', String(LEADER_TIMEOUT_MS), '--replication', String(replication)];
    const args = [this.file(), '--nats', nats, ...log, ...(this.layout.mnode ?? [])];
    const mnode = new MnodeProcess(name, args, this.sites.at(name));
    this.mnodes = [...this.mnodes.filter((other) => other.name !== name), mnode];
    return mnode;
  }

  /** Starts an agent, also one that was started before. */
  startAgent(name: string): AgentProcess {
    const { west, east } = this;
    const network =
      name === 'west'
        ? ['--network', `EN-1=udp:${west.into}>${west.from}`]
        : name === 'east'
          ? ['--network', `EN-4=udp:${east.into}>${east.from}`]
          : [];
    const pins = this.hosted[name]!.flatMap((node) => ['--node', node]);
    const common = ['--grid', 'agents', '--nats', this.servers.nats, '--key', join(this.dir, 'grid.key')];
    const { lan } = this.sites;
    const way = lan === undefined ? ['--listen', this.address(name)] : ['--lan', lan];
    const agent = new AgentProcess(
      name,
      [...common, ...way, ...pins, ...network, ...(this.sites.agentArgs ?? [])],
      this.sites.at(name),
    );
    this.agents.set(name, agent);
    return agent;
  }

  /** Starts an agent on which no node is pinned, with room for some; resolves when it has registered. */
  async startSpare(name: string, nodes: number): Promise<AgentProcess> {
    const [port] = await freeUdpPorts(1);
    this.ports.set(name, port!);
    const common = ['--grid', 'agents', '--nats', this.servers.nats, '--key', join(this.dir, 'grid.key')];
    const room = ['--listen', this.address(name), '--nodes', String(nodes), ...(this.sites.agentArgs ?? [])];
    const agent = new AgentProcess(name, [...common, ...room], this.sites.at(name));
    this.agents.set(name, agent);
    await agent.until(({ registered = false }) => registered);
    return agent;
  }

  agent(name: string): AgentProcess {
    return this.agents.get(name)!;
  }

  /** Resolves when every node takes part, and both INODEs stamp the topology that says so. */
  async complete(): Promise<void> {
    const { state } = await this.until(({ state: now }) => {
      const nodes = Object.values(now.clusters).flatMap((cluster) => nodesOf(cluster));
      const isApplied = (now.topology.live.at(-1)?.appliedAt ?? 0) > 0 && !isTopologyStale(now);
      const members = nodes.filter(({ spare }) => !spare);
      return members.length === Object.values(HOSTED).flat().length && members.every(isActive) && isApplied;
    });
    const { version } = state.topology.live.at(-1)!;
    for (const door of ['west', 'east']) await this.agent(door).until(({ stamped = 0 }) => stamped >= version);
  }

  /** Looks into the log until it shows what is waited for. */
  async until(shows: (log: LogNow) => boolean): Promise<LogNow> {
    for (;;) {
      const now = await this.log();
      if (shows(now)) return now;
      await delay(20);
    }
  }

  async log(): Promise<LogNow> {
    const { kafka } = this.servers;
    if (kafka === undefined) return withLog(this.data, contentOf);
    this.reader ??= openKafkaLog({ brokers: kafka, grid: 'agents', mode: 'reader' });
    return contentOf(await this.reader);
  }

  /** The state that the log tells now. */
  async state(visit?: (commit: Commit<TopologyEvent>) => void): Promise<GridState> {
    const { kafka } = this.servers;
    if (kafka === undefined) return withLog(this.data, (log) => rebuilt(log, Infinity, visit));
    this.reader ??= openKafkaLog({ brokers: kafka, grid: 'agents', mode: 'reader' });
    return rebuilt(await this.reader, Infinity, visit);
  }

  /**
   * Kills the MNODE with SIGKILL as soon as the log shows this. It is let run for moments only, and looked at while it is
   * frozen, so that it is killed between one commit and the next.
   *
   * @param sliceMs how long it is let run: shorter than it takes from one commit to the next
   * @returns false when it is over before.
   */
  async killMnodeWhen(
    shows: (state: GridState) => boolean,
    isOver: (state: GridState) => boolean,
    sliceMs: Millis,
  ): Promise<boolean> {
    const [mnode] = this.mnodes;
    for (;;) {
      mnode!.signal('SIGSTOP');
      const state = await this.state();
      if (shows(state)) {
        await mnode!.kill();
        return true;
      }
      mnode!.signal('SIGCONT');
      if (isOver(state)) return false;
      await delay(sliceMs);
    }
  }

  /** Everything ends in good order, the MNODEs last: every flow has its end in the log, and nothing is missing from it. */
  async endInGoodOrder(): Promise<void> {
    for (const agent of this.agents.values()) agent.signal('SIGTERM');
    for (const agent of this.agents.values()) expect(await agent.ended).toBe(0);
    for (const mnode of this.mnodes) {
      mnode.signal('SIGTERM');
      expect(await mnode.ended).toBe(0);
    }
    const whole = await this.log();
    expect(whole.lost).toBe(0);
    expect(isAnchored(whole)).toBe(true);
    const flowsOf = (type: FlowEvent['type']): number[] =>
      [...new Set(whole.flows.filter((event) => event.type === type).map(({ flow }) => flow))].sort();
    expect(flowsOf('FlowEnded')).toEqual(flowsOf('FlowStarted'));
  }

  /** Ends what still runs. */
  async end(): Promise<void> {
    await Promise.all([...this.agents.values(), ...this.mnodes].map((process) => process.end()));
    await this.reader?.then((log) => log.close());
    rmSync(this.dir, { recursive: true, force: true });
  }

  private file(): string {
    const { change } = this.layout;
    if (change === undefined) return FILE;
    const file = join(this.dir, 'grid.yaml');
    writeFileSync(file, change(readFileSync(FILE, 'utf8')));
    return file;
  }

  private address(name: string, port = name): string {
    return `${this.sites.at(name).address}:${this.ports.get(port)!}`;
  }
}

async function contentOf(log: EventLog): Promise<LogNow> {
  const chains = await log.chains();
  const flows: (FlowEvent & { chain: ChainId })[] = [];
  let lost = 0;
  for (const { chain, oldest } of chains) {
    for (const { bytes } of await log.readFlows(chain, oldest, Number.MAX_SAFE_INTEGER)) {
      const batch = decodeFlowBatch(bytes);
      lost += batch.lost;
      for (const event of batch.events) flows.push({ ...event, chain });
    }
  }
  return { state: await rebuilt(log, Infinity), chains, flows, lost };
}

function isActive({ status }: NodeState): boolean {
  return status === 'active';
}

/** The names of nodes by their references, as flow events have them. */
export function namesOf({ clusters }: GridState): (ref: number) => string {
  return (ref) => nodeName(clusters[ref >>> 7]!.settings.name, ref & 0x7f);
}

/** Whether every chain is known up to its newest batch. */
export function isAnchored({ state: { anchors }, chains }: LogNow): boolean {
  return chains.every(({ chain, number }) => anchors[chain]?.number === number);
}
