import type { Micros } from '../../../domain/base/ids';
import { FRAME_MAX } from '../../../dataplane/frames/layout';
import { copyAsEthernet, ethernetLength } from '../../../dataplane/packet-ports/capture/ethernet';
import { openCapture, type CaptureReader, type CaptureReadError } from '../../../dataplane/packet-ports/capture/reader';
import type { DataplaneHost } from '../../agent/dataplane-host';
import { ANY_HOSTS, Causality, hostPair, Outstanding } from './causality';
import type { Conductor } from './conductor';
import type { Entrances } from './entrances';
import type { ScheduledAction } from './schedule';

/** Frames fed in before the grid comes to rest, at most. */
const BATCH = 64;

export interface FeedOptions {
  readonly capture: string;
  /** Side of each frame (planSides). */
  readonly sides: Uint8Array;
  /** Which external network each frame enters at. */
  readonly entrances: Entrances;
  /** Added to every frame's time, so that grid time goes on over captures. */
  readonly shift: Micros;
  readonly actions: readonly ScheduledAction[];
  readonly act: (action: ScheduledAction, frameNo: number) => Promise<void>;
  /** Waits until a frame of this time is due, at the speed asked for; returns at once at full speed. */
  readonly pace: (time: Micros) => Promise<void> | undefined;
  /** Hello rounds after which a death has been noticed by everybody, with a margin. */
  readonly roundsToNotice: number;
  readonly interrupted: AbortSignal;
}

export interface FeedResult {
  readonly frames: number;
  /** Frames longer than a slot, which were dropped before they entered. */
  readonly oversize: number;
  /** Frames for networks none of whose INODEs lived. */
  readonly unreachable: number;
  readonly readError: CaptureReadError | null;
}

/** Latest time that is believed of a frame, microseconds since 1970 (the year 2112); damaged files claim any. */
const TIME_MAX = 2 ** 52;

/** Whether a frame's time can be grid time; a frame with another counts as arriving now. */
export function believable(time: Micros): boolean {
  return time >= 0 && time <= TIME_MAX;
}

/** Feeds a capture into a grid, frame by frame in the file's order, in grid time. */
export class Feed {
  private readonly causality = new Causality();
  private readonly outstanding = new Outstanding();
  /** Hello round until which a death may be unnoticed: frames may be held that nobody has seen yet. */
  private troubledUntil = 0;
  private readonly record: CaptureReader['record'];
  private readonly reader: CaptureReader;
  private readonly scratch = new Uint8Array(FRAME_MAX);
  private readonly write = (target: Uint8Array, at: number, room: number): number => {
    const length = Math.min(this.length, room);
    target.set(this.scratch.subarray(0, length), at);
    return length;
  };
  private length = 0;
  private inBatch = 0;
  private nextAction = 0;

  constructor(
    private readonly conductor: Conductor,
    private readonly host: DataplaneHost,
    private readonly options: FeedOptions,
  ) {
    this.reader = openCapture(options.capture);
    this.record = this.reader.record;
  }

  /** Feeds everything, or until interrupted. */
  async run(): Promise<FeedResult> {
    const { options, reader, record } = this;
    let frames = 0;
    let oversize = 0;
    let unreachable = 0;
    try {
      while (!options.interrupted.aborted && reader.next()) {
        const time = believable(record.time) ? record.time + options.shift : this.conductor.now;
        await options.pace(time);
        if (this.conductor.rounds < this.troubledUntil) await this.beforeSilence(time);
        await this.conductor.advance(time);
        if (this.nextAction < options.actions.length) await this.actOn(frames);
        if (ethernetLength(record) > FRAME_MAX) oversize++;
        else if (!(await this.feed(frames))) unreachable++;
        frames++;
      }
      await this.rest();
      return { frames, oversize, unreachable, readError: reader.readError };
    } finally {
      reader.close();
    }
  }

  private async actOn(frameNo: number): Promise<void> {
    for (;;) {
      const action = this.options.actions[this.nextAction];
      if (action === undefined || action.atFrame > frameNo) return;
      this.nextAction++;
      await this.letGoOfTheOld();
      this.host.push(this.conductor.now);
      await this.options.act(action, frameNo);
      if (action.action.kind === 'kill') this.troubledUntil = this.conductor.rounds + this.options.roundsToNotice;
    }
  }

  /** False: no INODE of the network lives, or its queue is full although the grid is at rest. */
  private async feed(frameNo: number): Promise<boolean> {
    const side = this.options.sides[frameNo] ?? 0;
    this.length = copyAsEthernet(this.record, this.scratch, 0, FRAME_MAX);
    const hosts = hostPair(this.scratch, 0, this.length);
    if (this.conductor.rounds < this.troubledUntil) await this.untilItCanBeAnswered(side, hosts);
    if (this.inBatch >= BATCH || this.causality.mustWait(side, hosts)) await this.rest();
    const network = this.options.entrances.networkOf(side, this.scratch, this.length, this.capturedOn());
    if (!this.host.inject(network, this.conductor.now, frameNo, this.write)) {
      await this.rest();
      if (!this.host.inject(network, this.conductor.now, frameNo, this.write)) return false;
    }
    this.causality.fed(side, hosts);
    this.outstanding.entered(frameNo, side, hosts);
    this.inBatch++;
    return true;
  }

  /** The interface on which the frame at hand was captured. */
  private capturedOn(): string {
    return this.reader.interfaces[this.record.interfaceId]?.name ?? '';
  }

  /** A frame has left the grid. */
  left(frameNo: number): void {
    this.outstanding.left(frameNo);
  }

  /** What backups hold from before a silent gap is long settled when something happens after it. */
  private async letGoOfTheOld(): Promise<void> {
    const { rounds, gapAt } = this.conductor;
    if (rounds - gapAt < this.options.roundsToNotice) await this.conductor.idle(this.options.roundsToNotice);
  }

  /** Nodes go on saying hello in a silent gap: what a death holds up leaves at its beginning, and not after it. */
  private async beforeSilence(until: Micros): Promise<void> {
    if (this.conductor.isGap(until)) await this.untilItCanBeAnswered(0, ANY_HOSTS);
  }

  /** A host answers only what has reached it: waits, in grid time, for what the death of a node holds up. */
  private async untilItCanBeAnswered(side: number, hosts: number): Promise<void> {
    if (!this.outstanding.mayBeAnswered(side, hosts)) return;
    await this.rest();
    while (this.conductor.rounds < this.troubledUntil && this.outstanding.mayBeAnswered(side, hosts)) {
      await this.conductor.idle(1);
    }
  }

  private async rest(): Promise<void> {
    await this.host.settle(this.conductor.now);
    this.causality.rested();
    if (this.conductor.rounds >= this.troubledUntil) this.outstanding.giveUp();
    this.inBatch = 0;
  }
}
