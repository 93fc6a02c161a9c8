import type { Millis } from '../../../domain/base/ids';
import type { Bus } from '../../../domain/seams/bus';
import type { Clock, Timers } from '../../../domain/seams/clock';

/** How often the connection is looked at, milliseconds. */
const LOOK_MS = 250;
/** Without the bus for so long an MNODE is cut off from it: a server that is started again is back sooner. */
const LOST_MS = 3_000;

export interface BusWatchEvents {
  readonly lost: () => void;
  readonly found: () => void;
}

/** Tells when an MNODE has lost the bus for good, as far as anybody can know, and when it has it back. */
export class BusWatch {
  private since: Millis | undefined;
  private isLost = false;
  private stopTimer: () => void = () => undefined;

  constructor(
    private readonly bus: Pick<Bus, 'connected'>,
    private readonly time: Clock & Timers,
    private readonly events: BusWatchEvents,
  ) {
    this.look();
  }

  close(): void {
    this.stopTimer();
  }

  private look(): void {
    const now = this.time.now();
    if (this.bus.connected) {
      this.since = undefined;
      if (this.isLost) this.events.found();
      this.isLost = false;
    } else {
      this.since ??= now;
      if (!this.isLost && now - this.since >= LOST_MS) {
        this.isLost = true;
        this.events.lost();
      }
    }
    this.stopTimer = this.time.schedule(now + LOOK_MS, () => this.look());
  }
}
