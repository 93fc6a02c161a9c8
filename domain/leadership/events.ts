import type { EventOf } from '../message';

/** A control plane took over: from this commit on only its epoch counts. */
export type LeaderElected = EventOf<'LeaderElected', { readonly epoch: number; readonly leader: string }>;
