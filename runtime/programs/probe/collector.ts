import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import { COMMAND_LIFETIME_MS } from '../../../domain/commands';
import type { Probe } from '../../../domain/probe/events';
import { CONTROL_NAMES } from '../../../dataplane/node/control-frames';
import type { DescriptorNames } from '../../../dataplane/descriptor/text';
import type { CaptureCounts } from '../../../dataplane/probes/capture-ring';
import { capturedFrames, type CapturedFrame } from '../../../dataplane/probes/captured-frames';
import { restored } from '../../../dataplane/probes/restore';
import type { ProbePlaces, ProbeProgress } from '../../agent/probe-desk';
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
  /** Who hosted nodes and does not answer any more. */
  readonly gone = new Set<ProbeSource>();
  private readonly progress = new Map<ProbeSource, ProbeProgress>();
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
    const { places, clusters, by } = await firstAnswer(sources, order.points);
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
    await Promise.all(this.present().map((source) => source.stop().catch(this.goneIf(source))));
    // What was captured up to then, and not read yet.
    while (!this.isOver) {
      const frames = await this.round();
      if (frames.length === 0 || !(await take(frames))) return;
    }
  }

  /** A frame as its point's view has it; undefined where there is no such frame. */
  shown(frame: CapturedFrame): Uint8Array | undefined {
    const view = this.probes.find(({ id }) => id === frame.probe)?.view;
    return view === 'raw' ? frame.bytes : view && restored(frame);
  }

  /** Detaches the points, here and in the log. Sources that are gone have no points any more. */
  async detach(): Promise<void> {
    for (const source of this.present()) {
      const progress = await source.close().catch(ignoreGone);
      if (progress !== undefined) this.note(source, progress);
    }
    await this.forget();
  }

  private async round(): Promise<CapturedFrame[]> {
    let isEnding = true;
    const read = async (source: ProbeSource): Promise<CapturedFrame[]> => {
      const answer = await source.read().catch(this.goneIf(source));
      if (answer === undefined) return [];
      this.note(source, answer.progress);
      isEnding &&= answer.progress.isEnding;
      return capturedFrames(answer.records);
    };
    const frames = (await Promise.all(this.present().map(read))).flat();
    // A grid that ends waits until all is read; one that is gone has nothing more.
    if (frames.length === 0 && isEnding) this.isOver = true;
    return this.sources.length > 1 ? frames.sort((a, b) => a.time - b.time) : frames;
  }

  private present(): ProbeSource[] {
    return this.sources.filter((source) => !this.gone.has(source));
  }

  private goneIf(source: ProbeSource): (error: unknown) => undefined {
    return (error) => {
      this.gone.add(source);
      return ignoreGone(error);
    };
  }

  /** Keeps what a source has counted, and adds up what all have. */
  private note(source: ProbeSource, progress: ProbeProgress): void {
    this.progress.set(source, progress);
    this.counts.clear();
    for (const { probe, captured, dropped } of [...this.progress.values()].flatMap(({ counts }) => counts)) {
      const sum = this.counts.get(probe) ?? { captured: 0, dropped: 0 };
      this.counts.set(probe, { captured: sum.captured + captured, dropped: sum.dropped + dropped });
    }
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

/** What the first source says that knows a topology. */
async function firstAnswer(sources: readonly ProbeSource[], points: readonly string[]): Promise<ProbePlaces> {
  for (const [place, source] of sources.entries()) {
    try {
      return await source.places(points);
    } catch (error) {
      const mayOtherKnow = isFlowgridError(error) && (error.canRetry || error.code === 'timeout');
      if (!mayOtherKnow || place === sources.length - 1) throw error;
    }
  }
  throw new FlowgridError('closed', 'nobody hosts nodes');
}

function namesOf(clusters: ReadonlyMap<number, string>): DescriptorNames {
  return { cluster: (id) => clusters.get(id) ?? String(id), control: (kind) => CONTROL_NAMES[kind] };
}

/** Nothing is left to be done where nobody is any more. */
function ignoreGone(error: unknown): undefined {
  if (isFlowgridError(error) && ['not-found', 'closed', 'timeout'].includes(error.code)) return undefined;
  throw error;
}
