import type { ArenaShare } from '../../dataplane/frames/arena';
import type { GroupAnswer, GroupCommand, GroupSetup } from './group-service';

/** What a packet worker is started with. */
export interface PacketWorkerSetup {
  readonly arena: ArenaShare;
  readonly setup: GroupSetup;
  /** Address of the workers' shared cell, see `CELL_*`. */
  readonly cell: number;
}

/** i32: changes whenever something may have become possible for a sleeping thread. */
export const CELL_SIGNAL = 0;
/** f64: grid time, microseconds; written by the driver before it changes the signal. */
export const CELL_NOW = 8;
export const CELL_SIZE = 64;

/** Requests to a worker are numbered; each gets one answer with its number. */
export type WorkerRequest =
  | { readonly id: number; readonly command: GroupCommand }
  | { readonly id: number; readonly command: { readonly op: 'close' } };

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
