import { setImmediate as turn } from 'node:timers/promises';
import { createLocalBus, type LocalBus } from '../../adapters/bus/local-bus';
import { subjectsOf } from '../../adapters/bus/subjects';
import { decodeFlowBatch } from '../../adapters/codec/flow-batch';
import { decodeCommit } from '../../adapters/codec/records';
import { createMemoryLog, createMemoryStore, type MemoryLog, type MemoryStore } from '../../adapters/log/memory';
import { SimClock } from '../../adapters/sim/sim-clock';
import type { AgentOffer } from '../../domain/agent/state';
import { FlowgridError } from '../../domain/base/errors';
import type { ChainId, Incarnation, NodeRef, WireId } from '../../domain/base/ids';
import { createPrng } from '../../domain/base/prng';
import { nodesOf, type ClusterState } from '../../domain/cluster/state';
import type { CommandBody, Outcome } from '../../domain/commands';
import type { TopologyEvent } from '../../domain/events';
import type { FlowEvent } from '../../domain/flow/events';
import type { Commit } from '../../domain/log/commit';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { Bus, BusHandler, BusSubscription } from '../../domain/seams/bus';
import type { PublishedTopology } from '../../domain/topology/topology';
import type { Detection } from '../../dataplane/node/watch';
import type { NodeEvents } from '../../runtime/agent/group-service';
import { Agent, type AgentEvents, type AgentHost, type AgentOptions } from '../../runtime/agent/agent';
import { serveAgents, type AgentEndpoints } from '../../runtime/control/agent-endpoints';
import { BusAnnouncer } from '../../runtime/control/bus-endpoints';
import { createControlPlane, type ControlPlane } from '../../runtime/control/control-plane';
import { smallGridCommands, START } from '../unit/runtime/control/small-grid';

/** Simulated milliseconds of one step: what waits is worked off between two. */
const STEP_MS = 10;
/** How long agents wait for answers, and how often they ask, in these tests. */
export const SYNC_MS = 200;
const ANSWER_MS = 100;
const PATIENCE = { detectionMs: 500, blackoutMs: 20_000 };
const subjects = subjectsOf('small');

/** One participant's side of a bus, which can be cut off: it neither hears nor is heard. */
export class CutBus implements Bus {
  readonly kind = 'cut';
  isCut = false;

  get connected(): boolean {
    return !this.isCut;
  }

  constructor(private readonly bus: Bus) {}

  publish(subject: string, payload: Uint8Array): void {
    if (!this.isCut) this.bus.publish(subject, payload);
  }

  subscribe(pattern: string, handler: BusHandler): BusSubscription {
    return this.bus.subscribe(pattern, (payload, subject) => {
      if (this.isCut) return undefined;
      const answer = handler(payload, subject);
      // Cut meanwhile, its answer is lost.
      return answer instanceof Uint8Array || answer === undefined
        ? answer
        : Promise.resolve(answer as Promise<Uint8Array | undefined>).then((bytes) => (this.isCut ? undefined : bytes));
    });
  }

  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const answer = this.bus.request(this.isCut ? 'flowgrid.nowhere' : subject, payload, timeoutMs);
    const bytes = await answer;
    if (this.isCut) throw new FlowgridError('timeout', 'cut off');
    return bytes;
  }

  flush(): Promise<void> {
    return this.bus.flush();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A dataplane without packets: it remembers what it was told, and tells what a test has it observe. */
export class ToldHost implements AgentHost {
  readonly lives = new Map<NodeRef, Incarnation>();
  readonly installed = new Map<number, PublishedTopology>();
  readonly activated: number[] = [];
  readonly moves: string[] = [];
  /** Wire IDs that flows carry. */
  readonly carried = new Set<WireId>();
  flows = 0;
  ended = 0;
  private observed: NodeEvents[] = [];
  private buried: Detection[] = [];

  /** Whom its nodes do not hear. */
  readonly unheard = new Map<NodeRef, Incarnation>();

  mute(): ReadonlyMap<NodeRef, Incarnation> {
    return this.unheard;
  }

  /** It has no ports. */
  portFigures(): ReturnType<AgentHost['portFigures']> {
    const underlay = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, dropped: {} };
    return { underlay, networks: new Map(), unattached: 0 };
  }

  links(): undefined {
    return undefined;
  }

  repairLinks(): number {
    return 0;
  }

  /** Its nodes find a neighbour dead. */
  bury(node: NodeRef, incarnation: Incarnation): void {
    for (const by of this.lives.keys()) this.buried.push({ node, incarnation, by, at: 0 });
  }

  observe(node: NodeRef, events: readonly FlowEvent[], shed = 0): void {
    this.observed.push({ node, events, shed });
  }

  async add(node: NodeRef, incarnation: Incarnation): Promise<void> {
    if (this.lives.has(node)) throw new Error(`node ${node} is hosted already`);
    this.lives.set(node, incarnation);
  }

  async kill(node: NodeRef): Promise<void> {
    if (!this.lives.delete(node)) throw new Error(`node ${node} is dead`);
  }

  async revive(node: NodeRef, incarnation: Incarnation): Promise<void> {
    return this.add(node, incarnation);
  }

  async remove(node: NodeRef): Promise<void> {
    return this.kill(node);
  }

  setReachable(): void {
    // Nothing comes from outside.
  }

  async install(published: PublishedTopology): Promise<void> {
    const { version, wireId } = published.topology;
    for (const [known, { topology }] of this.installed) {
      if (topology.wireId === wireId) throw new Error(`wire ID ${wireId} is that of ${known} and of ${version}`);
    }
    this.installed.set(version, published);
  }

  async activate(version: number): Promise<void> {
    if (!this.installed.has(version)) throw new Error(`topology ${version} is not installed`);
    this.activated.push(version);
  }

  async retire(wireId: WireId): Promise<void> {
    if (this.carried.has(wireId)) throw new Error(`flows carry wire ID ${wireId}`);
    for (const [version, { topology }] of this.installed)
      if (topology.wireId === wireId) this.installed.delete(version);
  }

  async repin(from: WireId, target: { readonly version: number; readonly wireId: WireId }): Promise<void> {
    this.moves.push(`${from}>${target.wireId}`);
    if (this.carried.delete(from)) this.carried.add(target.wireId);
  }

  async harvest(): ReturnType<AgentHost['harvest']> {
    const detections = this.buried.splice(0);
    return { events: this.observed.splice(0), detections, taps: [], liveWires: [...this.carried] };
  }

  async statistics(): Promise<NodeStatistics[]> {
    const { flows } = this;
    return Array.from(
      this.lives,
      ([node, incarnation]) => ({ node, incarnation, flowsPrimary: flows, flowsBackup: 0 }) as NodeStatistics,
    );
  }

  async endFlows(): Promise<void> {
    this.ended++;
  }

  async settle(): Promise<void> {
    // Nothing is under way.
  }
}

/** An agent's process: what it is made of, and what it told. */
export interface AgentProcess {
  readonly agent: Agent;
  readonly host: ToldHost;
  readonly bus: CutBus;
  readonly told: string[];
}

/** A leader's process. */
export interface LeaderProcess {
  readonly plane: ControlPlane;
  readonly endpoints: AgentEndpoints;
  readonly bus: CutBus;
  /** The log takes nothing from it any more, as when a successor has taken over. */
  fence(): void;
}

/**
 * A grid of agents on a simulated clock and a bus that can lose, repeat and reorder; announcements never arrive unless
 * asked for, so that only what agents ask for themselves is left.
 */
export class AgentWorld {
  readonly clock = new SimClock(START);
  readonly bus: LocalBus;
  readonly store = createMemoryStore();
  readonly log = createMemoryLog({ store: this.store });
  readonly agents = new Map<string, AgentProcess>();
  readonly failures: unknown[] = [];
  /** Which host every life was lived on. */
  readonly homes = new Map<string, ToldHost>();
  leader!: LeaderProcess;
  /** Told what any leader of this world folds. */
  onCommit: (commit: Commit<TopologyEvent>) => void = () => undefined;
  private commands = 0;
  private lives = 0;

  constructor(
    seed: number,
    private readonly hints = false,
  ) {
    this.bus = createLocalBus({
      clock: this.clock,
      timers: this.clock,
      prng: createPrng(seed),
      onHandlerError: (error) => this.failures.push(error),
    });
  }

  /** A control plane that takes over; the one before is fenced off, and does not know. */
  async lead(name: string): Promise<LeaderProcess> {
    const bus = new CutBus(this.bus);
    (this.leader as LeaderProcess | undefined)?.fence();
    const { log, fence } = fencedLog(this.store);
    const plane = createControlPlane({
      log,
      clock: this.clock,
      timers: this.clock,
      name,
      listeners: this.hints ? [new BusAnnouncer(bus, subjects)] : [],
      patience: PATIENCE,
      onCommit: (commit) => this.onCommit(commit),
    });
    const endpoints = serveAgents(plane, bus, subjects, {
      clock: this.clock,
      // What a program does that learns of its successor: it stands down.
      onOutrun: () => void plane.stop(),
    });
    this.leader = { plane, endpoints, bus, fence };
    await plane.start();
    return this.leader;
  }

  /** The small grid, without its nodes. */
  async createGrid(): Promise<void> {
    for (const body of smallGridCommands()) if (body.type !== 'AdmitNode') void this.command(body);
    await this.leader.plane.settle();
  }

  /** Its nodes, once so many agents have registered. */
  async admitNodes(agents: number): Promise<void> {
    const hasAll = (): boolean => Object.keys(this.leader.plane.state.agents).length === agents;
    if (!(await this.until(hasAll, 20_000))) throw new Error(`${agents} agents did not register`);
    for (const body of smallGridCommands()) if (body.type === 'AdmitNode') void this.command(body);
    await this.leader.plane.settle();
  }

  command(body: CommandBody): Promise<Outcome> {
    const request = {
      id: `operator/${++this.commands}`,
      by: 'operator:test',
      deadline: this.clock.now() + 10_000,
      body,
    };
    return this.leader.plane.submit(request);
  }

  /** A process of that name; an older one is gone as by kill -9. */
  begin(
    name: string,
    offer: Partial<AgentOffer> = {},
    options: Pick<AgentOptions, 'spoolEventsMax' | 'packages'> = {},
  ): AgentProcess {
    const before = this.agents.get(name);
    if (before !== undefined) before.bus.isCut = true;
    const bus = new CutBus(this.bus);
    const host = new ToldHost();
    const told: string[] = [];
    const events: AgentEvents = {
      registered: () => told.push('registered'),
      refused: (why) => told.push(`refused: ${why}`),
      replaced: () => told.push('replaced'),
      unfit: (node, why) => void (told.at(-1) === `${node}: ${why}` || told.push(`${node}: ${why}`)),
      failed: (error) => this.failures.push(error),
    };
    const agent = new Agent({
      name,
      life: START + ++this.lives,
      offer: {
        address: `${name}:7000`,
        capacity: 8,
        functions: ['pass'],
        networks: ['EN-1', 'EN-2'],
        pinned: [],
        ...offer,
      },
      bus,
      subjects,
      clock: this.clock,
      timers: this.clock,
      host,
      timing: { syncMs: SYNC_MS, answerMs: ANSWER_MS },
      events,
      ...options,
    });
    const process = { agent, host, bus, told };
    this.agents.set(name, process);
    agent.start();
    return process;
  }

  /** Time passes; what every host lives is looked at all the while. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.now() + ms;
    while (this.clock.now() < until) {
      this.clock.advanceTo(this.clock.now() + STEP_MS);
      await turn();
      this.look();
    }
  }

  /** Time passes until something holds, at most that long; false if it does not. */
  async until(holds: () => boolean, withinMs: number): Promise<boolean> {
    const until = this.clock.now() + withinMs;
    while (!holds()) {
      if (this.clock.now() >= until) return false;
      await this.pass(STEP_MS);
    }
    return true;
  }

  statusOf(cluster: number, node: number): string | undefined {
    return this.leader.plane.state.clusters[cluster]?.nodes[node]?.status;
  }

  /** The versions that agents stamp, each once; the leader's newest among them. */
  stamped(): number[] {
    const { version } = this.leader.plane.state.topology;
    return [...new Set([version, ...Array.from(this.agents.values(), ({ agent }) => agent.topologies.stamped)])];
  }

  /** Whether every agent stamps the leader's newest topology and every placed node lives as it should. */
  get isOne(): boolean {
    const { state } = this.leader.plane;
    const nodes = Object.values(state.clusters).flatMap((cluster: ClusterState) => nodesOf(cluster));
    const alive = nodes.every(({ status, spare }) => status === 'active' || spare);
    return (
      nodes.length > 0 && alive && this.stamped().length === 1 && (state.topology.live.at(-1)?.appliedAt ?? 0) !== 0
    );
  }

  async commits(): Promise<Commit<TopologyEvent>[]> {
    return (await this.log.read(1, 1_000_000)).map(({ bytes }) => decodeCommit(bytes) as Commit<TopologyEvent>);
  }

  /** What a chain tells: its events, and how many were lost. */
  async chain(chain: ChainId): Promise<{ readonly events: readonly FlowEvent[]; readonly lost: number }> {
    const batches = (await this.log.readFlows(chain, 1, 1_000_000)).map(({ bytes }) => decodeFlowBatch(bytes));
    return {
      events: batches.flatMap(({ events }) => events),
      lost: batches.reduce((sum, { lost }) => sum + lost, 0),
    };
  }

  private look(): void {
    for (const { host } of this.agents.values()) {
      for (const [ref, incarnation] of host.lives) {
        const life = `${ref}@${incarnation}`;
        const home = this.homes.get(life);
        if (home !== undefined && home !== host) throw new Error(`life ${life} is lived twice`);
        this.homes.set(life, host);
      }
    }
  }
}

function fencedLog(store: MemoryStore): { readonly log: MemoryLog; readonly fence: () => void } {
  const log = createMemoryLog({ store });
  const append = log.append.bind(log);
  let isFenced = false;
  log.append = (records) =>
    isFenced ? Promise.reject(new FlowgridError('log-failed', 'another writer has taken over')) : append(records);
  return { log, fence: () => void (isFenced = true) };
}
