import type { FlowId } from '../base/ids';
import type { CommandOf } from '../message';

/** Frames of a running flow are sent along another path too, by name ([0084]). */
export type ReplicateFlow = CommandOf<'ReplicateFlow', { readonly flow: FlowId; readonly path: string }>;
/** The clone that was asked for ends. */
export type StopReplication = CommandOf<'StopReplication', { readonly flow: FlowId }>;

export type ReplicationCommand = ReplicateFlow | StopReplication;
