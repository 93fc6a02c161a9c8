import { FlowgridError } from '../../domain/base/errors';
import type { Millis } from '../../domain/base/ids';
import type { WorkflowJournalEntry } from '../../domain/seams/workflow-engine';
import type { Mnodes } from './leader-access';
import type { WallClock } from './wall-clock';

/** A workflow that somebody asks for. */
export interface AskedWorkflow {
  readonly id: string;
  /** The cluster or node that it is about, by name: what a refusal is told of. */
  readonly about: string;
  /** What it begins with. */
  readonly entry: Extract<WorkflowJournalEntry, { kind: 'started' }>;
  readonly by: string;
  /** How long it may take until somebody leads and answers. */
  readonly withinMs: Millis;
}

/**
 * Has whoever leads carry out a workflow; resolves when the request is durable. A repeat under the same ID asks for nothing.
 *
 * @throws FlowgridError `rejected` when it was refused, `timeout` when nobody led in time.
 */
export async function askFor(mnodes: Mnodes, clock: WallClock, asked: AskedWorkflow): Promise<void> {
  const { id, about, entry, by, withinMs } = asked;
  const outcome = await mnodes.submit({
    id: `request/${id}`,
    by,
    deadline: clock.now() + withinMs,
    body: { type: 'JournalWorkflow', data: { workflow: id, entry } },
  });
  if (outcome.status === 'rejected') throw new FlowgridError('rejected', `${about}: ${outcome.rejection.message}`);
}
