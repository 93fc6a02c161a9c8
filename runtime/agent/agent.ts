import {
  encodeAgentHello,
  type AgentAnswerOf,
  type AgentReport,
  type PlacedLife,
  type ToldLife,
} from '../../adapters/codec/agent-messages';
import { decodeAnnounced } from '../../adapters/codec/topology-announcement';
import type { AgentOffer } from '../../domain/agent/state';
import { clusterOf, nodeOf, nodeRef, type Incarnation, type Micros, type NodeRef } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { Bus, BusSubscription } from '../../domain/seams/bus';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { PublishedTopology } from '../../domain/topology/topology';
import { AgentNodes } from './agent-nodes';
import { AgentPackages } from './agent-packages';
import { AgentTopologies, type TopologyHost } from './agent-topologies';
import type { NodeHost } from './dataplane-host';
import { Deaths } from './deaths';
import { FlowShipper, type ShippingCounts } from './flow-shipper';
import { FlowSpool } from './flow-spool';
import { LeaderLink, type LeaderLinkCounts } from './leader-link';
import { Loop } from './loop';
import type { LinkFigures } from './host-underlay';
import type { PortFigures } from './port-figures';
import { Notices, type NoticeSubjects } from './notices';
import type { LifeHost } from './agent-nodes';
import type { PackageStore } from './package-store';

/** The subjects that an agent uses; adapters/bus names them for a grid. */
export interface AgentSubjects extends NoticeSubjects {
  agentHello(agent: string): string;
  agentReply(agent: string): string;
  /** Announcements of what changed: hints to look at once. */
  topology(): string;
}

/** What an agent needs of the dataplane that hosts its nodes. */
export type AgentHost = LifeHost &
  TopologyHost &
  Pick<NodeHost, 'harvest' | 'statistics' | 'endFlows' | 'settle'> & {
    /** Whom the nodes here do not hear any more: by node, the latest life known of it. */
    mute(): ReadonlyMap<NodeRef, Incarnation>;
    /** What the ports here counted. */
    portFigures(): PortFigures;
    /** What the port to the other agents has of links, where it carries these themselves. */
    links(): LinkFigures | undefined;
    /** Restores what it has lost of them; returns how many interfaces those were. */
    repairLinks(): number;
  };

/** How often an agent does what, milliseconds. */
export interface AgentTiming {
  readonly helloMs: number;
  /** It asks what holds this often, told of a change or not. */
  readonly syncMs: number;
  /** What nodes observed is taken and shipped this often: what a crash can lose. */
  readonly harvestMs: number;
  readonly statisticsMs: number;
  /** A request without an answer for so long is made again. */
  readonly answerMs: number;
}

export const DEFAULT_AGENT_TIMING: AgentTiming = {
  helloMs: 100,
  syncMs: 1_000,
  harvestMs: 50,
  statisticsMs: 1_000,
  answerMs: 1_000,
};

/** Events of one batch at most, so that a message over any bus holds it. */
const BATCH_EVENTS_MAX = 2_048;

export interface AgentOptions {
  readonly name: string;
  /** Greater than that of any process of this name before: the wall clock at its start, milliseconds. */
  readonly life: number;
  readonly offer: AgentOffer;
  readonly bus: Bus;
  readonly subjects: AgentSubjects;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly host: AgentHost;
  readonly timing?: Partial<AgentTiming>;
  /** Flow events that each node's spool holds at most. */
  readonly spoolEventsMax?: number;
  /** Where function packages are installed; absent: none are. */
  readonly packages?: PackageStore;
  readonly events?: AgentEvents;
}

/** Told what happens to an agent; by default nobody is. */
export interface AgentEvents {
  registered?(): void;
  /** The grid refuses its registration; it is tried again. */
  refused?(why: string): void;
  /** A newer process of its name has registered: this one should end. */
  replaced?(): void;
  installed?(published: PublishedTopology): void;
  /** FNODEs here stamp this version on new flows from now on. */
  stamped?(version: number): void;
  /** The nodes that it hosts have changed. */
  placed?(nodes: readonly string[]): void;
  /** A node does not begin here, because its function does not work. Told again and again. */
  unfit?(node: string, why: string): void;
  /** So many interfaces of links here were not as topologies say, and are again. */
  repaired?(interfaces: number): void;
  failed?(error: unknown): void;
}

/**
 * An agent: it hosts the nodes that the log places with it, gives them the topologies that are live, and tells whoever
 * leads how they are. Forwarding, detection and takeover need nothing of this: without bus, leader and log the nodes go on
 * with what they have, and what they observed waits in their spools.
 *
 * It asks what holds every so often, and acts on the answer; announcements make it ask at once. One that holds the next
 * topology is installed first, so that the question acknowledges it.
 */
export class Agent {
  readonly nodes: AgentNodes;
  readonly topologies: AgentTopologies;
  private readonly link: LeaderLink;
  private readonly packages: AgentPackages;
  private readonly shipper: FlowShipper;
  private readonly notices: Notices;
  private readonly loops: {
    readonly hello: Loop;
    readonly sync: Loop;
    readonly harvest: Loop;
    readonly ship: Loop;
    readonly statistics: Loop;
  };
  private hints: BusSubscription | undefined;
  private reports = 0;
  private heard = 0;
  /** What FNODEs stamped, and which versions live flows carried, when that was looked at last. */
  private wires = { stamped: 0, carried: [] as readonly number[] };
  /** Whom nobody here hears, as it was told last or is about to be. */
  private mute: readonly ToldLife[] = [];
  private readonly deaths = new Deaths((ref) => this.nodes.get(ref)?.incarnation);
  private stopping = false;

  constructor(private readonly options: AgentOptions) {
    const { bus, subjects, name, life, host } = options;
    const timing = { ...DEFAULT_AGENT_TIMING, ...options.timing };
    this.link = new LeaderLink(bus, subjects.agentReply(name), { agent: name, life }, timing.answerMs);
    this.shipper = new FlowShipper(this.link);
    this.notices = new Notices(bus, subjects);
    this.topologies = new AgentTopologies(host, this.link, options.events ?? {});
    this.packages = new AgentPackages(options.packages, this.link, (node, why) => options.events?.unfit?.(node, why));
    this.nodes = new AgentNodes(
      host,
      (chain) => new FlowSpool(chain, options.spoolEventsMax, undefined, BATCH_EVENTS_MAX),
      () => this.harvest(),
    );
    const loop = (everyMs: number, task: () => Promise<void> | void): Loop =>
      new Loop(options, everyMs, task, (error) => options.events?.failed?.(error));
    this.loops = {
      hello: loop(timing.helloMs, () => this.hello()),
      sync: loop(timing.syncMs, () => this.exchange()),
      harvest: loop(timing.harvestMs, () => this.harvest()),
      ship: loop(timing.syncMs, () => this.ship()),
      statistics: loop(timing.statisticsMs, () => this.tellStatistics()),
    };
  }

  /** What became of its requests, and of the flow batches that it shipped. */
  get counts(): Readonly<LeaderLinkCounts & ShippingCounts> {
    return { ...this.link.counts, ...this.shipper.counts };
  }

  /** The newest head of the log that it was told. */
  get head(): LeaderLink['head'] {
    return this.link.head;
  }

  /** Whether it hosts all INODEs of some cluster: nobody carries on the flows of these. */
  get holdsLastDoor(): boolean {
    const clusters = this.topologies.newest?.topology.clusters ?? [];
    return clusters.some(
      ({ id, role, members }) =>
        role === 'inode' &&
        members.length > 0 &&
        members.every(({ node }) => this.nodes.get(nodeRef(id, node)) !== undefined),
    );
  }

  /** Begins: says hello, registers as soon as somebody leads, hosts what it is given. */
  start(): void {
    this.hints = this.options.bus.subscribe(this.options.subjects.topology(), (payload) => this.announced(payload));
    for (const loop of Object.values(this.loops)) loop.poke();
  }

  /**
   * Ends in good order: what nodes observed is shipped if anybody takes it. With `endingAt` every flow ends first, at that
   * time: for the last way in or out of a network, whose flows nobody carries on.
   *
   * @returns whether everything was shipped.
   */
  async stop(endingAt?: Micros): Promise<boolean> {
    this.stopping = true;
    this.hints?.unsubscribe();
    const { hello, sync, harvest, ship, statistics } = this.loops;
    await Promise.all([hello, sync, harvest, ship, statistics].map((loop) => loop.stop()));
    if (endingAt !== undefined) {
      await this.options.host.settle(endingAt);
      await this.options.host.endFlows(endingAt);
      await this.options.host.settle(endingAt);
    }
    await this.harvest();
    return this.shipper.ship(this.nodes.spools());
  }

  private hello(): void {
    const { bus, subjects, name, life, host, events } = this.options;
    const repaired = host.repairLinks();
    if (repaired > 0) events?.repaired?.(repaired);
    bus.publish(subjects.agentHello(name), encodeAgentHello({ agent: name, life, nodes: this.nodes.told() }));
  }

  private announced(payload: Uint8Array): void {
    const announced = decodeAnnounced(payload);
    if (announced !== undefined) this.topologies.announced(announced);
    this.loops.sync.poke();
  }

  /** Tells how things are, hears what holds, and does what follows from it. */
  private async exchange(): Promise<void> {
    const { next } = this.topologies;
    if (next !== undefined) await this.topologies.install(next);
    const { heard } = this;
    const flows = await this.drainingFlows();
    const report: AgentReport = {
      number: ++this.reports,
      heard,
      nodes: this.nodes.told(),
      installed: this.topologies.installed,
      done: this.topologies.done,
      ...this.wires,
      dead: this.deaths.among(this.topologies.newest?.topology ?? { clusters: [] }),
      mute: this.mute,
      flows,
      ...this.installedLinks(),
    };
    const answer = await this.link.ask('sync', { report });
    if (answer?.number !== report.number) return;
    this.heard = Math.max(this.heard, answer.now);
    if (answer.standing === 'known') await this.follow(answer);
    else if (answer.standing === 'unknown') await this.register();
    else this.options.events?.replaced?.();
  }

  private installedLinks(): Pick<AgentReport, 'links'> {
    const figures = this.options.host.links();
    return figures === undefined ? {} : { links: { count: figures.count, digest: figures.digest } };
  }

  private async follow(answer: AgentAnswerOf<'sync'>): Promise<void> {
    if (await this.nodes.follow(await this.fit(answer))) {
      this.options.events?.placed?.(Array.from(this.nodes.all(), ({ name }) => name));
      this.loops.hello.poke();
      this.loops.sync.poke();
    }
    if (await this.topologies.follow(answer)) this.loops.sync.poke();
  }

  /** The nodes that live here and those that can begin to. */
  private async fit({ nodes, packages }: AgentAnswerOf<'sync'>): Promise<PlacedLife[]> {
    const fit: PlacedLife[] = [];
    for (const place of nodes) {
      const { cluster, node, incarnation } = place;
      const lives = (this.nodes.get(nodeRef(cluster, node))?.incarnation ?? 0) >= incarnation;
      if (lives || (await this.packages.isReady(place, packages, this.topologies.newest?.topology))) fit.push(place);
    }
    return fit;
  }

  private async register(): Promise<void> {
    const answer = await this.link.ask('register', { offer: this.options.offer });
    if (answer === undefined) return;
    if (!answer.accepted) {
      this.options.events?.refused?.(answer.why);
      return;
    }
    this.options.events?.registered?.();
    this.loops.sync.poke();
  }

  /** How many live flows the draining nodes have: looked at only while there are such nodes. */
  private async drainingFlows(): Promise<AgentReport['flows']> {
    if (!Array.from(this.nodes.all()).some(({ draining }) => draining)) return [];
    const flows: AgentReport['flows'][number][] = [];
    for (const { node, flowsPrimary, flowsBackup, boundByFlood } of await this.livingStatistics()) {
      if (this.nodes.get(node)?.draining !== true) continue;
      // Flows without an entry are one more, however many they are.
      const primary = flowsPrimary + (boundByFlood ? 1 : 0);
      flows.push({ cluster: clusterOf(node), node: nodeOf(node), primary, backup: flowsBackup });
    }
    return flows;
  }

  /** Takes what nodes observed into their spools, and has it shipped. */
  private async harvest(): Promise<void> {
    const { stamped } = this.topologies;
    const { events, detections, liveWires } = await this.options.host.harvest();
    this.deaths.add(detections);
    if (this.hasNewMute() || detections.length > 0) this.pokeSync();
    // What was stamped meanwhile may be on its way to a flow that nobody counts yet.
    const carried = new Set(this.topologies.versionsOf(liveWires));
    if (stamped > 0) carried.add(stamped);
    this.wires = { stamped, carried: [...carried] };
    for (const { node, events: observed, shed } of events) {
      const life = this.nodes.get(node);
      if (life === undefined) continue;
      life.spool.add(observed, shed);
      this.notices.flows(life.name, observed);
    }
    if (events.length > 0 && !this.stopping) this.loops.ship.poke();
  }

  /** Who is heard and who is not decides when lives begin: whether that has changed. */
  private hasNewMute(): boolean {
    const mute = Array.from(this.options.host.mute(), ([ref, incarnation]) => ({
      cluster: clusterOf(ref),
      node: nodeOf(ref),
      incarnation,
    }));
    const isSame = JSON.stringify(mute) === JSON.stringify(this.mute);
    this.mute = mute;
    return !isSame;
  }

  private pokeSync(): void {
    if (!this.stopping) this.loops.sync.poke();
  }

  private async ship(): Promise<void> {
    await this.shipper.ship(this.nodes.spools());
  }

  private async tellStatistics(): Promise<void> {
    for (const counted of await this.livingStatistics()) {
      this.notices.statistics(this.nodes.get(counted.node)!.name, counted);
    }
    const { name, life, host, clock } = this.options;
    const { networks, ...ports } = host.portFigures();
    const links = host.links();
    this.notices.agent({
      name,
      life,
      at: 1_000 * clock.now(),
      nodes: Array.from(this.nodes.all(), (each) => each.name),
      ...ports,
      networks: Object.fromEntries(networks),
      ...(links === undefined ? {} : { links: { interfaces: links.count, repaired: links.repaired } }),
      requests: this.counts,
    });
  }

  /** Of the lives that are lived here: what a host remembers of others is over. */
  private async livingStatistics(): Promise<NodeStatistics[]> {
    const all = await this.options.host.statistics();
    return all.filter(({ node, incarnation }) => this.nodes.get(node)?.incarnation === incarnation);
  }
}
