import { setTimeout as delay } from 'node:timers/promises';
import { decodeFlowBatch } from '../../../adapters/codec/flow-batch';
import { openKafkaLog } from '../../../adapters/log/kafka';
import { isFlowgridError } from '../../../domain/base/errors';
import type { ChainId } from '../../../domain/base/ids';
import type { TopologyEvent } from '../../../domain/events';
import type { FlowEvent } from '../../../domain/flow/events';
import { evolveCommit, initialState, type GridState } from '../../../domain/grid-state';
import type { Commit } from '../../../domain/log/commit';
import type { EventLog } from '../../../domain/seams/event-log';
import type { WorkflowJournalEntry } from '../../../domain/seams/workflow-engine';
import { decoded, storedCommits } from '../../../runtime/programs/log-reading';

/** Brokers are away for some seconds, and start slowly on a busy machine, milliseconds. */
const PATIENCE_MS = 120_000;
const LOOK_AGAIN_MS = 200;

/** What the log tells, folded as it grows: a look costs what is new since the last, however long the log is. */
export class LogFollower {
  /** How often each command is in the log. */
  readonly commands = new Map<string, number>();
  /** What was journalled of each workflow. */
  readonly journals = new Map<string, WorkflowJournalEntry[]>();
  private folded = initialState();
  private read: ReadonlyMap<ChainId, number> = new Map();
  /** Looks are made one after another: none folds a commit that another has folded. */
  private last: Promise<unknown> = Promise.resolve();

  private constructor(private readonly log: EventLog) {}

  static async open(brokers: string, grid: string): Promise<LogFollower> {
    return new LogFollower(await openKafkaLog({ brokers, grid, mode: 'reader' }));
  }

  /** The state that the log tells now. */
  state(): Promise<GridState> {
    return this.inTurn(async () => {
      for await (const stored of storedCommits(this.log, this.folded.seq + 1)) this.fold(decoded(stored));
      return this.folded;
    });
  }

  /** The flow events since the last look. */
  newFlowEvents(): Promise<FlowEvent[]> {
    return this.inTurn(async () => {
      const events: FlowEvent[] = [];
      const read = new Map(this.read);
      for (const { chain, number } of await this.log.chains()) {
        const from = (read.get(chain) ?? 0) + 1;
        if (from > number) continue;
        for (const batch of await this.log.readFlows(chain, from, number)) {
          events.push(...decodeFlowBatch(batch.bytes).events);
          read.set(chain, batch.number);
        }
      }
      // A look that failed half-way is made anew.
      this.read = read;
      return events;
    });
  }

  async close(): Promise<void> {
    await this.last;
    await this.log.close();
  }

  private fold(commit: Commit<TopologyEvent>): void {
    this.folded = evolveCommit(this.folded, commit);
    this.commands.set(commit.commandId, 1 + (this.commands.get(commit.commandId) ?? 0));
    for (const event of commit.events) {
      if (!('entry' in event.data)) continue;
      const { workflow, entry } = event.data;
      this.journals.set(workflow, [...(this.journals.get(workflow) ?? []), entry]);
    }
  }

  private inTurn<Result>(look: () => Promise<Result>): Promise<Result> {
    const turn = this.last.then(() => withPatience(look));
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

/** Looks again while a broker is away that it needs. */
async function withPatience<Result>(look: () => Promise<Result>): Promise<Result> {
  for (const until = Date.now() + PATIENCE_MS; ; await delay(LOOK_AGAIN_MS)) {
    try {
      return await look();
    } catch (error) {
      if (!isFlowgridError(error, 'log-failed') || Date.now() > until) throw error;
    }
  }
}
