import { setTimeout as delay } from 'node:timers/promises';
import { connectNatsBus, type NatsBus } from '../../../adapters/bus/nats-bus';
import { subjectsOf } from '../../../adapters/bus/subjects';
import type { CommandBody, Outcome } from '../../../domain/commands';
import { nodesOf } from '../../../domain/cluster/state';
import type { NodeState } from '../../../domain/node/state';
import { isTopologyStale } from '../../../domain/topology/content';
import { submitRemotely } from '../../../runtime/control/remote-commands';
import { askStatus, type MnodeStatus } from '../../../runtime/control/mnode-status';
import { WallClock } from '../../../runtime/programs/wall-clock';
import { startKafkaCluster, type KafkaCluster } from '../../services/kafka';
import { startNats, type NatsServer } from '../../services/nats';
import type { Site } from '../../services/site';
import { AgentGrid, HOSTED } from '../agent-grid';
import { flowgrid } from '../up-process';
import { LabTemporal } from './lab-temporal';
import { LogFollower } from './log-follower';
import { LabNetwork } from './network';

const GRID = 'agents';
export const MNODES = ['MA-1', 'MB-1', 'MC-1'];
const BROKERS = ['kafka-1', 'kafka-2', 'kafka-3'];
const ASK_MS = 50;
/** Lines of each MNODE that are kept of a failure. */
const TOLD_LAST = 30;
/** How long a command may be under way, milliseconds. */
const PATIENCE_MS = 60_000;
/**
 * Hosts of a real grid have processors of their own: what agents and traffic need, servers that start beside them on this
 * machine must not take.
 */
const FIRST = ['nice', '-n', '-10'];

/** The cluster that workflows scale, its spare, and the agent that has the spare. */
export const SCALED = { cluster: 2, node: 4, name: 'AB-4', agent: 'h4' } as const;

/**
 * The example with a spare; a link that names nodes, so that it has to change with them; flows that are over end soon. Deaths of
 * nodes are not what is tried: a busy machine must not look like one.
 */
function withSpare(file: string): string {
  return file
    .replace('AB: { id: 2, role: anode, nodes: 3,', '$& spares: 1,')
    .replace('members: [IA, AB]', 'members: [IA, AB-1, AB-2, AB-3]')
    .replace('detectMultiplier: 5', 'detectMultiplier: 30\n  udpIdleMs: 3500');
}

export interface LabOptions {
  readonly brokers: 1 | 3;
  /** Workflows run on a Temporal server, and there is a spare for them ({@link SCALED}). */
  readonly temporal?: true;
}

/** A grid whose MNODEs, agents and servers are each on a host of their own. */
export class LabGrid {
  private constructor(
    readonly network: LabNetwork,
    readonly nats: NatsServer,
    readonly kafka: KafkaCluster,
    readonly temporal: LabTemporal | undefined,
    readonly grid: AgentGrid,
    readonly log: LogFollower,
    /** How this process asks MNODEs. */
    private readonly bus: NatsBus,
  ) {}

  /** Starts everything; resolves when the grid is whole. */
  static async start({ brokers, temporal: hasTemporal }: LabOptions): Promise<LabGrid> {
    const kafkas = BROKERS.slice(0, brokers);
    const agents = [...Object.keys(HOSTED), ...(hasTemporal ? [SCALED.agent] : [])];
    const servers = ['nats', ...kafkas, ...(hasTemporal ? ['temporal'] : [])];
    const network = LabNetwork.create([...MNODES, ...agents, ...servers]);
    const at = (name: string): Site => {
      const host = network.host(name);
      return agents.includes(name) ? { ...host, inside: [...host.inside, ...FIRST] } : host;
    };
    const [kafka, nats, temporal] = await Promise.all([
      startKafkaCluster(kafkas.map(at)),
      startNats(at('nats')),
      hasTemporal && LabTemporal.start(at('temporal'), GRID),
    ]);
    const reached = { nats: nats.servers, kafka: kafka.brokers, replication: brokers };
    const layout =
      temporal === undefined
        ? {}
        : { mnode: temporal.access, more: { [SCALED.agent]: [SCALED.name] }, change: withSpare };
    const grid = new AgentGrid(reached, { mnodes: MNODES, at }, layout);
    await grid.start();
    if (hasTemporal) await grid.startAgent(SCALED.agent).until(({ registered = false }) => registered);
    const [log, bus] = await Promise.all([
      LogFollower.open(kafka.brokers, GRID),
      connectNatsBus({ servers: nats.servers, name: 'lab' }),
    ]);
    return new LabGrid(network, nats, kafka, temporal, grid, log, bus);
  }

  /** Whoever answers that it leads. */
  async leader(): Promise<string> {
    for (;;) {
      const leading = (await this.statuses()).filter(({ role }) => role === 'leading');
      if (leading.length === 1) return leading[0]!.name;
    }
  }

  /**
   * Waits until there is one topology everywhere: all MNODEs are at one commit and one of them leads, every node takes part,
   * and every agent stamps the topology that says so.
   *
   * @returns what the last look before that lacked, for the account of a test
   * @throws Error when it does not come to that in time.
   */
  async whole(withinMs = Infinity): Promise<string> {
    let lacked = '';
    for (const until = Date.now() + withinMs; ; await delay(20)) {
      const lacks = await this.lacks();
      if (lacks === '') return lacked;
      if (Date.now() > until) throw new Error(`after ${withinMs} ms there still lack ${lacks}`);
      lacked = lacks;
    }
  }

  /** What is missing until there is one topology everywhere; empty: nothing. */
  async lacks(): Promise<string> {
    const state = await this.log.state();
    const away = Object.values(state.clusters)
      .flatMap((cluster) => nodesOf(cluster))
      .filter((node) => !isAtRest(node));
    if (away.length > 0) return `nodes ${away.map((node) => `${node.node}:${node.status}`).join(' ')}`;
    const live = state.topology.live.at(-1);
    if (live === undefined || live.appliedAt === 0 || live.appliedAt === null || isTopologyStale(state))
      return 'topology';
    const behind = [...this.grid.agents.values()].filter(
      ({ told }) => told.findLast(({ stamped }) => stamped !== undefined)?.stamped !== live.version,
    );
    if (behind.length > 0) return `agents ${behind.map(({ name }) => name).join(' ')} at topology ${live.version}`;
    const told = await this.statuses();
    if (told.length !== MNODES.length) return `MNODEs: ${told.map(({ name }) => name).join(' ')} answer`;
    if (told.filter(({ role }) => role === 'leading').length !== 1) return 'one leader';
    return new Set(told.map(({ seq, hash }) => `${seq} ${hash}`)).size === 1 ? '' : 'MNODEs at one commit';
  }

  /** Sends a command to whoever leads, again and again until it is answered. */
  submit(id: string, body: CommandBody): Promise<Outcome> {
    const clock = new WallClock();
    const route = { bus: this.bus, subjects: subjectsOf(GRID), clock, timers: clock };
    return submitRemotely(route, { id, by: 'operator:lab', deadline: clock.now() + PATIENCE_MS, body });
  }

  /** How the program reaches it. */
  get access(): readonly string[] {
    return ['--grid', GRID, '--nats', this.nats.servers];
  }

  statuses(): Promise<MnodeStatus[]> {
    const clock = new WallClock();
    return askStatus(this.bus, subjectsOf(GRID), { clock, timers: clock }, ASK_MS);
  }

  /** What its MNODEs told last, for whoever looks for the reason of a failure. */
  account(): string {
    return this.grid.mnodes
      .map(({ name, told, stderr }) => [name, ...told.slice(-TOLD_LAST).map((line) => JSON.stringify(line)), stderr])
      .flat()
      .join('\n');
  }

  async end(): Promise<void> {
    this.network.heal();
    await Promise.all([this.bus.close(), this.log.close()]);
    await this.grid.end();
    await Promise.all([this.kafka.stop(), this.nats.stop(), this.temporal?.end()]);
    await this.network.remove();
  }
}

/** A member that takes part, or a spare that waits. */
function isAtRest({ status, spare }: NodeState): boolean {
  return spare ? status === 'admitted' : status === 'active';
}

/** Plays a capture from both networks of a grid. @throws Error when a frame could not be sent. */
export async function play({ grid }: LabGrid, capture: string): Promise<void> {
  const { code, stdout } = await flowgrid('play', capture, '--to', grid.west.into, '--back', grid.east.into, '--json');
  const { unsendable, dropped } = JSON.parse(stdout) as { unsendable: number; dropped: object };
  if (code !== 0 || unsendable > 0 || Object.keys(dropped).length > 0)
    throw new Error(`not everything was sent: ${stdout}`);
}
