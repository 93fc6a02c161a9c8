import { availableParallelism } from 'node:os';
import type { BenchResult } from '../result';
import { nodeRef } from '../../domain/base/ids';
import type { PublishedTopology } from '../../domain/topology/topology';
import { standingAlong } from '../../runtime/agent/placement';
import { WorkerHost } from '../../runtime/agent/worker-host';
import { median, seconds } from '../log/measure';
import { CoreTime } from './core-time';
import { establish, MemoryGrid, nsPerFrame } from './memory-grid';
import type { Recording, Traffic } from './recording';
import { sumOf, type StageCosts, type Stages } from './stages';
import { BEGIN_MS, NETWORKS } from './topology';

/** Frames that enter before the workers are told of them. */
const TOGETHER = 64;
/** Frames that are in the grid at most: enough that no worker waits while the world's thread has the other one's core. */
const WINDOW = 2048;
/** As in {@link MemoryGrid}: a quarter of a million frames a second of grid time. */
const FRAME_GAP_US = 4;
const BUDGET = 0.4;

/** How long the measurements are. */
export interface Size {
  readonly rounds: number;
  readonly frames: number;
  /** Batches of 64 frames by which each stage is timed. */
  readonly batches: number;
}

/** One thread: frames per second against what the sum of the stages' costs allows. */
export async function throughputInline(
  published: PublishedTopology,
  traffic: Traffic,
  stages: Stages,
  { rounds, frames, batches }: Size,
): Promise<BenchResult[]> {
  const grid = new MemoryGrid(published, { flows: stages.places });
  establish(grid, traffic);
  const measured: Measured[] = [];
  for (let round = -1; round < rounds; round++) {
    const costs = stages.measure(batches);
    const entered = grid.entered;
    const time = new CoreTime();
    const took = 1e9 * (await seconds(async () => void nsPerFrame(grid, traffic.established, frames)));
    const withheld = time.withheldHere();
    const sent = grid.entered - entered;
    grid.check();
    if (round >= 0) measured.push({ costs, ns: took / sent, coreNs: without(withheld, took) / sent });
  }
  const costs = measured.map((each) => each.costs);
  return [
    {
      name: 'stages of figure 4 alone, 64 B',
      unit: 'ns/frame',
      value: median(costs.map(sumOf)),
      note:
        `push ${of(costs, 'push')}, transit ${of(costs, 'transit')} twice, arrival ${of(costs, 'arrival')} twice ` +
        `(shadow, egress), recognition ${of(costs, 'recognition')}`,
    },
    judged('figure 4 in one thread, 64 B', measured, 1, true),
  ];
}

/** The grid in worker threads, the world in this one. */
export async function throughputOfWorkers(
  workers: number,
  published: PublishedTopology,
  traffic: Traffic,
  stages: Stages,
  { rounds, frames, batches }: Size,
): Promise<BenchResult> {
  const grid = await WorkerGrid.start(workers, published, stages.places);
  try {
    await grid.establish(traffic);
    const repeated = new Repeated(traffic.established);
    const measured: Measured[] = [];
    for (let round = -1; round < rounds; round++) {
      const costs = stages.measure(batches);
      const time = new CoreTime();
      const ns = (1e9 * (await seconds(() => grid.sendRepeated(repeated, frames)))) / frames;
      // More workers than cores wait for one another, which is the grid's own doing.
      const withheld = workers > availableParallelism() ? 0 : time.withheldFrom(workers) / frames;
      grid.check();
      if (round >= 0) measured.push({ costs, ns, coreNs: without(withheld, ns) });
    }
    const cores = Math.min(workers, availableParallelism());
    const plural = workers === 1 ? '1 worker' : `${workers} workers`;
    return judged(`figure 4 in ${plural}, 64 B`, measured, cores, workers < 4);
  } finally {
    await grid.close();
  }
}

/** A time but for the part withheld; waiting from before a very short measurement can be told during it, and counts not. */
function without(withheld: number, took: number): number {
  return withheld < took ? took - withheld : took;
}

interface Measured {
  readonly costs: StageCosts;
  /** Nanoseconds a frame on the clock, and without the time in which the grid had no core ({@link CoreTime}). */
  readonly ns: number;
  readonly coreNs: number;
}

function judged(name: string, measured: readonly Measured[], cores: number, isJudged: boolean): BenchResult {
  const value = median(measured.map(({ costs, coreNs }) => sumOf(costs) / (coreNs * cores)));
  const onClock = median(measured.map(({ costs, ns }) => sumOf(costs) / (ns * cores)));
  const budget = isJudged ? { budget: `≥ ${BUDGET}`, ok: value >= BUDGET } : {};
  const perSecond = 1e9 / median(measured.map(({ ns }) => ns));
  return {
    name,
    unit: 'frames/s',
    value: perSecond,
    ratio: { of: 'what its stages allow a core', value, ...budget },
    note: `${Math.round(perSecond / cores).toLocaleString('en-US')} a core; ${onClock.toFixed(2)} × with the time in which it had no core`,
  };
}

function of(costs: readonly StageCosts[], stage: keyof StageCosts): string {
  return median(costs.map((each) => each[stage])).toFixed(0);
}

/** Plays a recording again and again, each time where it stopped. */
class Repeated {
  private position = 0;

  constructor(readonly recording: Recording) {}

  next(): number {
    const index = this.position;
    this.position = (index + 1) % this.recording.length;
    return index;
  }
}

/** Figure 4 hosted by workers. */
class WorkerGrid {
  private now = BEGIN_MS * 1000;
  private nextRound = 0;
  private entered = 0;

  private constructor(
    private readonly host: WorkerHost,
    private readonly roundUs: number,
    private readonly left: { count: number },
  ) {}

  static async start(workers: number, published: PublishedTopology, places: number): Promise<WorkerGrid> {
    const left = { count: 0 };
    const { clusters, paths, timing, version } = published.topology;
    const placed = clusters.map(({ id, failure, members }) => ({
      id,
      failure,
      nodes: members.map(({ node }) => node),
    }));
    const host = await WorkerHost.start({
      secret: new Uint8Array(32).fill(7),
      workers,
      slots: 1 << 15,
      bytes: 768 << 20,
      limits: { flows: places, connections: places },
      baseDirectory: process.cwd(),
      taps: false,
      standing: standingAlong(placed, paths),
      output: () => left.count++,
    });
    for (const { id, role, members } of clusters) {
      if (role === 'mnode') continue;
      for (const { node, incarnation } of members) await host.add(nodeRef(id, node), incarnation, role);
    }
    await host.install(published);
    await host.activate(version);
    return new WorkerGrid(host, timing.helloMs * 1000, left);
  }

  async establish({ first, handshake }: Traffic): Promise<void> {
    await this.send(
      first,
      Array.from({ length: first.length }, (_, i) => i),
    );
    const answers: number[] = [];
    const rest: number[] = [];
    for (let i = 0; i < handshake.length; i++) (handshake.side(i) === 1 ? answers : rest).push(i);
    await this.send(handshake, answers);
    await this.send(handshake, rest);
    this.check();
  }

  async sendRepeated(repeated: Repeated, frames: number): Promise<void> {
    for (let i = 0; i < frames; i++) {
      const waiting = this.step(repeated.recording, repeated.next());
      if (waiting !== undefined) await waiting;
    }
    await this.host.settle(this.now);
  }

  check(): void {
    if (this.entered !== this.left.count) {
      throw new Error(`bench: ${this.entered} frames entered the workers and ${this.left.count} left`);
    }
  }

  close(): Promise<void> {
    return this.host.close();
  }

  private async send(recording: Recording, indexes: readonly number[]): Promise<void> {
    for (const index of indexes) {
      const waiting = this.step(recording, index);
      if (waiting !== undefined) await waiting;
    }
    await this.host.settle(this.now);
  }

  /** One frame; a promise when the world has to wait for the grid. */
  private step(recording: Recording, index: number): Promise<void> | undefined {
    this.now += FRAME_GAP_US;
    if (!this.inject(recording, index)) return this.stepAfterRest(recording, index);
    if (this.now >= this.nextRound) return this.beat();
    if (this.entered % TOGETHER !== 0) return undefined;
    this.host.push(this.now);
    return this.entered - this.left.count < WINDOW ? undefined : this.host.settle(this.now, WINDOW >> 1);
  }

  private inject(recording: Recording, index: number): boolean {
    const side = recording.side(index);
    const write = (target: Uint8Array, at: number): number => recording.copyTo(index, target, at);
    if (!this.host.inject(NETWORKS[side], this.now, this.entered, write)) return false;
    this.entered++;
    return true;
  }

  private async stepAfterRest(recording: Recording, index: number): Promise<void> {
    await this.host.settle(this.now);
    if (!this.inject(recording, index)) throw new Error('bench: the grid is at rest and takes no frame');
  }

  private async beat(): Promise<void> {
    await this.host.settle(this.now);
    await this.host.tick(this.now);
    this.nextRound = this.now + this.roundUs;
  }
}
