import { FlowgridError, isFlowgridError } from '../../domain/base/errors';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { Activities, WorkflowProgress, WorkflowState } from '../../domain/seams/workflow-engine';
import type { Definitions } from '../definitions';
import { messageOf, noWorkflow } from '../definitions/failures';
import { JournalledContext } from './context';
import type { EntryOf, Journal } from './journal';
import { Waits } from './waits';

/** What every workflow of an engine runs in. */
export interface World {
  readonly definitions: Definitions;
  readonly activities: Activities;
  readonly clock: Clock;
  readonly timers: Timers;
}

export interface ExecutionListener {
  ended(): void;
  /** Nothing more happens here: the journal cannot be written, or the definition is not known. */
  stuck(error: unknown): void;
}

type Outcome = Pick<EntryOf<'ended'>, 'status' | 'result' | 'error'>;

/** One workflow, running in this process over its journal. */
export class Execution {
  private progress: WorkflowProgress | undefined;
  private readonly waits: Waits;
  private readonly cancelling = new AbortController();
  private readonly abandoning = new AbortController();
  private readonly end: Promise<WorkflowState>;
  private settleEnd: { resolve(state: WorkflowState): void; reject(error: FlowgridError): void };

  constructor(
    private readonly journal: Journal,
    private readonly world: World,
    private readonly listener: ExecutionListener,
  ) {
    this.waits = new Waits(journal, world.clock, world.timers);
    this.settleEnd = { resolve: () => undefined, reject: () => undefined };
    this.end = new Promise((resolve, reject) => {
      this.settleEnd = { resolve, reject };
    });
    // Nobody has to ask how a workflow ends.
    this.end.catch(() => undefined);
    journal.onBroken = (error) => this.giveUp(error);
    if (journal.cancelled !== undefined) this.cancelling.abort();
  }

  /** Starts it, or takes it up again, unless the journal says that it has ended. */
  begin(): void {
    if (this.journal.ended !== undefined) this.settleEnd.resolve(this.state());
    else this.run().catch((error: unknown) => this.giveUp(error));
  }

  state(): WorkflowState {
    const { id, started, ended } = this.journal;
    const { status, result, error } = ended ?? { status: 'running' };
    return {
      id,
      name: started?.name ?? '',
      status,
      ...(this.progress === undefined ? {} : { progress: this.progress }),
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error }),
    };
  }

  /** @throws FlowgridError `closed` (`canRetry`) when this process gives the workflow up before it ends. */
  ended(): Promise<WorkflowState> {
    return this.end;
  }

  /** @throws FlowgridError `not-found` when it has ended, `closed` when it is given up meanwhile (outcome unknown). */
  async signal(name: string, payload: unknown): Promise<void> {
    const { journal } = this;
    const entry = await this.unlessGivenUp(
      journal.commit((at): EntryOf<'signal'> | undefined =>
        journal.ended === undefined ? { kind: 'signal', name, payload, at } : undefined,
      ),
    );
    if (entry === undefined) throw noWorkflow(journal.id);
    this.waits.wake();
  }

  /** Has no effect on a workflow that has ended or was cancelled before. */
  async cancel(): Promise<void> {
    const { journal } = this;
    const isOver = (): boolean => journal.ended !== undefined || journal.cancelled !== undefined;
    const entry = await this.unlessGivenUp(
      journal.commit((at): EntryOf<'cancel'> | undefined => (isOver() ? undefined : { kind: 'cancel', at })),
    );
    if (entry === undefined) return;
    this.cancelling.abort();
    this.waits.wake();
  }

  /** Goes no further, as if the process had ended; resolves when an append under way has come to its end. */
  async abandon(): Promise<void> {
    const closed = this.journal.close();
    this.abandoning.abort();
    this.cancelling.abort();
    this.waits.stop();
    this.settleEnd.reject(
      new FlowgridError('closed', `workflow ${this.journal.id} was given up here, it has not ended`, {
        canRetry: true,
      }),
    );
    await closed;
  }

  private async run(): Promise<void> {
    const { journal, waits, world } = this;
    const definition = world.definitions[journal.started?.name ?? ''];
    if (definition === undefined) throw new FlowgridError('not-found', `there is no workflow ${journal.started?.name}`);
    const context = new JournalledContext({
      ...world,
      journal,
      waits,
      cancelling: this.cancelling.signal,
      abandoning: this.abandoning.signal,
      onProgress: (progress) => (this.progress = progress),
    });
    const outcome = await definition(context, journal.started?.input).then(
      (result): Outcome => ({ status: 'succeeded', result: result ?? null }),
      (error: unknown) => this.failure(error),
    );
    await journal.commit((at): EntryOf<'ended'> => ({ kind: 'ended', ...outcome, at }));
    this.settleEnd.resolve(this.state());
    this.listener.ended();
  }

  private failure(error: unknown): Outcome {
    const wasCancelled = this.journal.cancelled !== undefined && isFlowgridError(error, 'interrupted');
    return { status: wasCancelled ? 'cancelled' : 'failed', error: messageOf(error) };
  }

  private unlessGivenUp<Value>(value: Promise<Value>): Promise<Value> {
    return Promise.race([value, this.end.then(() => value)]);
  }

  private giveUp(error: unknown): void {
    void this.abandon();
    this.listener.stuck(error);
  }
}
