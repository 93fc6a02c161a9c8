import { nodeOf, type Incarnation, type Micros, type NodeRef } from '../../domain/base/ids';
import type { TopologyView } from '../select/topology-view';
import type { ControlCursor } from './control-frames';
import { CONGESTIONS, RECEIVED } from './counters';
import type { Node } from './node';

/** Reports that one hello carries at most; further ones follow in the next. */
const REPORTS_MAX = 128;
/** Paths of which one INODE tells the latency. */
const PATHS_MAX = 32;
/** Weight of the newest round in a running mean is 1 in this many. */
const MEAN_OF = 8;
/** Places of the flow table that are counted at each hello round. */
const COUNT_BUDGET = 4096;

/** What one node tells of itself ([0066 g], [0083]). */
export interface Report {
  readonly incarnation: Incarnation;
  /** Hello round of the reporting node in which it was made: a later one replaces it. */
  readonly round: number;
  /** Live flows that it handles as primary. */
  readonly flows: number;
  /** Per mille. */
  readonly utilisation: number;
  /** Mean time that frames had been in the grid when they reached it, microseconds; 0 = none came. */
  readonly latencyUs: number;
  readonly congested: boolean;
  /** INODEs: mean time from entering to leaving the grid here, by path ID, microseconds. */
  readonly paths: ReadonlyMap<number, number>;
}

/**
 * What nodes know of each other's load: each measures itself at its hello rounds, tells its neighbours in its hellos,
 * and passes on what it heard of others, so that an INODE knows of clusters it has no link with. All of it comes from
 * grid time and counts, never from the machine's clock. Where no selector, path policy or congestion limit asks for
 * figures, none are kept or sent.
 *
 * In a hello: count u16, then for each report: node u16, incarnation u32, round u32, flows u32, utilisation u16,
 * latency u32, congested u8, count of paths u8, and for each path its ID u16 and latency u32.
 */
export class Figures {
  utilisation = 0;
  congested = false;
  private readonly reports = new Map<NodeRef, Report>();
  private readonly pathLatency = new Map<number, number>();
  private latencyUs = 0;
  private rate = 0;
  private queue = 0;
  private receivedBefore = 0;
  private flows = 0;
  private counting = 0;
  private cursor = 0;
  private neededFor = 0;
  private needed = false;
  private first = 0;

  constructor(private readonly node: Node) {}

  /** Whether anybody wants figures, by the latest topology. */
  get areNeeded(): boolean {
    const view = this.node.ctx.topologies.latest;
    if (view === undefined) return false;
    if (view.topology.version !== this.neededFor) {
      this.neededFor = view.topology.version;
      this.needed = asksForFigures(view);
      for (const ref of this.reports.keys()) if (view.incarnationOf(ref) === 0) this.reports.delete(ref);
    }
    return this.needed;
  }

  /** What was heard of a node, in the life it has now. */
  of(ref: NodeRef): Report | undefined {
    return this.reports.get(ref);
  }

  /** Whether a node is known to be congested. */
  isCongested(ref: NodeRef): boolean {
    return ref === this.node.ref ? this.congested : this.reports.get(ref)?.congested === true;
  }

  /** Mean end-to-end latency of a path, as measured here or told by other INODEs, microseconds; 0 = none measured. */
  pathLatencyUs(path: number): number {
    let most = this.pathLatency.get(path) ?? 0;
    for (const report of this.reports.values()) most = Math.max(most, report.paths.get(path) ?? 0);
    return most;
  }

  /** Frames came in: how long the last of them had been under way, and how many still wait. */
  sample(tookUs: Micros): void {
    this.latencyUs = mean(this.latencyUs, tookUs);
  }

  /** Frames that waited in a queue of `capacity` places when some were taken out. */
  sampleQueue(waiting: number, capacity: number): void {
    this.queue = Math.max(this.queue, Math.floor((1000 * waiting) / capacity));
  }

  /** A frame of a flow on this path left the grid here. */
  samplePath(path: number, tookUs: Micros): void {
    if (this.pathLatency.size < PATHS_MAX || this.pathLatency.has(path)) {
      this.pathLatency.set(path, mean(this.pathLatency.get(path) ?? 0, tookUs));
    }
  }

  /** At each hello round: measures this node, which holds back `heldBytes` as shadow. */
  tick(heldBytes: number): void {
    if (!this.areNeeded) return;
    this.countFlows();
    this.measure(heldBytes);
  }

  /** Writes reports into a hello. */
  write(control: ControlCursor): void {
    if (!this.areNeeded) {
      control.u16(0);
      return;
    }
    const others = [...this.reports];
    const told = Math.min(others.length, REPORTS_MAX);
    control.u16(told + 1);
    writeReport(control, this.node.ref, this.ownReport());
    for (let i = 0; i < told; i++) {
      const [ref, report] = others[(this.first + i) % others.length];
      writeReport(control, ref, report);
    }
    if (others.length > REPORTS_MAX) this.first = (this.first + 1) % others.length;
  }

  /** Reads what {@link write} wrote; later reports replace earlier ones. */
  read(body: ControlCursor): void {
    const count = body.readU16();
    for (let i = 0; i < count; i++) {
      const ref = body.readU16();
      const report = readReport(body);
      if (ref === this.node.ref || !isNewer(report, this.reports.get(ref))) continue;
      this.reports.set(ref, report);
      this.node.routing.reported(ref, report.flows);
    }
  }

  private ownReport(): Report {
    return {
      incarnation: this.node.incarnation,
      round: this.node.ctx.round,
      flows: this.flows,
      utilisation: this.utilisation,
      latencyUs: this.latencyUs,
      congested: this.congested,
      paths: this.pathLatency,
    };
  }

  /** Some places of the flow table at a time, so that a large one costs no round much; a small one is counted whole. */
  private countFlows(): void {
    const { node } = this;
    const next = node.flows.scan(this.cursor, COUNT_BUDGET, (flow) => {
      if (node.emits(flow)) this.counting++;
    });
    if (next <= this.cursor) {
      this.flows = this.counting;
      this.counting = 0;
    }
    this.cursor = next;
  }

  private measure(heldBytes: number): void {
    const { node } = this;
    const view = node.ctx.topologies.latest;
    const congestion = view?.hasCluster(node.cluster) === true ? node.clusterIn(view).congestion : undefined;
    if (view === undefined || congestion === undefined) {
      this.utilisation = 0;
      this.congested = false;
      return;
    }
    const received = node.counters.values[RECEIVED];
    this.rate += Math.trunc((1000 * (received - this.receivedBefore) - this.rate) / MEAN_OF);
    this.receivedBefore = received;
    const { flows, holdBytes } = node.ctx.limits;
    this.utilisation = Math.min(
      1000,
      Math.max(
        Math.floor((1000 * node.flows.size) / flows),
        Math.floor((1000 * heldBytes) / holdBytes),
        this.queue,
        this.rateUsed(view, congestion.framesPerSecond),
      ),
    );
    this.queue = 0;
    const was = this.congested;
    this.congested = this.utilisation >= 10 * congestion.above || (was && this.utilisation > 10 * congestion.below);
    if (this.congested && !was) node.counters.values[CONGESTIONS]++;
  }

  /** Frames a round against what a node of this weight can take in a round, per mille. */
  private rateUsed(view: TopologyView, framesPerSecond: number | undefined): number {
    if (framesPerSecond === undefined) return 0;
    const { members } = this.node.clusterIn(view);
    const weight = members.find(({ node }) => node === nodeOf(this.node.ref))?.weight ?? 1;
    const perRound = (framesPerSecond * weight * view.topology.timing.helloMs) / 1000;
    return Math.floor(this.rate / perRound);
  }
}

/** A running mean in integers; the first value counts in full. */
function mean(before: number, value: number): number {
  return before === 0 ? Math.round(value) : Math.round(before + (value - before) / MEAN_OF);
}

function asksForFigures({ topology }: TopologyView): boolean {
  return (
    topology.clusters.some(
      ({ selector, congestion }) => congestion !== undefined || selector === 'least-flows' || selector === 'feedback',
    ) || topology.policies.some(({ criteria }) => criteria === 'fastest')
  );
}

function isNewer(report: Report, known: Report | undefined): boolean {
  if (known === undefined || report.incarnation > known.incarnation) return true;
  return report.incarnation === known.incarnation && report.round > known.round;
}

function writeReport(control: ControlCursor, ref: NodeRef, report: Report): void {
  control.u16(ref);
  control.u32(report.incarnation);
  control.u32(report.round);
  control.u32(report.flows);
  control.u16(report.utilisation);
  control.u32(report.latencyUs);
  control.u8(report.congested ? 1 : 0);
  control.u8(report.paths.size);
  for (const [path, latencyUs] of report.paths) {
    control.u16(path);
    control.u32(latencyUs);
  }
}

function readReport(body: ControlCursor): Report {
  const incarnation = body.readU32();
  const round = body.readU32();
  const flows = body.readU32();
  const utilisation = body.readU16();
  const latencyUs = body.readU32();
  const congested = body.readU8() === 1;
  const paths = new Map<number, number>();
  for (let left = body.readU8(); left > 0; left--) {
    const path = body.readU16();
    paths.set(path, body.readU32());
  }
  return { incarnation, round, flows, utilisation, latencyUs, congested, paths };
}
