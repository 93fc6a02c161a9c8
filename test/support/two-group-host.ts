import type { Incarnation, Micros, NodeRef, WireId } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { ClusterRole, PublishedTopology } from '../../domain/topology/topology';
import { Arena } from '../../dataplane/frames/arena';
import type { NodeLimits } from '../../dataplane/node/node-group';
import type { WireTarget } from '../../dataplane/node/repin';
import { Fabric } from '../../dataplane/rings/fabric';
import type { DataplaneHost, FrameSink, FrameWriter, GridHarvest } from '../../runtime/agent/dataplane-host';
import { GroupService, type GroupCommand } from '../../runtime/agent/group-service';
import { WorldSide } from '../../runtime/agent/world-side';

export interface TwoGroupOptions {
  readonly secret: Uint8Array;
  /** The node that stands alone in the second group, and can be cut off. */
  readonly apart: NodeRef;
  readonly slots: number;
  readonly bytes: number;
  readonly limits: Partial<NodeLimits>;
  readonly output: FrameSink;
  /** Fetches what is live, oldest first, and the version that is stamped: for a node that comes back. */
  readonly fetch: () => Promise<{ readonly live: readonly PublishedTopology[]; readonly stamped: number }>;
}

/**
 * A dataplane in one thread whose nodes do not all hear the same: one of them has topologies of its own and, while it is
 * {@link cutOff}, is told of none. When it is revived it fetches what holds, as an agent does.
 */
export class TwoGroupHost implements DataplaneHost {
  readonly kernels: 'wasm' | 'ts';
  /** The node apart hears nothing of topologies. */
  cutOff = false;
  /** Publications that it missed. */
  missed = 0;
  private readonly groups: readonly [GroupService, GroupService];
  private readonly fabric: Fabric;
  private readonly world: WorldSide;
  private readonly wires = new Set<WireId>();

  constructor(private readonly options: TwoGroupOptions) {
    const arena = Arena.create({ slots: options.slots, bytes: options.bytes });
    this.fabric = Fabric.create(arena, 2, 4096);
    const tapOrder = arena.allocate(64);
    const service = (group: number): GroupService =>
      new GroupService(arena, {
        group,
        fabric: this.fabric.share(),
        secret: options.secret,
        keyEpoch: 1,
        baseDirectory: process.cwd(),
        tapOrder,
        limits: options.limits,
      });
    this.groups = [service(0), service(1)];
    this.kernels = this.groups[0].kernels;
    this.world = new WorldSide(arena, this.fabric, options.output);
  }

  async add(node: NodeRef, incarnation: Incarnation, role: ClusterRole): Promise<void> {
    this.groupOf(node).execute({ op: 'add', node, incarnation, role });
  }

  async kill(node: NodeRef): Promise<void> {
    this.groupOf(node).execute({ op: 'kill', node });
  }

  async revive(node: NodeRef, incarnation: Incarnation): Promise<void> {
    if (node === this.options.apart) await this.catchUp();
    this.groupOf(node).execute({ op: 'revive', node, incarnation });
  }

  async remove(node: NodeRef): Promise<void> {
    this.groupOf(node).execute({ op: 'remove', node });
  }

  async install(published: PublishedTopology): Promise<void> {
    if (this.cutOff) this.missed++;
    else this.wires.add(published.topology.wireId);
    this.tell({ op: 'install', published });
    this.world.install(published);
  }

  async activate(version: number): Promise<void> {
    this.tell({ op: 'activate', version });
  }

  async retire(wireId: WireId): Promise<void> {
    this.tell({ op: 'retire', wireId });
  }

  async repin(from: WireId, target: WireTarget): Promise<void> {
    this.tell({ op: 'repin', from, target });
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
      for (const group of this.groups) group.run(now);
      this.world.drain();
    } while (!this.fabric.quiescent());
  }

  async tick(now: Micros): Promise<void> {
    for (const group of this.groups) group.execute({ op: 'tick', now });
  }

  async endFlows(now: Micros): Promise<void> {
    for (const group of this.groups) group.execute({ op: 'end', now });
  }

  async harvest(): Promise<GridHarvest> {
    const [all, apart] = this.groups.map((group) => group.execute({ op: 'harvest' }).harvest!);
    const taps = [...all!.taps, ...apart!.taps].sort((a, b) => a.order - b.order);
    return {
      events: [...all!.events, ...apart!.events],
      detections: [...all!.detections, ...apart!.detections],
      taps: taps.map(({ record }) => record),
      liveWires: [...new Set([...all!.liveWires, ...apart!.liveWires])],
    };
  }

  async statistics(): Promise<NodeStatistics[]> {
    return this.groups.flatMap((group) => [...group.execute({ op: 'statistics' }).statistics!]);
  }

  async close(): Promise<void> {}

  private groupOf(node: NodeRef): GroupService {
    return this.groups[node === this.options.apart ? 1 : 0];
  }

  private tell(command: GroupCommand): void {
    this.groups[0].execute(command);
    if (!this.cutOff) this.groups[1].execute(command);
  }

  /** What holds is installed, and what it still knew under IDs that are free, or another's now, is forgotten. */
  private async catchUp(): Promise<void> {
    const { live, stamped } = await this.options.fetch();
    const group = this.groups[1];
    for (const published of live) group.execute({ op: 'install', published });
    group.execute({ op: 'activate', version: stamped });
    const holds = new Set(live.map(({ topology }) => topology.wireId));
    for (const wireId of this.wires) if (!holds.has(wireId)) group.execute({ op: 'retire', wireId });
    this.cutOff = false;
  }
}
