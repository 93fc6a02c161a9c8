import { Loads } from '../../actors/loads';
import { Observations } from '../../actors/observations';
import type { World } from '../../actors/reactions';
import type { Millis } from '../../domain/base/ids';
import type { GridState } from '../../domain/grid-state';
import type { FoldedLog } from './folded-log';
import type { ControlPlaneOptions } from './options';

/** All that reactions look at: what the log says, and what nodes and loads tell, which no log keeps. */
export class WorldView {
  readonly observed = new Observations();
  readonly loads = new Loads();

  constructor(
    private readonly folded: FoldedLog,
    private readonly options: Pick<ControlPlaneOptions, 'clock' | 'autoscale'>,
  ) {}

  get state(): GridState {
    return this.folded.state;
  }

  /** The clock's time, never before the newest commit's. */
  get now(): Millis {
    return Math.max(this.options.clock.now(), this.folded.state.at);
  }

  world(): World {
    const { state, observed, now } = this;
    return this.options.autoscale === true ? { state, observed, now, loads: this.loads } : { state, observed, now };
  }

  /** Forgets what was told: who led last has no use for it, and it would be old by the time that it leads again. */
  forget(): void {
    this.observed.clear();
    this.loads.clear();
  }
}
