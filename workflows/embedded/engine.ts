import { FlowgridError } from '../../domain/base/errors';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { Activities, WorkflowEngine, WorkflowJournal, WorkflowState } from '../../domain/seams/workflow-engine';
import type { Definitions } from '../definitions';
import { Execution } from './execution';
import { Journal } from './journal';

export interface EmbeddedEngineOptions {
  readonly journal: WorkflowJournal;
  readonly definitions: Definitions;
  readonly activities: Activities;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Told when a workflow stops without an end, because its journal cannot be written: it resumes with the next engine. */
  readonly onStuck?: (id: string, error: unknown) => void;
}

export interface EmbeddedEngine extends WorkflowEngine {
  /** Continues every workflow that has no end, after a restart or on becoming leader; returns their ids. */
  resume(): Promise<readonly string[]>;
}

/**
 * Runs workflows in this process. Every step is journalled when it is done; after a crash the definition runs again from
 * its beginning over the journalled results, so it must be deterministic, and continues where nothing is journalled.
 * An activity whose effect was done but not journalled runs again, under the same id.
 *
 * Only one engine may run a journal's workflows at a time: whoever leads the grid.
 */
export function createEmbeddedEngine(options: EmbeddedEngineOptions): EmbeddedEngine {
  return new InProcessEngine(options);
}

/** Ended workflows whose state is kept in memory. */
const ENDED_KEPT_MAX = 256;

class InProcessEngine implements EmbeddedEngine {
  readonly kind = 'embedded';
  /** Workflows that run here or ended here, by id; a promise, so that two starts of one id become one. */
  private readonly executions = new Map<string, Promise<Execution | undefined>>();
  private readonly ended: string[] = [];
  private closed = false;

  constructor(private readonly options: EmbeddedEngineOptions) {}

  async start(name: string, id: string, input: unknown): Promise<WorkflowState> {
    this.mustBeOpen();
    if (this.options.definitions[name] === undefined)
      throw new FlowgridError('not-found', `there is no workflow ${name}`);
    const execution = await this.open(id, async () => {
      const journal = await Journal.load(this.options.journal, id, this.options.clock);
      await journal.begin(name, input);
      return this.run(journal);
    });
    if (execution === undefined) throw new FlowgridError('internal', `workflow ${id} has no beginning`);
    return execution.state();
  }

  async resume(): Promise<readonly string[]> {
    this.mustBeOpen();
    const ids = await this.options.journal.unfinished();
    for (const id of ids) await this.find(id);
    return ids;
  }

  async result(id: string): Promise<WorkflowState> {
    return (await this.known(id)).ended();
  }

  async describe(id: string): Promise<WorkflowState | undefined> {
    this.mustBeOpen();
    return (await this.find(id))?.state();
  }

  async signal(id: string, name: string, payload: unknown): Promise<void> {
    await (await this.known(id)).signal(name, payload);
  }

  async cancel(id: string): Promise<void> {
    await (await this.known(id)).cancel();
  }

  async close(): Promise<void> {
    this.closed = true;
    const executions = await Promise.allSettled(this.executions.values());
    const open = executions.map((settled) => (settled.status === 'fulfilled' ? settled.value : undefined));
    await Promise.all(open.map((execution) => execution?.abandon()));
  }

  private async known(id: string): Promise<Execution> {
    this.mustBeOpen();
    const execution = await this.find(id);
    if (execution === undefined) throw new FlowgridError('not-found', `there is no workflow ${id}`);
    return execution;
  }

  /** The workflow as it runs here, or is taken up from its journal; undefined when it never began. */
  private find(id: string): Promise<Execution | undefined> {
    return this.open(id, async () => {
      const journal = await Journal.load(this.options.journal, id, this.options.clock);
      return journal.started === undefined ? undefined : this.run(journal);
    });
  }

  /** The execution of an id, begun at most once however many ask at the same time. */
  private async open(id: string, begin: () => Promise<Execution | undefined>): Promise<Execution | undefined> {
    for (let opening = this.executions.get(id); opening !== undefined; opening = this.executions.get(id)) {
      const present = await opening.catch(() => undefined);
      if (present !== undefined) return present;
      // What was not there, or could not be read, may be by now; others may have seen that first.
      if (this.executions.get(id) === opening) this.executions.delete(id);
    }
    const opening = begin();
    this.executions.set(id, opening);
    return opening;
  }

  private run(journal: Journal): Execution {
    const execution = new Execution(journal, this.options, {
      ended: () => this.keepEnded(journal.id),
      stuck: (error) => {
        // Taken up again from its journal when somebody asks for it, or by resume.
        this.executions.delete(journal.id);
        this.options.onStuck?.(journal.id, error);
      },
    });
    execution.begin();
    return execution;
  }

  /** Remembers how the newest ended; older ones are read from their journals when asked for. */
  private keepEnded(id: string): void {
    this.ended.push(id);
    if (this.ended.length > ENDED_KEPT_MAX) this.executions.delete(this.ended.shift() as string);
  }

  private mustBeOpen(): void {
    if (this.closed) throw new FlowgridError('closed', 'the workflow engine is closed');
  }
}
