import type { Incarnation, Micros, NodeRef, WireId } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { ClusterRole, PublishedTopology } from '../../domain/topology/topology';
import type { Arena } from '../../dataplane/frames/arena';
import type { WireTarget } from '../../dataplane/node/repin';
import type { Fabric } from '../../dataplane/rings/fabric';
import type { GridHarvest, NodeHost, NodeHostOptions } from './dataplane-host';
import type { Probe } from '../../domain/probe/events';
import { GroupService } from './group-service';
import { ProbeTaps, type ProbeHost, type ProbeTap } from './probe-taps';

/** The nodes of one group in this thread. Frames and time come from whoever extends it. */
export abstract class InlineNodes implements NodeHost, ProbeHost {
  readonly kernels: 'wasm' | 'ts';
  protected readonly service: GroupService;
  private readonly probes: ProbeTaps;

  /** Hosts group 0 of the fabric. `agent`: the name under which topologies place members here, in a grid of several agents. */
  constructor(arena: Arena, fabric: Fabric, options: NodeHostOptions, agent?: string) {
    const setup = {
      group: 0,
      fabric: fabric.share(),
      secret: options.secret,
      keyEpoch: 1,
      baseDirectory: options.baseDirectory,
      tapOrder: options.taps ? arena.allocate(64) : 0,
      ...(options.kernels === undefined ? {} : { kernels: options.kernels }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(options.packages === undefined ? {} : { packages: options.packages }),
      ...(agent === undefined ? {} : { agent }),
    };
    this.service = new GroupService(arena, setup, options.wallClock);
    this.probes = new ProbeTaps(arena, 1, async (_, command) => void this.service.execute(command));
    this.kernels = this.service.kernels;
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

  /** Whom the nodes here do not hear any more: by node, the latest life known of it. */
  mute(): Map<NodeRef, Incarnation> {
    return this.service.mute();
  }

  attachProbe(probe: Probe, network: number): Promise<ProbeTap> {
    return this.probes.attachProbe(probe, network);
  }

  abstract setReachable(node: NodeRef, reachable: boolean): void;

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

  abstract settle(now: Micros): Promise<void>;

  abstract close(): Promise<void>;
}
