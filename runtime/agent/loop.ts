import type { Clock, Timers } from '../../domain/seams/clock';

/**
 * Does something again and again: every so often, and as soon as it is poked; never twice at once. What fails is told,
 * and tried again when it is due.
 */
export class Loop {
  private running: Promise<void> | undefined;
  private isPoked = false;
  private cancel: (() => void) | undefined;
  private stopped = false;

  constructor(
    private readonly time: { readonly clock: Clock; readonly timers: Timers },
    private readonly everyMs: number,
    private readonly task: () => Promise<void> | void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Now, or as soon as what runs now is done. */
  poke(): void {
    if (this.stopped) return;
    this.isPoked = true;
    if (this.running !== undefined) return;
    this.cancel?.();
    this.running = this.run().finally(() => {
      this.running = undefined;
      this.arm();
    });
  }

  /** Resolves when nothing runs, and nothing will. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.isPoked = false;
    this.cancel?.();
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.isPoked) {
      this.isPoked = false;
      try {
        await this.task();
      } catch (error) {
        this.onError(error);
      }
    }
  }

  private arm(): void {
    if (this.stopped) return;
    const { clock, timers } = this.time;
    this.cancel = timers.schedule(clock.now() + this.everyMs, () => this.poke());
  }
}
