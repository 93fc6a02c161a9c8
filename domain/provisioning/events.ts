import type { EventOf } from '../message';
import type { NodeAddress } from '../node/address';
import type { WorkflowJournalEntry } from '../seams/workflow-engine';

type EntryOf<Kind extends WorkflowJournalEntry['kind']> = Extract<WorkflowJournalEntry, { kind: Kind }>;

/** A workflow began; its ID is the workflow's own. */
export type ProvisioningRequested = EventOf<
  'ProvisioningRequested',
  { readonly workflow: string; readonly entry: EntryOf<'started'> }
>;
/** Something that the workflow must not forget: a step's result or failure, a sleep, a signal, a cancellation. */
export type ProvisioningStepCompleted = EventOf<
  'ProvisioningStepCompleted',
  { readonly workflow: string; readonly entry: EntryOf<'step' | 'step-failed' | 'slept' | 'signal' | 'cancel'> }
>;
export type ProvisioningSucceeded = EventOf<
  'ProvisioningSucceeded',
  { readonly workflow: string; readonly entry: EntryOf<'ended'> }
>;
/** Failed or cancelled; everything done was put back. */
export type ProvisioningFailed = EventOf<
  'ProvisioningFailed',
  { readonly workflow: string; readonly entry: EntryOf<'ended'> }
>;
/** A spare was set aside for a workflow, so that no other takes it. */
export type SpareReserved = EventOf<'SpareReserved', NodeAddress & { readonly workflow: string }>;
/** A node returned to the spares: put back by its workflow, or drained out of its cluster. */
export type SpareReleased = EventOf<'SpareReleased', NodeAddress & { readonly workflow: string }>;

export type SpareEvent = SpareReserved | SpareReleased;
export type WorkflowEvent =
  ProvisioningRequested | ProvisioningStepCompleted | ProvisioningSucceeded | ProvisioningFailed;
export type ProvisioningEvent = WorkflowEvent | SpareEvent;
