import type { Micros } from '../../../domain/base/ids';

/** How fast frames are sent. */
export interface Pace {
  /** Times the source's own speed, or as fast as possible. */
  readonly speed: number | 'max';
  /** Frames a second, evenly, instead of by their times. */
  readonly rate?: number;
}

/** Says when frames are due that are sent from `began` on. */
export class Pacing {
  private first: Micros | undefined;

  constructor(
    private readonly pace: Pace,
    private readonly began: Micros,
  ) {}

  /** When the frame behind `sent` others is due, whose time by the source's clock is `time`. */
  dueAt(sent: number, time: Micros): Micros {
    const { rate, speed } = this.pace;
    if (rate !== undefined) return this.began + (sent * 1e6) / rate;
    if (speed === 'max') return this.began;
    this.first ??= time;
    return this.began + (time - this.first) / speed;
  }
}
