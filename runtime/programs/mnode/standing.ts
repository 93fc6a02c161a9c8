import type { CandidacyListener } from '../../../adapters/log/kafka';
import type { Clock, Timers } from '../../../domain/seams/clock';
import type { Seat } from './seat';

/** Pause before standing again that failed is tried again, milliseconds. */
const RETRY_MS = 500;

/** Stands for leadership or withdraws, as it is told, one step after another; what cannot be done yet is tried again. */
export class Standing {
  private wanted = true;
  private stands = false;
  private isClosed = false;
  private turning: Promise<void> | undefined;

  constructor(
    private readonly seat: Pick<Seat, 'stand' | 'withdraw'>,
    private readonly listener: CandidacyListener,
    private readonly time: Clock & Timers,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** Stands for the first time. @throws FlowgridError what keeps it from that. */
  async begin(): Promise<void> {
    await this.seat.stand(this.listener);
    this.stands = true;
    this.want(this.wanted);
  }

  want(wanted: boolean): void {
    this.wanted = wanted;
    if (this.isClosed) return;
    this.turning ??= this.turn().finally(() => (this.turning = undefined));
  }

  /** Resolves when no step is under way. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.turning;
  }

  private async turn(): Promise<void> {
    while (!this.isClosed && this.wanted !== this.stands) {
      try {
        await this.step(this.wanted);
        this.stands = !this.stands;
      } catch (error) {
        this.failed(error);
        await new Promise<void>((go) => this.time.schedule(this.time.now() + RETRY_MS, go));
      }
    }
  }

  private async step(stand: boolean): Promise<void> {
    if (stand) return this.seat.stand(this.listener);
    if (await this.seat.withdraw()) this.listener.lost();
  }
}
