import { decodeCommit } from '../../adapters/codec/records';
import { sha256 } from '../../adapters/codec/hash';
import { pack } from '../../adapters/codec/pack';
import { FlowgridError } from '../../domain/base/errors';
import { COMMAND_LIFETIME_MS } from '../../domain/commands';
import type { TopologyEvent } from '../../domain/events';
import type { Commit } from '../../domain/log/commit';
import type { WorkflowRecord } from '../../domain/provisioning/evolve';
import type { Clock } from '../../domain/seams/clock';
import type { EventLog } from '../../domain/seams/event-log';
import type { WorkflowJournal, WorkflowJournalEntry } from '../../domain/seams/workflow-engine';
import type { ControlPlane } from './control-plane';

const READ_LIMIT = 512;

/** Keeps workflows' journals in the `topology` stream: every entry is a command, so that it is durable and ordered. */
export function createWorkflowJournal(plane: ControlPlane, log: EventLog, clock: Clock): WorkflowJournal {
  return {
    async load(id) {
      return entriesOf(log, id, plane.state.workflows[id]);
    },
    async append(id, entry) {
      const { entries: count = 0, requested: cause = 0 } = plane.state.workflows[id] ?? {};
      const outcome = await plane.submit({
        // The place in the journal and the content name the entry: a retry of the same is no second one.
        id: `workflow/${id}/journal/${count}/${sha256(pack(entry)).slice(0, 16)}`,
        by: `workflow:${id}`,
        deadline: clock.now() + COMMAND_LIFETIME_MS,
        cause,
        body: { type: 'JournalWorkflow', data: { workflow: id, entry } },
      });
      if (outcome.status === 'rejected') throw new FlowgridError('rejected', outcome.rejection.message);
    },
    async unfinished() {
      return Object.entries(plane.state.workflows)
        .filter(([, record]) => record.status === 'running')
        .map(([id]) => id);
    },
  };
}

/** @param record what the state knows of the journal: where it begins, and how long it is; undefined: there is none. */
async function entriesOf(
  log: EventLog,
  id: string,
  record: WorkflowRecord | undefined,
): Promise<WorkflowJournalEntry[]> {
  const entries: WorkflowJournalEntry[] = [];
  if (record === undefined) return entries;
  for (let from = record.requested; ; from += READ_LIMIT) {
    const commits = await log.read(from, READ_LIMIT);
    for (const { bytes } of commits) {
      for (const event of (decodeCommit(bytes) as Commit<TopologyEvent>).events) {
        if (isJournalled(event) && event.data.workflow === id) entries.push(event.data.entry);
      }
      // The log goes on for long after a journal has ended.
      if (entries.length >= record.entries) return entries;
    }
    if (commits.length < READ_LIMIT) return entries;
  }
}

type Journalled = Extract<TopologyEvent, { data: { entry: WorkflowJournalEntry } }>;

function isJournalled(event: TopologyEvent): event is Journalled {
  return event.type.startsWith('Provisioning');
}
