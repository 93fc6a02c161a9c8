import type { FlowId } from '../base/ids';
import type { EventOf } from '../message';

/** A running flow shall have a clone on this path; its INODE tells when it has ({@link FlowReplicated}). */
export type ReplicationRequested = EventOf<
  'ReplicationRequested',
  { readonly flow: FlowId; readonly path: string; readonly order: number }
>;
/** It shall have none any more. */
export type ReplicationStopped = EventOf<'ReplicationStopped', { readonly flow: FlowId }>;

export type ReplicationEvent = ReplicationRequested | ReplicationStopped;
