import type { ControlPlane } from '../../control/control-plane';
import type { Clock, Timers } from '../../../domain/seams/clock';
import type { Seat } from './seat';

/** Pause before leadership that could not be taken is tried again, milliseconds. */
const RETRY_MS = 500;

export interface HelmEvents {
  /** This process leads: in the log, for the nodes, for commands. */
  readonly leading: () => Promise<void>;
  readonly standingBy: () => void;
  /** Taking over failed; it is tried again as long as this process is the elected one. */
  readonly failed: (error: unknown) => void;
}

/**
 * Keeps a control plane in the role that the election gives it, one step after another: what is told meanwhile counts
 * once the step under way has ended.
 */
export class Helm {
  private isElected = false;
  /** The log refused the last leadership: the election will say why, in a moment. */
  private wasDeposed = false;
  private isClosed = false;
  private turning: Promise<void> | undefined;
  private endPause: (() => void) | undefined;

  constructor(
    private readonly plane: ControlPlane,
    private readonly seat: Pick<Seat, 'take' | 'leave'>,
    private readonly time: Clock & Timers,
    private readonly events: HelmEvents,
  ) {}

  elected(): void {
    this.isElected = true;
    this.turn();
  }

  lost(): void {
    this.isElected = false;
    this.endPause?.();
    this.turn();
  }

  /**
   * The log refused the control plane, which has stood down. The election may not have told yet that another was chosen:
   * taking over again at once would fence the other in turn.
   */
  deposed(): void {
    this.wasDeposed = true;
    this.events.standingBy();
    this.turn();
  }

  /** Leads no more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.isElected = false;
    this.endPause?.();
    await this.turning;
  }

  private turn(): void {
    this.turning ??= this.run().finally(() => {
      this.turning = undefined;
      if (!this.isClosed && this.isOff()) this.turn();
    });
  }

  private isOff(): boolean {
    return this.isElected !== (this.plane.role === 'leading');
  }

  private async run(): Promise<void> {
    while (!this.isClosed && this.isOff()) {
      if (this.isElected) await this.lead();
      else await this.standBy();
    }
  }

  private async lead(): Promise<void> {
    if (this.wasDeposed) {
      this.wasDeposed = false;
      return this.pause();
    }
    try {
      // A writer that the log has refused before is of no use.
      await this.seat.leave();
      await this.seat.take();
      await this.plane.start();
      if (this.plane.role === 'leading') await this.events.leading();
    } catch (error) {
      this.events.failed(error);
      await this.pause();
    }
  }

  private async standBy(): Promise<void> {
    // Commands are refused, for another to answer, before the log is left: one that met a log without a writer would fail for good.
    const stoodDown = this.plane.standDown();
    await this.seat.leave();
    await stoodDown;
    this.events.standingBy();
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.time.schedule(this.time.now() + RETRY_MS, resolve);
      this.endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
