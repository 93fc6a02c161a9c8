import { setTimeout as delay } from 'node:timers/promises';
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { FlowgridError } from '../../domain/base/errors';
import type {
  WorkflowEngine,
  WorkflowProgress,
  WorkflowState,
  WorkflowStatus,
} from '../../domain/seams/workflow-engine';
import { messageOf, noWorkflow } from '../definitions/failures';
import { PROGRESS_QUERY } from './names';
import { optional } from './packages';
import { SearchAttributes, type AttributeValues } from './search-attributes';
import { securityOptions, type TemporalSecurity } from './security';

export interface TemporalEngineOptions {
  /** `host:port` of Temporal's front end. */
  readonly address: string;
  readonly namespace: string;
  /** Where workers look for work: one queue per grid. */
  readonly taskQueue: string;
  /** Absent: a server that lets everybody in. */
  readonly security?: TemporalSecurity;
  /** Names that may be started: a workflow that no worker knows would wait for ever. */
  readonly workflows: readonly string[];
  /** What Temporal's own tools show of a workflow, and find it by; absent: its type and ID alone. */
  readonly labels?: (name: string, input: unknown) => WorkflowLabels;
}

/** What people see of a workflow in Temporal's tools. */
export interface WorkflowLabels {
  /** One line. */
  readonly summary: string;
  readonly memo: Readonly<Record<string, unknown>>;
  /** Custom search attributes, by name; left out where the server does not know them so and they cannot be made. */
  readonly attributes: AttributeValues;
}

export interface TemporalEngine extends WorkflowEngine {
  /** Whether the server answers now. */
  answers(): Promise<boolean>;
}

/**
 * The provisioning seam on a Temporal server. Workflows and activities run in workers (`startTemporalWorker`).
 *
 * @throws FlowgridError `unsupported` without the optional packages, `timeout` when the server does not answer.
 */
export async function createTemporalEngine(options: TemporalEngineOptions): Promise<TemporalEngine> {
  const temporal = await optional('@temporalio/client', () => import('@temporalio/client'));
  const connection = await temporal.Connection.connect({
    address: options.address,
    ...securityOptions(options.security),
    // The client's own way to ask again does so by a timer that a closed connection does not stop: then it ends the program.
    interceptors: [],
  }).catch((cause: unknown) => {
    const message = `no Temporal server answers at ${options.address}: ${messageOf(cause)}`;
    throw new FlowgridError('timeout', message, { canRetry: true, remedy: 'start it, or correct the address', cause });
  });
  const client = new temporal.Client({ connection, namespace: options.namespace });
  const isPassing = ({ cause }: { cause?: unknown }): boolean =>
    temporal.isGrpcServiceError(cause) && temporal.isRetryableError(cause);
  return new ConnectedEngine(client, options, new SearchAttributes(connection, options.namespace), isPassing);
}

/** What the server could not answer is asked so often, after these pauses at most, in milliseconds. */
const ATTEMPTS_MAX = 10;
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 5_000;

/** How long the server may take to answer anything at all, in milliseconds. */
const ANSWER_WITHIN_MS = 2_000;
/** How long a question for the progress may take where no worker is there to answer it, in milliseconds. */
const PROGRESS_WITHIN_MS = 2_000;

const STATUS: Readonly<Record<string, WorkflowStatus>> = {
  RUNNING: 'running',
  CONTINUED_AS_NEW: 'running',
  COMPLETED: 'succeeded',
  CANCELLED: 'cancelled',
};

class ConnectedEngine implements TemporalEngine {
  readonly kind = 'temporal';
  private isClosed = false;

  constructor(
    private readonly client: Client,
    private readonly options: TemporalEngineOptions,
    private readonly attributes: SearchAttributes,
    /** Whether the same question may be answered later. */
    private readonly isPassing: (error: { cause?: unknown }) => boolean,
  ) {}

  async answers(): Promise<boolean> {
    const ask = (): Promise<unknown> => this.client.workflowService.getSystemInfo({});
    return this.client.withDeadline(Date.now() + ANSWER_WITHIN_MS, ask).then(
      () => true,
      () => false,
    );
  }

  async start(name: string, id: string, input: unknown): Promise<WorkflowState> {
    if (!this.options.workflows.includes(name)) throw new FlowgridError('not-found', `there is no workflow ${name}`);
    const labels = this.options.labels?.(name, input);
    const attributes = await this.attributes.known(labels?.attributes ?? {});
    try {
      await this.ask(() =>
        this.client.workflow.start(name, {
          workflowId: id,
          taskQueue: this.options.taskQueue,
          args: [input],
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          workflowIdConflictPolicy: 'FAIL',
          ...(labels && { staticSummary: labels.summary, memo: { ...labels.memo } }),
          ...(attributes.length > 0 && { typedSearchAttributes: [...attributes] }),
        }),
      );
    } catch (error) {
      if (!named(error, 'WorkflowExecutionAlreadyStartedError')) throw error;
    }
    return this.stateOf(id, await this.ask(() => this.handle(id).describe()));
  }

  async result(id: string): Promise<WorkflowState> {
    await this.ask(() => this.handle(id).result()).catch((error: unknown) => {
      if (named(error, 'WorkflowNotFoundError')) throw noWorkflow(id);
      // How it failed is part of its state.
      if (!named(error, 'WorkflowFailedError')) throw error;
    });
    const state = await this.describe(id);
    if (state === undefined) throw noWorkflow(id);
    return state;
  }

  async describe(id: string): Promise<WorkflowState | undefined> {
    const handle = this.handle(id);
    const description = await this.ask(() => handle.describe()).catch((error: unknown) => {
      if (named(error, 'WorkflowNotFoundError')) return undefined;
      throw error;
    });
    if (description === undefined) return undefined;
    const state = await this.stateOf(id, description);
    if (state.status !== 'running') return state;
    const progress = await this.progressOf(handle);
    return progress === undefined ? state : { ...state, progress };
  }

  async signal(id: string, name: string, payload: unknown): Promise<void> {
    await this.handle(id)
      .signal(name, payload)
      .catch((error: unknown) => {
        throw named(error, 'WorkflowNotFoundError') ? noWorkflow(id) : error;
      });
  }

  async cancel(id: string): Promise<void> {
    const handle = this.handle(id);
    await this.ask(() => handle.cancel()).catch(async (error: unknown) => {
      if (!named(error, 'WorkflowNotFoundError')) throw error;
      // Temporal answers so for what has ended, too.
      if ((await this.describe(id)) === undefined) throw noWorkflow(id);
    });
  }

  close(): Promise<void> {
    this.isClosed = true;
    return this.client.connection.close();
  }

  /** Asks again what the server could not answer, until it is closed. Not for what takes effect each time it is asked. */
  private async ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await question();
      } catch (error) {
        if (attempt === ATTEMPTS_MAX || this.isClosed || !this.isPassing(error as Error)) throw error;
        await delay(Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** (attempt - 1)));
        if (this.isClosed) throw error;
      }
    }
  }

  private handle(id: string): WorkflowHandle {
    return this.client.workflow.getHandle(id);
  }

  private async stateOf(
    id: string,
    { type: name, status: { name: status } }: WorkflowExecutionDescription,
  ): Promise<WorkflowState> {
    const state = { id, name, status: STATUS[status] ?? 'failed' } as const;
    if (state.status === 'running') return state;
    return this.ask(() => this.handle(id).result()).then(
      (result: unknown) => ({ ...state, result: result ?? null }),
      (error: unknown) => {
        // That the server could not be asked is not how the workflow ended.
        if (!named(error, 'WorkflowFailedError')) throw error;
        return { ...state, error: messageOf((error as { cause?: unknown }).cause ?? error) };
      },
    );
  }

  /** Workflows that have not run yet, or have no worker, have said nothing. */
  private progressOf(handle: WorkflowHandle): Promise<WorkflowProgress | undefined> {
    return this.client
      .withDeadline(Date.now() + PROGRESS_WITHIN_MS, () => handle.query<WorkflowProgress | undefined>(PROGRESS_QUERY))
      .then(
        (progress) => progress ?? undefined,
        () => undefined,
      );
  }
}

/** Tells errors by name: their classes differ between copies of a package. */
function named(error: unknown, name: string): boolean {
  return (error as { name?: unknown } | undefined)?.name === name;
}
