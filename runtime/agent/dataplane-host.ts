import type { Incarnation, Micros, NodeRef, WireId } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { TapRecord } from '../../domain/seams/tap';
import type { ClusterRole, PublishedTopology } from '../../domain/topology/topology';
import type { NodeLimits } from '../../dataplane/node/node-group';
import type { WireTarget } from '../../dataplane/node/repin';
import type { Harvest } from './group-service';
import type { Standing } from './placement';

/** A frame to be put into a slot: writes at most `room` bytes to `target` at `at`, and returns how many it wrote. */
export type FrameWriter = (target: Uint8Array, at: number, room: number) => number;

/** Takes each frame that leaves the grid: `bytes[start … start + length)` is valid during the call only. */
export type FrameSink = (
  network: number,
  at: Micros,
  frameNo: number,
  bytes: Uint8Array,
  start: number,
  length: number,
) => void;

/** What hosted nodes are made of, however they are driven. */
export interface NodeHostOptions {
  /** The grid's secret, from which node keys are derived. */
  readonly secret: Uint8Array;
  readonly kernels?: 'wasm' | 'ts';
  readonly limits?: Partial<NodeLimits>;
  /** Frame slots; bounds what may be under way and held at once. */
  readonly slots: number;
  /** Bytes for tables and rings. */
  readonly bytes: number;
  /** What relative paths of function modules start from: the grid file's folder. */
  readonly baseDirectory: string;
  /** Where function packages are installed; absent: none can be run. */
  readonly packages?: string;
  readonly taps: boolean;
  /** The wall clock, microseconds since 1970, for what probes capture; absent: they note the grid time. */
  readonly wallClock?: () => Micros;
}

export interface DataplaneOptions extends NodeHostOptions {
  readonly workers: number;
  /** Where on the way of the traffic nodes stand, so that neighbours share a worker; asked when a node is added. */
  readonly standing?: Standing;
  readonly output: FrameSink;
}

/** What a harvest of all groups gives; taps merged into one order. */
export interface GridHarvest extends Omit<Harvest, 'taps'> {
  readonly taps: readonly TapRecord[];
}

/** Nodes hosted somewhere, as whoever governs them sees them: in this thread or in workers, stepped or in real time. */
export interface NodeHost {
  readonly kernels: 'wasm' | 'ts';
  add(node: NodeRef, incarnation: Incarnation, role: ClusterRole): Promise<void>;
  /** Function, tables and queues are gone at once; nobody is told. */
  kill(node: NodeRef): Promise<void>;
  revive(node: NodeRef, incarnation: Incarnation): Promise<void>;
  remove(node: NodeRef): Promise<void>;
  /** Installs a topology on every node; resolved = acknowledged by all. */
  install(published: PublishedTopology): Promise<void>;
  activate(version: number): Promise<void>;
  retire(wireId: WireId): Promise<void>;
  /** Flows that carry `from` begin to move to the target's wire ID, their nodes unchanged; harvests show when none is left. */
  repin(from: WireId, target: WireTarget): Promise<void>;
  /** The external networks find an INODE dead (or back), as their switches would. */
  setReachable(node: NodeRef, reachable: boolean): void;
  /** The grid is taken down in good order: every flow ends, and its events can be harvested when all has settled. */
  endFlows(now: Micros): Promise<void>;
  /** Resolves when every frame here has left, ended, or is held. */
  settle(now: Micros): Promise<void>;
  /** What happened since the last harvest. */
  harvest(): Promise<GridHarvest>;
  /** What every hosted node counted, dead ones included, in order of node. Looks at every flow: for reports, not for ticks. */
  statistics(): Promise<NodeStatistics[]>;
  close(): Promise<void>;
}

/**
 * The nodes of one machine, moved by a driver that steps them: topologies and ticks, then `inject`, then `settle`, which
 * returns when nothing is under way any more.
 */
export interface DataplaneHost extends NodeHost {
  /**
   * A frame arrives at an external network. False: no slot or no room in a ring; settle and try again.
   */
  inject(network: number, at: Micros, frameNo: number, write: FrameWriter): boolean;
  /** Starts what was injected on its way, without waiting for it, and takes what has left by now. */
  push(now: Micros): void;
  /** As above; or, to keep a queue short, resolves when at most `underWay` frames have not. */
  settle(now: Micros, underWay?: number): Promise<void>;
  /** One hello round, if a hello interval has passed. */
  tick(now: Micros): Promise<void>;
}
