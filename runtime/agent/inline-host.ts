import type { Incarnation, Micros, NodeRef, WireId } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { ClusterRole, PublishedTopology } from '../../domain/topology/topology';
import { Arena } from '../../dataplane/frames/arena';
import type { WireTarget } from '../../dataplane/node/repin';
import { Fabric } from '../../dataplane/rings/fabric';
import type { DataplaneHost, DataplaneOptions, FrameWriter, GridHarvest } from './dataplane-host';
import { GroupService } from './group-service';
import { WorldSide } from './world-side';

/** Entries of each ring between a group and a node. */
export const RING_CAPACITY = 4096;

/** All nodes in this thread: deterministic. */
export class InlineHost implements DataplaneHost {
  readonly kernels: 'wasm' | 'ts';
  private readonly service: GroupService;
  private readonly world: WorldSide;
  private readonly fabric: Fabric;

  constructor(options: DataplaneOptions) {
    const arena = Arena.create({ slots: options.slots, bytes: options.bytes });
    this.fabric = Fabric.create(arena, 1, RING_CAPACITY);
    this.service = new GroupService(arena, {
      group: 0,
      fabric: this.fabric.share(),
      secret: options.secret,
      keyEpoch: 1,
      baseDirectory: options.baseDirectory,
      tapOrder: options.taps ? arena.allocate(64) : 0,
      ...(options.kernels === undefined ? {} : { kernels: options.kernels }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    this.kernels = this.service.kernels;
    this.world = new WorldSide(arena, this.fabric, options.output);
  }

  async add(node: NodeRef, incarnation: Incarnation, role: ClusterRole): Promise<void> {
    this.service.execute({ op: 'add', node, incarnation, role });
  }

  async kill(node: NodeRef): Promise<void> {
    this.service.execute({ op: 'kill', node });
  }

  async revive(node: NodeRef, incarnation: Incarnation): Promise<void> {
    this.service.execute({ op: 'revive', node, incarnation });
  }

  async remove(node: NodeRef): Promise<void> {
    this.service.execute({ op: 'remove', node });
  }

  async install(published: PublishedTopology): Promise<void> {
    this.service.execute({ op: 'install', published });
    this.world.install(published);
  }

  async activate(version: number): Promise<void> {
    this.service.execute({ op: 'activate', version });
  }

  async retire(wireId: WireId): Promise<void> {
    this.service.execute({ op: 'retire', wireId });
  }

  async repin(from: WireId, target: WireTarget): Promise<void> {
    this.service.execute({ op: 'repin', from, target });
  }

  setReachable(node: NodeRef, reachable: boolean): void {
    this.world.setReachable(node, reachable);
  }

  inject(network: number, at: Micros, frameNo: number, write: FrameWriter): boolean {
    return this.world.inject(network, at, frameNo, write);
  }

  push(): void {
    this.world.publish();
  }

  async settle(now: Micros): Promise<void> {
    this.world.publish();
    do {
      this.service.run(now);
      this.world.drain();
    } while (!this.fabric.quiescent());
  }

  async tick(now: Micros): Promise<void> {
    this.service.execute({ op: 'tick', now });
  }

  async endFlows(now: Micros): Promise<void> {
    this.service.execute({ op: 'end', now });
  }

  async harvest(): Promise<GridHarvest> {
    const harvest = this.service.execute({ op: 'harvest' }).harvest!;
    return { ...harvest, taps: harvest.taps.map(({ record }) => record) };
  }

  async statistics(): Promise<NodeStatistics[]> {
    return [...this.service.execute({ op: 'statistics' }).statistics!];
  }

  async close(): Promise<void> {}
}
