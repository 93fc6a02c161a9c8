import { setTimeout as delay } from 'node:timers/promises';
import { connectNatsBus, type NatsBus } from '../../../adapters/bus/nats-bus';
import { subjectsOf } from '../../../adapters/bus/subjects';
import type { CommandBody, Outcome } from '../../../domain/commands';
import { nodesOf } from '../../../domain/cluster/state';
import { isTopologyStale } from '../../../domain/topology/content';
import { submitRemotely } from '../../../runtime/control/remote-commands';
import { askStatus, type MnodeStatus } from '../../../runtime/control/mnode-status';
import { WallClock } from '../../../runtime/programs/wall-clock';
import { startKafkaCluster, type KafkaCluster } from '../../services/kafka';
import { startNats, type NatsServer } from '../../services/nats';
import type { Site } from '../../services/site';
import { AgentGrid, HOSTED } from '../agent-grid';
import { flowgrid } from '../up-process';
import { LabNetwork } from './network';

export const MNODES = ['MA-1', 'MB-1', 'MC-1'];
const BROKERS = ['kafka-1', 'kafka-2', 'kafka-3'];
const ASK_MS = 50;
/** How long a command may be under way, milliseconds. */
const PATIENCE_MS = 60_000;
/**
 * Hosts of a real grid have processors of their own: what agents and traffic need, servers that start beside them on this
 * machine must not take.
 */
const FIRST = ['nice', '-n', '-10'];

/** A grid whose MNODEs, agents and servers are each on a host of their own. */
export class LabGrid {
  private constructor(
    readonly network: LabNetwork,
    readonly nats: NatsServer,
    readonly kafka: KafkaCluster,
    readonly grid: AgentGrid,
    /** How this process asks MNODEs. */
    private readonly bus: NatsBus,
  ) {}

  /** Starts everything; resolves when the grid is whole. */
  static async start({ brokers }: { readonly brokers: 1 | 3 }): Promise<LabGrid> {
    const kafkas = BROKERS.slice(0, brokers);
    const network = LabNetwork.create([...MNODES, ...Object.keys(HOSTED), 'nats', ...kafkas]);
    const at = (name: string): Site => {
      const host = network.host(name);
      return name in HOSTED ? { ...host, inside: [...host.inside, ...FIRST] } : host;
    };
    const [kafka, nats] = await Promise.all([startKafkaCluster(kafkas.map(at)), startNats(at('nats'))]);
    const servers = { nats: nats.servers, kafka: kafka.brokers, replication: brokers };
    const grid = new AgentGrid(servers, { mnodes: MNODES, at });
    await grid.start();
    const bus = await connectNatsBus({ servers: nats.servers, name: 'lab' });
    return new LabGrid(network, nats, kafka, grid, bus);
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
   */
  async whole(): Promise<string> {
    let lacked = '';
    for (;;) {
      const lacks = await this.lacks();
      if (lacks === '') return lacked;
      lacked = lacks;
      await delay(20);
    }
  }

  /** What is missing until there is one topology everywhere; empty: nothing. */
  async lacks(): Promise<string> {
    const state = await this.grid.state();
    const away = Object.values(state.clusters)
      .flatMap((cluster) => nodesOf(cluster))
      .filter(({ status }) => status !== 'active');
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
    const route = { bus: this.bus, subjects: subjectsOf('agents'), clock, timers: clock };
    return submitRemotely(route, { id, by: 'operator:lab', deadline: clock.now() + PATIENCE_MS, body });
  }

  statuses(): Promise<MnodeStatus[]> {
    const clock = new WallClock();
    return askStatus(this.bus, subjectsOf('agents'), { clock, timers: clock }, ASK_MS);
  }

  async end(): Promise<void> {
    this.network.heal();
    await this.bus.close();
    await this.grid.end();
    await Promise.all([this.kafka.stop(), this.nats.stop()]);
    await this.network.remove();
  }
}

/** Plays a capture from both networks of a grid. @throws Error when a frame could not be sent. */
export async function play({ grid }: LabGrid, capture: string): Promise<void> {
  const { code, stdout } = await flowgrid('play', capture, '--to', grid.west.into, '--back', grid.east.into, '--json');
  const { unsendable, dropped } = JSON.parse(stdout) as { unsendable: number; dropped: object };
  if (code !== 0 || unsendable > 0 || Object.keys(dropped).length > 0)
    throw new Error(`not everything was sent: ${stdout}`);
}
