import { availableParallelism } from 'node:os';
import { FlowgridError } from '../../domain/base/errors';
import { nodeRef, type Incarnation, type Micros, type NodeRef, type WireId } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { Probe } from '../../domain/probe/events';
import type { ClusterRole, PublishedTopology } from '../../domain/topology/topology';
import { Arena } from '../../dataplane/frames/arena';
import type { WireTarget } from '../../dataplane/node/repin';
import { Fabric } from '../../dataplane/rings/fabric';
import type { DataplaneHost, DataplaneOptions, FrameWriter, GridHarvest } from './dataplane-host';
import type { GroupCommand } from './group-service';
import { RING_CAPACITY } from './inline-host';
import type { Standing } from './placement';
import { ProbeTaps, type ProbeHost, type ProbeTap } from './probe-taps';
import {
  CELL_ASLEEP,
  CELL_FAILED,
  CELL_NOW,
  CELL_PROGRESS,
  CELL_REQUESTS,
  CELL_SIGNAL,
  CELL_SIZE,
  CELL_TICKED,
  CELL_TICKS,
} from './worker-protocol';
import type { NetworkSetup } from './worker-ports';
import { WorkerThread } from './worker-thread';
import { WorldSide } from './world-side';

/** Longest wait between two looks at the rings, milliseconds. */
const WAIT_MS = 1;
/** How often a worker looks at its rings in vain before it sleeps, where it has a core to itself: some microseconds. */
const PATIENCE = 50;

/**
 * Nodes spread over worker threads, by where they stand on the way of the traffic, else round robin in order of arrival;
 * rings of the shared memory between them.
 */
export class WorkerHost implements DataplaneHost, ProbeHost {
  private readonly probes: ProbeTaps;
  private readonly placement = new Map<NodeRef, WorkerThread>();
  private placed = 0;

  private constructor(
    private readonly arena: Arena,
    private readonly fabric: Fabric,
    private readonly world: WorldSide | undefined,
    private readonly workers: readonly WorkerThread[],
    private readonly cell: number,
    private readonly standing: Standing,
    /** Networks that no worker has attached yet. */
    private unattached: readonly NetworkSetup[],
  ) {
    this.probes = new ProbeTaps(arena, workers.length, async (group, command) => {
      await workers[group]!.request(command);
    });
  }

  /**
   * @param networks External networks to be attached to the workers that host their INODEs. Then all networks are: frames
   * that leave for another are dropped, and {@link inject} takes none.
   */
  static async start(options: DataplaneOptions, networks: readonly NetworkSetup[] = []): Promise<WorkerHost> {
    const arena = Arena.create({ slots: options.slots, bytes: options.bytes });
    const fabric = Fabric.create(arena, options.workers, RING_CAPACITY);
    const cell = arena.allocate(CELL_SIZE);
    const tapOrder = options.taps ? arena.allocate(64) : 0;
    const workers = await Promise.all(
      Array.from({ length: options.workers }, (_, group) =>
        WorkerThread.start(
          {
            arena: arena.share(),
            cell,
            patience: options.workers <= availableParallelism() ? PATIENCE : 0,
            setup: {
              group,
              fabric: fabric.share(),
              secret: options.secret,
              keyEpoch: 1,
              baseDirectory: options.baseDirectory,
              tapOrder,
              ...(options.kernels === undefined ? {} : { kernels: options.kernels }),
              ...(options.limits === undefined ? {} : { limits: options.limits }),
            },
          },
          () => {
            Atomics.add(arena.i32, (cell + CELL_REQUESTS) >>> 2, 1);
            signal(arena, cell);
          },
        ),
      ),
    );
    const world = networks.length > 0 ? undefined : new WorldSide(arena, fabric, options.output);
    return new WorkerHost(arena, fabric, world, workers, cell, options.standing ?? (() => undefined), networks);
  }

  get kernels(): 'wasm' | 'ts' {
    return this.workers[0]!.kernels;
  }

  async add(node: NodeRef, incarnation: Incarnation, role: ClusterRole): Promise<void> {
    const { workers } = this;
    const standing = this.standing(node);
    const place = standing === undefined ? this.placed++ % workers.length : Math.floor(standing * workers.length);
    const worker = workers[place]!;
    this.placement.set(node, worker);
    await worker.request({ op: 'add', node, incarnation, role });
  }

  async kill(node: NodeRef): Promise<void> {
    await this.workerOf(node).request({ op: 'kill', node });
  }

  async revive(node: NodeRef, incarnation: Incarnation): Promise<void> {
    await this.workerOf(node).request({ op: 'revive', node, incarnation });
  }

  async remove(node: NodeRef): Promise<void> {
    await this.workerOf(node).request({ op: 'remove', node });
    this.placement.delete(node);
  }

  async install(published: PublishedTopology): Promise<void> {
    await this.attach(published);
    await this.all({ op: 'install', published });
    this.world?.install(published);
  }

  async activate(version: number): Promise<void> {
    await this.all({ op: 'activate', version });
  }

  async retire(wireId: WireId): Promise<void> {
    await this.all({ op: 'retire', wireId });
  }

  async repin(from: WireId, target: WireTarget): Promise<void> {
    await this.all({ op: 'repin', from, target });
  }

  attachProbe(probe: Probe, network: number): Promise<ProbeTap> {
    return this.probes.attachProbe(probe, network);
  }

  setReachable(node: NodeRef, reachable: boolean): void {
    this.world?.setReachable(node, reachable);
  }

  inject(network: number, at: Micros, frameNo: number, write: FrameWriter): boolean {
    return this.world?.inject(network, at, frameNo, write) ?? false;
  }

  push(now: Micros): void {
    this.setNow(now);
    this.world?.publish();
    if (this.load(CELL_ASLEEP) > 0) signal(this.arena, this.cell);
    this.world?.drain();
  }

  async settle(now: Micros, underWay = 0): Promise<void> {
    this.push(now);
    this.waitUntil(() => {
      const left = this.world?.drain() ?? 0;
      return this.fabric.underWay() <= underWay || (left === 0 ? false : undefined);
    });
  }

  async tick(now: Micros): Promise<void> {
    this.setNow(now);
    const rounds = Atomics.add(this.arena.i32, (this.cell + CELL_TICKS) >>> 2, 1) + 1;
    signal(this.arena, this.cell);
    this.waitUntil(() => this.load(CELL_TICKED) === ((rounds * this.workers.length) | 0));
  }

  async endFlows(now: Micros): Promise<void> {
    this.setNow(now);
    await this.all({ op: 'end', now });
  }

  async harvest(): Promise<GridHarvest> {
    const harvests = await Promise.all(this.workers.map((worker) => worker.request({ op: 'harvest' })));
    const all = harvests.map(({ harvest }) => harvest!);
    return {
      events: byNode(all.flatMap(({ events }) => events)),
      detections: byNode(all.flatMap(({ detections }) => detections)),
      liveWires: [...new Set(all.flatMap(({ liveWires }) => liveWires))].sort((a, b) => a - b),
      taps: all
        .flatMap(({ taps }) => taps)
        .sort((a, b) => (a.order - b.order) | 0)
        .map(({ record }) => record),
    };
  }

  async statistics(): Promise<NodeStatistics[]> {
    const answers = await Promise.all(this.workers.map((worker) => worker.request({ op: 'statistics' })));
    return byNode(answers.flatMap(({ statistics }) => [...statistics!]));
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
  }

  /** Each network goes to the worker of its cluster's first INODE. */
  private async attach({ topology }: PublishedTopology): Promise<void> {
    const waiting = this.unattached;
    this.unattached = [];
    for (const network of waiting) {
      const cluster = topology.networks.find(({ name }) => name === network.name)?.cluster;
      const members = topology.clusters.find(({ id }) => id === cluster)?.members ?? [];
      const hosts = members.map(({ node }) => this.placement.get(nodeRef(cluster!, node)));
      const worker = hosts.find((host) => host !== undefined);
      if (worker === undefined) this.unattached = [...this.unattached, network];
      else await worker.request({ op: 'attach', network });
    }
  }

  /** Looks again and again, asleep until workers tell of progress while `look` says false; until it says true. */
  private waitUntil(look: () => boolean | undefined): void {
    for (;;) {
      const seen = this.load(CELL_PROGRESS);
      const answer = look();
      if (answer === true) return;
      if (this.load(CELL_FAILED) !== 0) throw new FlowgridError('closed', 'a packet worker failed');
      if (answer === false) Atomics.wait(this.arena.i32, (this.cell + CELL_PROGRESS) >>> 2, seen, WAIT_MS);
    }
  }

  private load(word: number): number {
    return Atomics.load(this.arena.i32, (this.cell + word) >>> 2);
  }

  private setNow(now: Micros): void {
    this.arena.f64[(this.cell + CELL_NOW) >>> 3] = now;
  }

  private async all(command: GroupCommand): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.request(command)));
  }

  private workerOf(node: NodeRef): WorkerThread {
    const worker = this.placement.get(node);
    if (worker === undefined) throw new FlowgridError('not-found', `node ${node} is hosted by no worker`);
    return worker;
  }
}

function byNode<Item extends { readonly node: NodeRef }>(items: Item[]): Item[] {
  return items.sort((a, b) => a.node - b.node);
}

function signal(arena: Arena, cell: number): void {
  const at = (cell + CELL_SIGNAL) >>> 2;
  Atomics.add(arena.i32, at, 1);
  Atomics.notify(arena.i32, at);
}
