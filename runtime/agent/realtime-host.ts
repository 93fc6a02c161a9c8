import { nodeRef, type Incarnation, type Micros, type NodeRef, type WireId } from '../../domain/base/ids';
import type { Timers } from '../../domain/seams/clock';
import type { ClusterRole, PublishedTopology, Topology } from '../../domain/topology/topology';
import { Arena } from '../../dataplane/frames/arena';
import { SlotPool } from '../../dataplane/frames/slots';
import type { WireTarget } from '../../dataplane/node/repin';
import { WorldPort } from '../../dataplane/node/world-port';
import { NetworkPorts } from '../../dataplane/packet-ports/network-ports';
import type { OpenPort, PortListener } from '../../dataplane/packet-ports/port';
import { Underlay } from '../../dataplane/packet-ports/underlay';
import { Fabric } from '../../dataplane/rings/fabric';
import type { NodeHostOptions } from './dataplane-host';
import type { HostUnderlay, LinkFigures } from './host-underlay';
import { RING_CAPACITY } from './inline-host';
import { InlineNodes } from './inline-nodes';
import type { PortFigures } from './port-figures';

/** Groups of the fabric: the nodes, and the underlay, which hosts none. */
const GROUPS = 2;
const UNDERLAY = 1;
/** Frames that enter from a port before all that they cause has left. */
const BATCH = 64;
/** Batches moved before other events of the process get their turn. */
const BATCHES_PER_TURN = 16;

/** The time and the turns of the process, injected. */
export interface RealTime {
  /** Microseconds since 1970, never decreasing, also when somebody sets the wall clock. */
  readonly micros: () => Micros;
  /** On the same clock, in milliseconds. */
  readonly timers: Timers;
  /** Calls `work` once, when the events that wait now have been dealt with. */
  readonly soon: (work: () => void) => void;
}

export interface RealtimeOptions extends NodeHostOptions {
  /** Name under which topologies place nodes here. */
  readonly agent: string;
  readonly time: RealTime;
  /** The way to the other agents. */
  readonly underlay: HostUnderlay;
  /** Ports of the external networks attached here; several at one port are told apart by their VLANs. */
  readonly networks: readonly { readonly names: readonly string[]; readonly open: OpenPort }[];
}

/**
 * The nodes of one agent, in real time: frames move when they arrive, hello rounds come each hello interval. Once
 * topologies are installed it asks nobody for anything: nodes forward, notice deaths and take over by themselves.
 *
 * Downstream is drained before more is read: a batch enters, everything moves until nothing moves, what came of it is
 * sent, and only then the next batch enters, frames that are inside the grid already before new ones. When the underlay
 * is busy nothing enters.
 *
 * Rounds never come in a burst: a process that was held up makes one late round, and finds nobody dead for its own
 * absence.
 */
export class RealtimeHost extends InlineNodes {
  private underlay!: Underlay;
  private closeUnderlay!: () => Promise<void>;
  /** What is live, by wire ID, and the nodes that were added. */
  private readonly topologies = new Map<WireId, Topology>();
  private readonly nodes = new Set<NodeRef>();
  private readonly world: WorldPort;
  private readonly networks: NetworkPorts;
  private readonly slots: SlotPool;
  private latest = 0;
  /** Deaths that the underlay has been told of. */
  private toldDeaths = 0;
  private isSoon = false;
  private isClosed = false;
  private cancelRound: (() => void) | undefined;

  private constructor(
    private readonly arena: Arena,
    private readonly fabric: Fabric,
    private readonly options: RealtimeOptions,
  ) {
    super(arena, fabric, { ...options, wallClock: options.time.micros }, options.agent);
    this.slots = new SlotPool(arena);
    this.world = new WorldPort(arena, fabric);
    this.networks = new NetworkPorts({ arena, slots: this.slots }, this.world, BATCH);
  }

  /** @throws FlowgridError `usage` when a port cannot be opened; those that were open are closed again. */
  static async start(options: RealtimeOptions): Promise<RealtimeHost> {
    const arena = Arena.create({ slots: options.slots, bytes: options.bytes });
    const host = new RealtimeHost(arena, Fabric.create(arena, GROUPS, RING_CAPACITY), options);
    await host.open();
    return host;
  }

  override async add(node: NodeRef, incarnation: Incarnation, role: ClusterRole): Promise<void> {
    await super.add(node, incarnation, role);
    this.nodes.add(node);
    this.tellUnderlay();
    this.livesChanged(node);
  }

  override async kill(node: NodeRef): Promise<void> {
    await super.kill(node);
    this.livesChanged(node);
  }

  override async revive(node: NodeRef, incarnation: Incarnation): Promise<void> {
    await super.revive(node, incarnation);
    this.livesChanged(node);
  }

  override async remove(node: NodeRef): Promise<void> {
    await super.remove(node);
    this.nodes.delete(node);
    this.tellUnderlay();
    this.livesChanged(node);
  }

  override async install(published: PublishedTopology): Promise<void> {
    this.topologies.set(published.topology.wireId, published.topology);
    this.tellUnderlay();
    if (published.topology.version > this.latest) this.follow(published);
    await super.install(published);
    this.begin();
  }

  override async activate(version: number): Promise<void> {
    await super.activate(version);
    this.begin();
  }

  override async retire(wireId: WireId): Promise<void> {
    await super.retire(wireId);
    this.topologies.delete(wireId);
    this.tellUnderlay();
    this.begin();
  }

  override async repin(from: WireId, target: WireTarget): Promise<void> {
    await super.repin(from, target);
    this.begin();
  }

  override async endFlows(now: Micros): Promise<void> {
    await super.endFlows(now);
    this.move();
  }

  async settle(): Promise<void> {
    this.move();
  }

  setReachable(node: NodeRef, reachable: boolean): void {
    this.world.setAlive(node, reachable);
  }

  /** What the ports counted since they were opened. */
  portFigures(): PortFigures {
    return { underlay: this.underlay.statistics(), ...this.networks.statistics() };
  }

  /** See {@link HostUnderlay.mtu}. */
  get linkMtu(): number | undefined {
    return this.options.underlay.mtu;
  }

  /** See {@link HostUnderlay.links}. */
  links(): LinkFigures | undefined {
    return this.options.underlay.links();
  }

  /** See {@link HostUnderlay.repair}. */
  repairLinks(): number {
    return this.options.underlay.repair();
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.cancelRound?.();
    await Promise.all([this.closeUnderlay(), this.networks.close()]);
  }

  private async open(): Promise<void> {
    const { arena, slots, options } = this;
    const memory = { arena, slots };
    const listener: PortListener = { readable: () => this.begin(), writable: () => this.begin() };
    const port = await options.underlay.open(memory, listener);
    this.closeUnderlay = () => port.close();
    this.underlay = new Underlay(memory, this.fabric, UNDERLAY, port, BATCH);
    try {
      for (const { names, open } of options.networks) this.networks.attach(names, await open(memory, listener));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Where the latest topology has networks, and their INODEs. */
  private follow(published: PublishedTopology): void {
    const { clusters, version } = published.topology;
    this.latest = version;
    this.networks.install(published.topology);
    this.world.install(published);
    for (const { id, role, members } of clusters) {
      if (role === 'inode') for (const { node } of members) this.judgeDoor(nodeRef(id, node));
    }
  }

  private tellUnderlay(): void {
    const newestFirst = [...this.topologies.values()].sort((a, b) => b.version - a.version);
    this.toldDeaths = this.service.deaths;
    this.options.underlay.follow(newestFirst, [...this.nodes], ({ cluster, node }, incarnation) =>
      this.service.holdsDead(nodeRef(cluster, node), incarnation),
    );
  }

  private livesChanged(node: NodeRef): void {
    this.judgeDoor(node);
    this.begin();
  }

  /** The networks attached here reach the INODEs that live here, and no others. */
  private judgeDoor(node: NodeRef): void {
    this.world.setAlive(node, this.service.isAlive(node));
  }

  /** There may be something to do: it is done when the events that wait have been dealt with. */
  private begin(): void {
    if (this.isSoon || this.isClosed) return;
    this.isSoon = true;
    this.options.time.soon(this.turn);
  }

  private readonly turn = (): void => {
    this.isSoon = false;
    if (this.isClosed) return;
    if (this.moveBatches()) this.begin();
    if (this.service.deaths !== this.toldDeaths) this.tellUnderlay();
    this.armRound();
  };

  /** Moves frames, up to a bound; true when there may be more. */
  private moveBatches(): boolean {
    for (let i = 0; i < BATCHES_PER_TURN; i++) {
      this.move();
      if (this.underlay.isBlocked || !this.readBatch()) return false;
    }
    return true;
  }

  /** Everything inside moves until nothing moves, and what it leads to leaves. */
  private move(): void {
    const now = this.options.time.micros();
    do {
      this.service.run(now);
      this.networks.drain();
    } while (this.underlay.drain() > 0 && !this.underlay.isBlocked && this.service.hasFrames());
  }

  private readBatch(): boolean {
    const now = this.options.time.micros();
    return this.underlay.receive(now) > 0 || this.networks.receive(now) > 0;
  }

  private armRound(): void {
    if (this.cancelRound !== undefined || this.latest === 0) return;
    const { timers, soon } = this.options.time;
    // A round says that this node lives and deals with what it gets: what has arrived is read before it.
    this.cancelRound = timers.schedule(Math.ceil(this.service.dueRound / 1000), () => soon(this.round));
  }

  private readonly round = (): void => {
    this.cancelRound = undefined;
    if (this.isClosed) return;
    if (this.moveBatches()) this.begin();
    this.service.execute({ op: 'tick', now: this.options.time.micros() });
    this.move();
    if (this.service.deaths !== this.toldDeaths) this.tellUnderlay();
    this.armRound();
  };
}
