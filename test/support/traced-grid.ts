import { clusterOf, type Micros, type NodeRef } from '../../domain/base/ids';
import type { TopologyEvent } from '../../domain/events';
import type { Commit } from '../../domain/log/commit';
import type { TapRecord } from '../../domain/seams/tap';
import { AuditTrail, FlowsProjection, livesAt, overAt, type FlowRecord } from '../../projections';
import { Deaths } from '../../runtime/programs/trace/deaths';
import { Recomputation } from '../../runtime/programs/trace/recompute';
import { traceRecord, type TracedRoute } from '../../runtime/programs/trace/traced-route';
import { judgeLog, type Verdicts } from '../../projections/verdicts';
import { RandomGrid, type RandomGridOptions } from './random-grid';

/** Offsets in a descriptor (DESIGN.md section 6). */
const FLAGS = 24;
const FLOW_TYPE = 26;
const FLOW_ID = 28;
const COUNT = 40;
const LIST = 41;
const REEMITTED = 0x40;
const REVERSE = 0x10;
const REPLICA = 0x08;
/** Number of frames that nodes create. */
const CREATED = 0xffff_ffff;

/** What taps saw of one frame: when it entered, the nodes it met in the order of its path, and its copies. */
interface Visit {
  readonly frameNo: number;
  readonly flow: number;
  readonly at: Micros;
  isReemitted: boolean;
  /** Last seen of each place of the path, forward. */
  route: NodeRef[];
  /** Every node that it was sent to. */
  readonly reached: Set<NodeRef>;
  hasLeft: boolean;
}

/** Collects visits from taps, by reading descriptors as bytes. */
class Visits {
  readonly byFrame = new Map<number, Visit>();

  observe(record: TapRecord): void {
    if (record.kind === 'left') this.leave(record);
    // Frames that nodes themselves create share one number: nothing tells them apart.
    if (record.kind !== 'sent' || record.frameNo === CREATED) return;
    const { bytes, frameNo } = record;
    const descriptor = Buffer.from(bytes.subarray(bytes.length - bytes[bytes.length - 1]!));
    if (descriptor.readUInt16BE(FLOW_TYPE) === 0) return;
    const flow = descriptor.readUInt32BE(FLOW_ID);
    let visit = this.byFrame.get(frameNo);
    if (visit === undefined) {
      visit = { frameNo, flow, at: record.at, isReemitted: false, route: [], reached: new Set(), hasLeft: false };
      this.byFrame.set(frameNo, visit);
    }
    const route = Array.from({ length: descriptor[COUNT]! }, (_, i) => {
      const at = LIST + 2 * i;
      return (descriptor[at]! << 7) | (descriptor[at + 1]! & 0x7f);
    });
    // What is copied off for a cluster in mode `copy` may go before the next node is chosen.
    const isCopy = (descriptor[FLAGS]! & REPLICA) !== 0;
    if (!isCopy || visit.route.length === 0)
      visit.route = (descriptor[FLAGS]! & REVERSE) === 0 ? route : route.reverse();
    visit.isReemitted ||= (descriptor[FLAGS]! & REEMITTED) !== 0;
    visit.reached.add(record.to);
  }

  private leave(record: TapRecord): void {
    const visit = this.byFrame.get(record.frameNo);
    if (visit !== undefined) visit.hasLeft = true;
  }
}

/** What a frame met, or what `trace` says that it met. */
export interface Journey {
  readonly route: readonly string[] | undefined;
  /** Who got copies; undefined while not every neighbour knew of a death. */
  readonly copies: readonly string[] | undefined;
  /** Whether production selection agrees with the log; undefined like `copies`. */
  readonly agrees: boolean | undefined;
}

/** A random grid, what its taps saw, and the log of it. */
export class TracedGrid {
  readonly grid: RandomGrid;
  readonly commits: Commit<TopologyEvent>[] = [];
  readonly trail = new AuditTrail();
  readonly flows = new FlowsProjection();
  /** What the comparison has met. */
  readonly met = { frames: 0, moved: 0, backups: 0 };
  private readonly visits = new Visits();

  constructor(seed: number, options: RandomGridOptions = {}) {
    this.grid = new RandomGrid(seed, {
      ...options,
      onTap: (record) => this.visits.observe(record),
      onCommit: (commit) => {
        this.commits.push(commit);
        this.trail.apply(commit);
      },
      onFlowEvent: (_node, event, chain) => this.flows.apply(chain, event),
    });
  }

  async run(): Promise<void> {
    await this.grid.run();
  }

  /** Every frame that left the grid, as taps saw it and as `trace` tells it. */
  *compared(): Iterable<{ readonly frameNo: number; readonly forwarded: Journey; readonly traced: Journey }> {
    const selection = new Recomputation(this.commits, new Deaths(this.commits, this.flows));
    for (const visit of this.visits.byFrame.values()) {
      // What was held at a dead node went another way than it entered for: that is what the mark says.
      if (!visit.hasLeft || visit.isReemitted) continue;
      const record = this.lifeOf(visit);
      const tracedAt = (at: Micros): TracedRoute | undefined =>
        record && traceRecord(record, at, this.trail, selection);
      const traced = tracedAt(visit.at);
      const leftAt = this.grid.leftAt.get(visit.frameNo) ?? visit.at;
      const isSettled = leftAt === visit.at && !this.grid.isUnsettledAt(visit.at);
      const forwarded = this.forwarded(visit, isSettled);
      this.count(forwarded, traced);
      const told = journeyOf(traced, isSettled);
      const isDelayed = leftAt > visit.at;
      const route = isDelayed
        ? between(told.route, journeyOf(tracedAt(leftAt), false).route, forwarded.route)
        : told.route;
      yield {
        frameNo: visit.frameNo,
        forwarded: isSettled ? forwarded : { ...forwarded, route: this.withLost(visit, forwarded.route, route) },
        traced: { ...told, route },
      };
    }
  }

  /** What the log shows of itself: that no flow left a node that it was not on, however often and late it is told. */
  judged(): Pick<Verdicts, 'affinity' | 'pinnedTopology'> {
    const { names } = this.trail;
    const verdicts = judgeLog({ flows: this.flows.records(), names, snapshots: [], damage: undefined });
    return { affinity: verdicts.affinity, pinnedTopology: verdicts.pinnedTopology };
  }

  private forwarded({ route: named, reached }: Visit, isSettled: boolean): Journey {
    const { names } = this.trail;
    const route = named.map((ref) => metFor(ref, reached));
    const copies = [...reached].filter((ref) => !route.includes(ref)).map((ref) => names.node(ref));
    return {
      route: route.map((ref) => names.node(ref)),
      copies: isSettled ? copies.sort() : undefined,
      agrees: isSettled ? true : undefined,
    };
  }

  /**
   * Places that the frame reached nobody at: copies of it were lost with a node whose death was not known everywhere, and
   * only `trace` says whom they were for.
   */
  private withLost(
    { reached, route: named }: Visit,
    route: Journey['route'],
    told: Journey['route'],
  ): Journey['route'] {
    const inside = new Set([...reached].map((ref) => clusterOf(ref)));
    return route?.map((node, i) => {
      const isEnd = i === 0 || i === route.length - 1;
      return isEnd || inside.has(clusterOf(named[i]!)) ? node : (told?.[i] ?? node);
    });
  }

  private count({ copies }: Journey, traced: TracedRoute | undefined): void {
    this.met.frames++;
    if (traced?.route.some(({ why }) => /taken over|rerouted|mode was switched/.test(why)) === true) this.met.moved++;
    this.met.backups += copies?.length ?? 0;
  }

  /** The life of a flow that a frame belonged to: one that ended with the frame is still its. */
  private lifeOf({ flow, at }: Visit): FlowRecord | undefined {
    const lives = this.flows.find(flow);
    return lives.find((life) => livesAt(life, at)) ?? lives.find((life) => overAt(life) === at);
  }
}

/**
 * The route of a frame that waited inside of a node, for an acknowledgement or for another path: each place of it is what `trace` gives when
 * it entered, or when it left.
 */
function between(
  entering: Journey['route'],
  leaving: Journey['route'],
  taken: Journey['route'],
): readonly string[] | undefined {
  // It waited for its flow's path to change.
  if (entering?.length !== leaving?.length) return leaving;
  return entering?.map((node, i) => (leaving?.[i] === taken?.[i] ? leaving![i]! : node));
}

/** Lists go on naming who was to get copies first, also when it has died: then the node that copies were sent to counts. */
function metFor(named: NodeRef, reached: ReadonlySet<NodeRef>): NodeRef {
  const others = [...reached].filter((ref) => clusterOf(ref) === clusterOf(named));
  return reached.has(named) || others.length !== 1 ? named : others[0]!;
}

function journeyOf(traced: TracedRoute | undefined, isSettled: boolean): Journey {
  const backups = traced?.route.flatMap(({ backup }) => (backup === null ? [] : [backup]));
  return {
    route: traced?.route.map(({ node }) => node),
    copies: isSettled ? backups?.sort() : undefined,
    agrees: isSettled ? traced?.computed.every(({ agrees }) => agrees) : undefined,
  };
}
