import type { ArenaShare } from '../../dataplane/frames/arena';
import type { GroupAnswer, GroupCommand, GroupSetup } from './group-service';
import type { NetworkSetup } from './worker-ports';

/** What a packet worker is started with. */
export interface PacketWorkerSetup {
  readonly arena: ArenaShare;
  readonly setup: GroupSetup;
  /** Address of the workers' shared cell, see `CELL_*`. */
  readonly cell: number;
  /** Looks at its rings in vain before a worker sleeps: none where workers outnumber the processor's cores. */
  readonly patience: number;
}

/*
 * The shared cell: what driver and workers tell each other without messages. Each word that is written often has a cache
 * line of its own.
 */
/** i32: changes whenever a sleeping worker should look again. */
export const CELL_SIGNAL = 0;
/** f64: grid time, microseconds; written by the driver before it publishes frames or asks for a tick. */
export const CELL_NOW = 8;
/** i32: hello rounds asked for so far; each worker makes each of them, in order. */
export const CELL_TICKS = 16;
/** i32: commands posted so far, to any worker. */
export const CELL_REQUESTS = 20;
/** i32: workers asleep, or about to sleep: they look at their rings once more after they have counted themselves. */
export const CELL_ASLEEP = 64;
/** i32: changes when the driver should look again. */
export const CELL_PROGRESS = 128;
/** i32: hello rounds made, the workers' added up. */
export const CELL_TICKED = 192;
/** i32: not 0 = a worker has failed, and nothing will come to rest any more. */
export const CELL_FAILED = 196;
export const CELL_SIZE = 256;

/** What a worker can be told: what its group can, and what concerns the thread. */
export type WorkerCommand =
  GroupCommand | { readonly op: 'attach'; readonly network: NetworkSetup } | { readonly op: 'close' };

/** Requests to a worker are numbered; each gets one answer with its number. */
export interface WorkerRequest {
  readonly id: number;
  readonly command: WorkerCommand;
}

export type WorkerAnswer =
  | ({ readonly id: number } & GroupAnswer)
  | {
      readonly id: number;
      readonly error: { readonly code: string; readonly message: string; readonly stack: string };
    };

/** Sent once, unnumbered, when the worker is ready. */
export interface WorkerReady {
  readonly ready: true;
  readonly kernels: 'wasm' | 'ts';
}
