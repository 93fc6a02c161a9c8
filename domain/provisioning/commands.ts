import type { ClusterId } from '../base/ids';
import type { CommandOf } from '../message';
import type { NodeAddress } from '../node/address';
import type { WorkflowJournalEntry } from '../seams/workflow-engine';

/** Appends to a workflow's journal: `started` requests it, `ended` closes it, the rest are its steps. */
export type JournalWorkflow = CommandOf<
  'JournalWorkflow',
  { readonly workflow: string; readonly entry: WorkflowJournalEntry }
>;
/**
 * Sets aside the given spare for a workflow; with node 0 the spare with the lowest ID, or where the cluster has none a new
 * node in the free room of an agent.
 */
export type ReserveSpare = CommandOf<
  'ReserveSpare',
  { readonly cluster: ClusterId; readonly node: number; readonly workflow: string }
>;
/** Gives a node back: to its cluster's spares, or, when it was made for an agent's room, its room to the agents. */
export type ReleaseSpare = CommandOf<'ReleaseSpare', NodeAddress & { readonly workflow: string }>;

export type ProvisioningCommand = JournalWorkflow | ReserveSpare | ReleaseSpare;
