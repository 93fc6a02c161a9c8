import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import type { Clock } from '../../../domain/seams/clock';
import type {
  Activities,
  Activity,
  WorkflowJournal,
  WorkflowJournalEntry,
} from '../../../domain/seams/workflow-engine';
import { isDefinitive, messageOf } from '../../../workflows/definitions/failures';

/**
 * The same activities, whose ends are told in the event log too: who reads it sees the steps of a workflow whatever engine
 * runs it. One whose end could not be told runs again, which is harmless.
 */
export function journalledActivities(activities: Activities, journal: WorkflowJournal, clock: Clock): Activities {
  const journalled =
    (activity: Activity): Activity =>
    async (input, activityId, cancelled) => {
      const [workflow, step] = splitLast(activityId);
      const tell = (entry: WorkflowJournalEntry): Promise<void> => journal.append(workflow, entry);
      try {
        const result = (await activity(input, activityId, cancelled)) ?? null;
        await tell({ kind: 'step', step, result, at: clock.now() });
        return result;
      } catch (error) {
        const failure = passing(error);
        if (isDefinitive(failure) && cancelled?.aborted !== true) {
          const failed = { kind: 'step-failed', step, error: messageOf(failure), at: clock.now() } as const;
          // Temporal has it in any case.
          await tell(failed).catch(() => undefined);
        }
        throw failure;
      }
    };
  return Object.fromEntries(Object.entries(activities).map(([name, activity]) => [name, journalled(activity)]));
}

/** A leader that was deposed is no answer: the next one's worker does it. */
function passing(error: unknown): unknown {
  if (!isFlowgridError(error, 'log-locked') && !isFlowgridError(error, 'closed')) return error;
  return new FlowgridError(error.code, error.message, { canRetry: true, cause: error });
}

function splitLast(activityId: string): [workflow: string, step: string] {
  const at = activityId.lastIndexOf('/');
  return [activityId.slice(0, at), activityId.slice(at + 1)];
}
