import { FlowgridError } from '../../../domain/base/errors';
import type { Millis } from '../../../domain/base/ids';
import type { TopologyEvent } from '../../../domain/events';
import type { Commit } from '../../../domain/log/commit';
import type { WorkflowJournal, WorkflowJournalEntry, WorkflowProgress } from '../../../domain/seams/workflow-engine';
import { createActivities } from '../../../workflows/activities';
import { definitions } from '../../../workflows/definitions';
import { createTemporalEngine, type TemporalEngine } from '../../../workflows/temporal/engine';
import { createWorkflowJournal } from '../../control/workflow-journal';
import { portOf, type Provisioning, type ProvisionerOptions } from '../provisioner';
import { journalledActivities } from './journalled-activities';
import { labelsOf } from './labels';
import type { TemporalPlace } from './place';
import { KeptWorker } from './kept-worker';

/** Pause before what failed is tried again, and between two looks at the server, milliseconds. */
const AGAIN_AFTER_MS: Millis = 2_000;

/** Where a workflow is, is told without that if the server takes longer to say, milliseconds. */
const PROGRESS_WITHIN_MS: Millis = 500;

export interface TemporalProvisionerOptions extends ProvisionerOptions {
  readonly place: TemporalPlace;
  /** The server, or the worker, is lost or back. */
  readonly onServer: (text: string) => void;
}

/**
 * Carries out every workflow that the log asks for on a Temporal server, with a worker in this process, and tells in the log how
 * each ended. Without the server they wait; nothing else does.
 */
export class TemporalProvisioner implements Provisioning {
  private readonly journal: WorkflowJournal;
  private readonly worker: KeptWorker;
  private readonly carried = new Set<string>();
  private readonly told = new Map<string, string>();
  private readonly closing = new AbortController();
  private engine: TemporalEngine | undefined;
  private connecting: Promise<TemporalEngine> | undefined;
  private isLost = false;

  constructor(private readonly options: TemporalProvisionerOptions) {
    const { control, log, clock, place, onServer, counted } = options;
    this.journal = createWorkflowJournal(control, log, clock);
    const activities = journalledActivities(createActivities(portOf(control, clock, counted)), this.journal, clock);
    this.worker = new KeptWorker(place, activities, (ms) => this.pause(ms), {
      isClosed: () => this.isClosed,
      failed: (why) => onServer(`the Temporal worker of ${place.identity} has failed and is started again: ${why}`),
    });
    void this.watch();
  }

  async resume(): Promise<void> {
    const { workflows } = this.options.control.state;
    for (const [id, { status }] of Object.entries(workflows)) if (status === 'running') this.begin(id);
  }

  folded({ events }: Commit<TopologyEvent>): void {
    for (const { type, data } of events) if (type === 'ProvisioningRequested') this.begin(data.workflow);
  }

  async progress(id: string): Promise<WorkflowProgress | undefined> {
    if (this.isLost) return undefined;
    const told = this.connected().describe(id);
    return Promise.race([told.then((state) => state?.progress), this.pause(PROGRESS_WITHIN_MS).then(() => undefined)]);
  }

  /** Durable when resolved: should the server be away, it learns of it when it is back. */
  async cancel(id: string): Promise<void> {
    if (this.options.control.state.workflows[id]?.status !== 'running') return;
    await this.journal.append(id, { kind: 'cancel', at: this.options.clock.now() });
    await this.engine?.cancel(id).catch(() => undefined);
  }

  async signal(id: string, name: string, payload: unknown): Promise<void> {
    await this.connected().signal(id, name, payload);
    await this.journal.append(id, { kind: 'signal', name, payload, at: this.options.clock.now() });
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.worker.stop();
    await this.engine?.close();
  }

  private get isClosed(): boolean {
    return this.closing.signal.aborted;
  }

  private begin(id: string): void {
    if (this.carried.has(id)) return;
    this.carried.add(id);
    void this.carry(id).finally(() => this.carried.delete(id));
  }

  /** Starts a workflow, or finds it, and tells in the log how it ended; again and again until that is told. */
  private async carry(id: string): Promise<void> {
    while (!this.isClosed) {
      try {
        return await this.carryOnce(id);
      } catch (error) {
        await this.stuck(id, error);
        await this.pause(AGAIN_AFTER_MS);
      }
    }
  }

  private async carryOnce(id: string): Promise<void> {
    const engine = await this.connect();
    const entries = await this.journal.load(id);
    const started = entries.find((entry) => entry.kind === 'started');
    if (started === undefined) throw new FlowgridError('internal', `workflow ${id} has no beginning`);
    await engine.start(started.name, id, started.input);
    if (entries.some(({ kind }) => kind === 'cancel')) await engine.cancel(id);
    const { status, result, error } = await engine.result(id);
    if (this.isClosed) return;
    const outcome = { ...(result !== undefined && { result }), ...(error !== undefined && { error }) };
    const ended: WorkflowJournalEntry = { kind: 'ended', status, ...outcome, at: this.options.clock.now() };
    await this.journal.append(id, ended);
  }

  /** That the server is away is told once, and not of every workflow. */
  private async stuck(id: string, error: unknown): Promise<void> {
    const { control, onStuck } = this.options;
    const answers = (await this.engine?.answers()) ?? false;
    if (this.isClosed || this.isLost || control.role !== 'leading' || !answers) return;
    const why = String(error);
    if (this.told.get(id) !== why) onStuck?.(id, error);
    this.told.set(id, why);
  }

  private connect(): Promise<TemporalEngine> {
    const { place, control } = this.options;
    this.connecting ??= createTemporalEngine({
      ...place,
      workflows: Object.keys(definitions),
      labels: (name, input) => labelsOf(control.state, name, input),
    }).then(
      (engine) => (this.engine = engine),
      (error: unknown) => {
        this.connecting = undefined;
        throw error;
      },
    );
    return this.connecting;
  }

  private connected(): TemporalEngine {
    if (this.engine !== undefined) return this.engine;
    const { address } = this.options.place;
    throw new FlowgridError('timeout', `no Temporal server answers at ${address}`, { canRetry: true });
  }

  /** Looks whether the server answers, and tells when that changes. */
  private async watch(): Promise<void> {
    const { place, onServer } = this.options;
    while (!this.isClosed) {
      const failure = await this.connect().then(
        async (engine) => ((await engine.answers()) ? undefined : 'it does not answer'),
        (error: unknown) => (error as Error).message,
      );
      if (this.isClosed) return;
      if (failure !== undefined && !this.isLost)
        onServer(`Temporal at ${place.address} is lost, workflows wait: ${failure}`);
      if (failure === undefined && this.isLost) onServer(`Temporal at ${place.address} answers again, workflows go on`);
      this.isLost = failure !== undefined;
      await this.pause(AGAIN_AFTER_MS);
    }
  }

  private pause(ms: Millis): Promise<void> {
    const { clock, timers } = this.options;
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.closing.signal.removeEventListener('abort', end);
        resolve();
      };
      const cancel = timers.schedule(clock.now() + ms, end);
      this.closing.signal.addEventListener('abort', end);
      if (this.isClosed) end();
    });
  }
}
