import { clusterOf, nodeOf, type Incarnation, type Micros, type NodeRef, type WireId } from '../../domain/base/ids';
import type { FlowEvent } from '../../domain/flow/events';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { TapRecord } from '../../domain/seams/tap';
import type { ClusterRole, PublishedTopology } from '../../domain/topology/topology';
import type { Arena } from '../../dataplane/frames/arena';
import { nodeKey } from '../../dataplane/descriptor/node-table';
import { FunctionRegistry } from '../../dataplane/functions/registry';
import { loadKernels } from '../../dataplane/kernels/load';
import { Fabric, type FabricShare } from '../../dataplane/rings/fabric';
import type { WireTarget } from '../../dataplane/node/repin';
import { NodeGroup, type Detection, type NodeLimits } from '../../dataplane/node/node-group';
import { packageBytes } from './package-store';
import type { ProbeCommand } from './probe-taps';

/** What can be asked of a group of nodes, wherever it runs: structured-cloneable, so that it can cross a thread. */
export type GroupCommand =
  | ProbeCommand
  | { readonly op: 'add'; readonly node: NodeRef; readonly incarnation: Incarnation; readonly role: ClusterRole }
  | { readonly op: 'kill'; readonly node: NodeRef }
  | { readonly op: 'revive'; readonly node: NodeRef; readonly incarnation: Incarnation }
  | { readonly op: 'remove'; readonly node: NodeRef }
  | { readonly op: 'install'; readonly published: PublishedTopology }
  | { readonly op: 'activate'; readonly version: number }
  | { readonly op: 'retire'; readonly wireId: WireId }
  | { readonly op: 'repin'; readonly from: WireId; readonly target: WireTarget }
  | { readonly op: 'tick'; readonly now: Micros }
  | { readonly op: 'end'; readonly now: Micros }
  | { readonly op: 'harvest' }
  | { readonly op: 'statistics' };

/** What one node observed about flows since the last harvest. */
export interface NodeEvents {
  readonly node: NodeRef;
  readonly events: readonly FlowEvent[];
  /** Events that followed these and that the node had to let go of, because nobody harvested in time. */
  readonly shed: number;
}

/** What happened in a group since the last harvest. */
export interface Harvest {
  readonly events: readonly NodeEvents[];
  readonly detections: readonly Detection[];
  readonly taps: readonly OrderedTap[];
  readonly liveWires: readonly WireId[];
}

/** What {@link GroupService.execute} may answer. */
export interface GroupAnswer {
  readonly harvest?: Harvest;
  readonly statistics?: readonly NodeStatistics[];
}

const DONE: GroupAnswer = {};

/** A tap record with its place in the order of all groups: taps of one grid are merged by it. */
export interface OrderedTap {
  readonly order: number;
  readonly record: TapRecord;
}

/** How a group is set up; the same in the main thread and in a worker. */
export interface GroupSetup {
  readonly group: number;
  readonly fabric: FabricShare;
  readonly secret: Uint8Array;
  readonly keyEpoch: number;
  readonly kernels?: 'wasm' | 'ts';
  readonly limits?: Partial<NodeLimits>;
  /** What relative paths of function modules start from: the grid file's folder. */
  readonly baseDirectory: string;
  /** Where function packages are installed; absent: none can be run. */
  readonly packages?: string;
  /** Name of the agent, in a grid of several. */
  readonly agent?: string;
  /** Address of the shared counter (i32) that orders tap records; 0 = no taps. */
  readonly tapOrder: number;
}

/** A group of nodes behind one call: {@link execute}. */
export class GroupService {
  readonly kernels: 'wasm' | 'ts';
  private readonly group: NodeGroup;
  private readonly registry: FunctionRegistry;
  private readonly fabric: Fabric;
  private taps: OrderedTap[] = [];

  /** @param wallClock microseconds since 1970, for what probes capture; absent: they note the grid time */
  constructor(arena: Arena, setup: GroupSetup, wallClock?: () => Micros) {
    const kernels = loadKernels(arena, setup.kernels);
    const { packages } = setup;
    this.registry = new FunctionRegistry(
      setup.baseDirectory,
      packages === undefined ? undefined : packageBytes(packages),
    );
    this.kernels = kernels.kind;
    this.fabric = Fabric.attach(arena, setup.fabric);
    this.group = new NodeGroup({
      arena,
      kernels,
      fabric: this.fabric,
      group: setup.group,
      nodeKey: (ref) => nodeKey(setup.secret, clusterOf(ref), nodeOf(ref), setup.keyEpoch),
      keyEpoch: setup.keyEpoch,
      createFunction: (spec, services) => this.registry.create(spec, services),
      ...(setup.limits === undefined ? {} : { limits: setup.limits }),
      ...(setup.agent === undefined ? {} : { agent: setup.agent }),
      ...(wallClock === undefined ? {} : { wallClock }),
      ...(setup.tapOrder === 0
        ? {}
        : {
            tap: (record: TapRecord) => {
              this.taps.push({ order: Atomics.add(arena.i32, setup.tapOrder >>> 2, 1), record });
            },
          }),
    });
  }

  /** Moves frames until nothing moves in this group; returns how many moved. */
  run(now: Micros): number {
    return this.group.run(now);
  }

  /** Moves at most one batch of frames per node on; returns how many moved. */
  step(now: Micros): number {
    return this.group.step(now);
  }

  /** Moves at most one batch of frames from external networks per node on; returns how many moved. */
  enter(now: Micros): number {
    return this.group.enter(now);
  }

  /** Whether frames were handed to nodes of other groups since the last call. */
  takeOutward(): boolean {
    return this.group.takeOutward();
  }

  /** Whether frames were handed to the world since the last call. */
  takeToWorld(): boolean {
    return this.group.takeToWorld();
  }

  /** When the next hello round is due; 0 before any topology is installed. */
  get dueRound(): Micros {
    return this.group.dueRound;
  }

  /** Whom the nodes do not hear any more. */
  mute(): Map<NodeRef, Incarnation> {
    return this.group.mute();
  }

  /** See {@link NodeGroup.deaths}. */
  get deaths(): number {
    return this.group.deaths;
  }

  holdsDead(node: NodeRef, incarnation: Incarnation): boolean {
    return this.group.holdsDead(node, incarnation);
  }

  isAlive(node: NodeRef): boolean {
    return this.group.isAlive(node);
  }

  /** Whether frames wait in a ring into this group. */
  hasFrames(): boolean {
    return this.group.hasFrames();
  }

  /** Whether all groups are at rest, but for frames that wait for the world to take them. */
  restsInside(): boolean {
    return this.fabric.restsInside();
  }

  /** Carries out one command. */
  execute(command: GroupCommand): GroupAnswer {
    switch (command.op) {
      case 'add':
        this.group.addNode(command.node, command.incarnation, command.role);
        return DONE;
      case 'kill':
        this.group.kill(command.node);
        return DONE;
      case 'revive':
        this.group.revive(command.node, command.incarnation);
        return DONE;
      case 'remove':
        this.group.removeNode(command.node);
        return DONE;
      case 'install':
        this.registry.know(command.published.topology.packages ?? []);
        this.group.install(command.published);
        return DONE;
      case 'activate':
        this.group.activate(command.version);
        return DONE;
      case 'retire':
        this.group.retire(command.wireId);
        return DONE;
      case 'repin':
        this.group.repin(command.from, command.target);
        return DONE;
      case 'attach-probe':
        this.group.attachProbe(command.point);
        return DONE;
      case 'detach-probe':
        this.group.detachProbe(command.probe);
        return DONE;
      case 'tick':
        this.group.tick(command.now);
        return DONE;
      case 'end':
        this.group.endFlows(command.now);
        return DONE;
      case 'harvest':
        return { harvest: this.harvest() };
      case 'statistics':
        return { statistics: this.group.nodes().map((node) => this.group.statistics(node)) };
    }
  }

  private harvest(): Harvest {
    const { group } = this;
    const { taps } = this;
    this.taps = [];
    const nodes = group.nodes();
    return {
      events: nodes
        .map((node) => ({ node, events: group.drainFlowEvents(node), shed: group.takeShedEvents(node) }))
        .filter(({ events, shed }) => events.length + shed > 0),
      detections: group.drainDetections(),
      taps,
      liveWires: group.reportLiveWireIds(),
    };
  }
}
