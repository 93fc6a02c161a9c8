import type { Millis } from '../../../domain/base/ids';
import type { Activities } from '../../../domain/seams/workflow-engine';
import { startTemporalWorker, type TemporalWorker } from '../../../workflows/temporal/worker';
import type { TemporalPlace } from './place';

export interface KeptWorkerHooks {
  readonly isClosed: () => boolean;
  /** One ended by itself or could not be started, and not for the same reason as the last; another is tried. */
  readonly failed: (why: string) => void;
}

/** Pause before a worker is started again, milliseconds. */
const AGAIN_AFTER_MS: Millis = 1_000;

/** A worker that is started again when it fails, as often as it takes. */
export class KeptWorker {
  private worker: TemporalWorker | undefined;
  private readonly over: Promise<void>;

  /** @param pause waits for so many milliseconds, or until it is closed. */
  constructor(
    private readonly place: TemporalPlace,
    private readonly activities: Activities,
    private readonly pause: (ms: Millis) => Promise<void>,
    private readonly hooks: KeptWorkerHooks,
  ) {
    this.over = this.keep();
  }

  /** Takes no new work; resolves when what runs has stopped. Call once it is closed. */
  async stop(): Promise<void> {
    await this.worker?.stop().catch(() => undefined);
    await this.over;
  }

  private async keep(): Promise<void> {
    const { place, activities, hooks } = this;
    let told: string | undefined;
    while (!hooks.isClosed()) {
      try {
        const bundle = await place.bundle;
        this.worker = await startTemporalWorker({ ...place, bundle, activities });
        if (hooks.isClosed()) await this.worker.stop();
        await this.worker.stopped;
      } catch (error) {
        const why = (error as Error).message;
        if (!hooks.isClosed() && why !== told) hooks.failed(why);
        told = why;
      }
      this.worker = undefined;
      await this.pause(AGAIN_AFTER_MS);
    }
  }
}
