import type { ClusterId } from '../base/ids';
import type { CommandOf } from '../message';
import type { NodeAddress } from '../node/address';
import type { WorkflowJournalEntry } from '../seams/workflow-engine';

/** Appends to a workflow's journal: `started` requests it, `ended` closes it, the rest are its steps. */
export type JournalWorkflow = CommandOf<
  'JournalWorkflow',
  { readonly workflow: string; readonly entry: WorkflowJournalEntry }
>;
/** Sets aside the given spare, or with node 0 the spare with the lowest ID, for a workflow. */
export type ReserveSpare = CommandOf<
  'ReserveSpare',
  { readonly cluster: ClusterId; readonly node: number; readonly workflow: string }
>;
export type ReleaseSpare = CommandOf<'ReleaseSpare', NodeAddress & { readonly workflow: string }>;

export type ProvisioningCommand = JournalWorkflow | ReserveSpare | ReleaseSpare;
