import { FlowgridError } from '../../domain/base/errors';
import type { GridState } from '../../domain/grid-state';
import type { Clock, Timers } from '../../domain/seams/clock';

interface Watcher {
  look(state: GridState): boolean;
  fail(error: unknown): void;
}

/** Whoever waits for the grid to be in some condition. */
export class Watchers {
  private readonly waiting = new Set<Watcher>();

  constructor(
    private readonly timers: Timers,
    private readonly clock: Clock,
    private readonly state: () => GridState,
  ) {}

  /** See ControlPlane.until. */
  until<Value>(
    look: (state: GridState) => Value | undefined,
    withinMs: number,
    cancelled?: AbortSignal,
  ): Promise<Value> {
    const found = look(this.state());
    if (found !== undefined) return Promise.resolve(found);
    if (cancelled?.aborted === true) return Promise.reject(interrupted());
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.waiting.delete(watcher);
        cancelTimer?.();
        cancelled?.removeEventListener('abort', onAbort);
      };
      const watcher: Watcher = {
        look: (state) => {
          const value = look(state);
          if (value === undefined) return false;
          end();
          resolve(value);
          return true;
        },
        fail: (error) => {
          end();
          reject(error);
        },
      };
      const onAbort = (): void => watcher.fail(interrupted());
      const expire = (): void =>
        watcher.fail(new FlowgridError('timeout', `the grid did not get there in ${withinMs} ms`));
      const cancelTimer = withinMs === Infinity ? undefined : this.timers.schedule(this.clock.now() + withinMs, expire);
      cancelled?.addEventListener('abort', onAbort);
      this.waiting.add(watcher);
    });
  }

  /** The state has changed. */
  look(): void {
    const state = this.state();
    for (const watcher of [...this.waiting]) watcher.look(state);
  }

  close(error: unknown): void {
    for (const watcher of [...this.waiting]) watcher.fail(error);
  }
}

function interrupted(): FlowgridError {
  return new FlowgridError('interrupted', 'waiting for the grid was cancelled');
}
