import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import { COMMAND_LIFETIME_MS } from '../../../domain/commands';
import type { Probe } from '../../../domain/probe/events';
import { CONTROL_NAMES } from '../../../dataplane/node/control-frames';
import type { DescriptorNames } from '../../../dataplane/descriptor/text';
import type { CaptureCounts } from '../../../dataplane/probes/capture-ring';
import { capturedFrames, type CapturedFrame } from '../../../dataplane/probes/captured-frames';
import type { ProbeProgress } from '../../agent/probe-desk';
import type { Mnodes } from '../leader-access';
import type { WallClock } from '../wall-clock';
import type { ProbeSource } from './source';

/** Pause before sources are asked again that had nothing, milliseconds. */
const PAUSE_MS = 40;
/** Probe IDs are drawn at random: collectors know nothing of each other. */
const PROBE_ID_MAX = 0xffff;
const DRAWS_MAX = 20;

/** What is to be captured. */
export interface CaptureOrder {
  readonly points: readonly string[];
  readonly view: Probe['view'];
  readonly filter?: string;
  readonly ringBytes?: number;
  /** Ends after so many milliseconds. */
  readonly withinMs?: number;
}

/** One capture over all points, wherever they are hosted. */
export class Collector {
  /** Of all points, as they were told last. */
  readonly counts = new Map<number, CaptureCounts>();
  private isOver = false;

  private constructor(
    readonly probes: readonly Probe[],
    readonly names: DescriptorNames,
    /** The principal, as the log records it. */
    readonly by: string,
    private readonly sources: readonly ProbeSource[],
    private readonly mnodes: Mnodes,
    private readonly clock: WallClock,
  ) {}

  /**
   * Attaches the points: first in the log, then where nodes are hosted.
   *
   * @throws FlowgridError `rejected` when nobody may or can attach them, `not-found` for points that are not there.
   */
  static async attach(
    sources: readonly ProbeSource[],
    mnodes: Mnodes,
    clock: WallClock,
    order: CaptureOrder,
  ): Promise<Collector> {
    const { places, clusters, by } = await sources[0]!.places(order.points);
    const names = namesOf(new Map(clusters));
    const collector = `${by}/${randomInt(0x1_0000).toString(16).padStart(4, '0')}`;
    const { view, filter, ringBytes } = order;
    const more = { ...(filter === undefined ? {} : { filter }), ...(ringBytes === undefined ? {} : { ringBytes }) };
    const probes: Probe[] = [];
    const it = new Collector(probes, names, by, sources, mnodes, clock);
    try {
      for (const place of places) probes.push(await it.record({ ...place, view, collector, ...more }));
      for (const source of sources) await source.open(probes);
      return it;
    } catch (error) {
      await it.forget();
      throw error;
    }
  }

  /** Hands over frames in the order of time, as far as sources told them, until it is over, or `take` says so. */
  async run(
    order: CaptureOrder,
    interrupted: AbortSignal,
    take: (frames: readonly CapturedFrame[]) => Promise<boolean>,
  ): Promise<void> {
    const until = order.withinMs === undefined ? Infinity : this.clock.now() + order.withinMs;
    while (!this.isOver && !interrupted.aborted && this.clock.now() < until) {
      const frames = await this.round();
      if (!(await take(frames))) return;
      if (frames.length > 0) continue;
      const pause = Math.min(PAUSE_MS, Math.max(0, until - this.clock.now()));
      await delay(pause, undefined, { signal: interrupted }).catch(() => undefined);
    }
    await Promise.all(this.sources.map((source) => source.stop().catch(ignoreGone)));
    // What was captured up to then, and not read yet.
    while (!this.isOver) {
      const frames = await this.round();
      if (frames.length === 0 || !(await take(frames))) return;
    }
  }

  /** Detaches the points, here and in the log. Sources that are gone have no points any more. */
  async detach(): Promise<void> {
    for (const source of this.sources) {
      const progress = await source.close().catch(ignoreGone);
      if (progress !== undefined) this.note([progress]);
    }
    await this.forget();
  }

  private async round(): Promise<CapturedFrame[]> {
    const answers = await Promise.all(this.sources.map((source) => source.read().catch(ignoreGone)));
    const heard = answers.filter((answer) => answer !== undefined);
    this.note(heard.map(({ progress }) => progress));
    const frames = heard.flatMap(({ records }) => capturedFrames(records));
    // A grid that ends waits until all is read; one that is gone has nothing more.
    if (frames.length === 0 && heard.every(({ progress }) => progress.isEnding)) this.isOver = true;
    return heard.length > 1 ? frames.sort((a, b) => a.time - b.time) : frames;
  }

  /** Adds up what sources have counted. */
  private note(progress: readonly ProbeProgress[]): void {
    const sums = new Map<number, CaptureCounts>();
    for (const { probe, captured, dropped } of progress.flatMap(({ counts }) => counts)) {
      const sum = sums.get(probe) ?? { captured: 0, dropped: 0 };
      sums.set(probe, { captured: sum.captured + captured, dropped: sum.dropped + dropped });
    }
    for (const [probe, sum] of sums) this.counts.set(probe, sum);
  }

  /** Has the log record a point, under an ID that nobody has. */
  private async record(probe: Omit<Probe, 'id'>): Promise<Probe> {
    for (let draw = 1; ; draw++) {
      const data = { id: 1 + randomInt(PROBE_ID_MAX), ...probe };
      const outcome = await this.submit({ type: 'AttachProbe', data });
      if (outcome.status !== 'rejected') return data;
      const { reason, message } = outcome.rejection;
      if (reason === 'exists' && draw < DRAWS_MAX) continue;
      throw new FlowgridError(reason === 'not-found' ? 'not-found' : 'rejected', message);
    }
  }

  private async forget(): Promise<void> {
    for (const { id } of this.probes) {
      await this.submit({ type: 'DetachProbe', data: { probe: id } }).catch(ignoreGone);
    }
  }

  private submit(body: Parameters<Mnodes['submit']>[0]['body']): ReturnType<Mnodes['submit']> {
    const { mnodes, clock, by } = this;
    const id = `probe/${randomInt(2 ** 47).toString(36)}`;
    return mnodes.submit({ id, by, deadline: clock.now() + COMMAND_LIFETIME_MS / 6, body });
  }
}

function namesOf(clusters: ReadonlyMap<number, string>): DescriptorNames {
  return { cluster: (id) => clusters.get(id) ?? String(id), control: (kind) => CONTROL_NAMES[kind] };
}

/** Nothing is left to be done where nobody is any more. */
function ignoreGone(error: unknown): undefined {
  if (isFlowgridError(error) && ['not-found', 'closed', 'timeout'].includes(error.code)) return undefined;
  throw error;
}
