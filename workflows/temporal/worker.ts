import type { Worker } from '@temporalio/worker';
import { isFlowgridError } from '../../domain/base/errors';
import type { Activities, Activity } from '../../domain/seams/workflow-engine';
import { isDefinitive, messageOf } from '../definitions/failures';
import type { WorkflowBundle } from './bundle';
import { HEARTBEAT_MS, UNLIMITED } from './names';
import { optional } from './packages';
import { securityOptions, type TemporalSecurity } from './security';

export interface TemporalWorkerOptions {
  /** `host:port` of Temporal's front end. */
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  /** Absent: a server that lets everybody in. */
  readonly security?: TemporalSecurity;
  readonly activities: Activities;
  /** File whose exports are the workflows, or a bundle of one; default: flowgrid's own. */
  readonly workflowsPath?: string;
  readonly bundle?: WorkflowBundle;
  /** Name of the worker in Temporal's tools; default: process and host. */
  readonly identity?: string;
  /** How long {@link TemporalWorker.stop} waits for running activities, in milliseconds; default 2,000. */
  readonly stopWithinMs?: number;
}

/** A worker: runs workflows and activities of one task queue until it is stopped. */
export interface TemporalWorker {
  /** Settles when the worker has stopped; rejects when it failed. */
  readonly stopped: Promise<void>;
  /** Takes no new work, tells running activities to stop, and resolves when they have. */
  stop(): Promise<void>;
}

const STOP_WITHIN_MS = 2_000;
const STICKY_MS = 2_000;

/**
 * Has Temporal's runtime leave signals to this program, and print errors only. Once in a process, before any worker.
 *
 * @throws FlowgridError `unsupported` without the optional packages.
 */
export async function quietRuntime(): Promise<void> {
  const { DefaultLogger, Runtime, makeTelemetryFilterString } = await optional(
    '@temporalio/worker',
    () => import('@temporalio/worker'),
  );
  const telemetryOptions = { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } };
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions, shutdownSignals: [] });
}

/** Connects a worker and starts it. @throws FlowgridError `unsupported` without the optional packages. */
export async function startTemporalWorker(options: TemporalWorkerOptions): Promise<TemporalWorker> {
  const { NativeConnection, Worker } = await optional('@temporalio/worker', () => import('@temporalio/worker'));
  const connection = await NativeConnection.connect({ address: options.address, ...securityOptions(options.security) });
  let worker: Worker;
  try {
    worker = await Worker.create({
      connection,
      namespace: options.namespace,
      taskQueue: options.taskQueue,
      ...(options.bundle === undefined
        ? { workflowsPath: options.workflowsPath ?? require.resolve('./workflows') }
        : { workflowBundle: options.bundle }),
      ...(options.identity === undefined ? {} : { identity: options.identity }),
      // What a worker that died was to go on with waits no longer for it.
      stickyQueueScheduleToStartTimeout: STICKY_MS,
      activities: await temporalActivities(options.activities),
      shutdownGraceTime: options.stopWithinMs ?? STOP_WITHIN_MS,
      // An undoing that waits is not cancelled: it runs again elsewhere.
      shutdownForceTime: (options.stopWithinMs ?? STOP_WITHIN_MS) + STOP_WITHIN_MS,
    });
  } catch (error) {
    await connection.close();
    throw error;
  }
  const stopped = worker.run().finally(() => connection.close());
  stopped.catch(() => undefined);
  return {
    stopped,
    stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      return stopped;
    },
  };
}

type TemporalActivity = (input: unknown, attempts: number) => Promise<unknown>;

/** flowgrid's activities as Temporal calls them. */
async function temporalActivities(activities: Activities): Promise<Record<string, TemporalActivity>> {
  const temporal = await optional('@temporalio/activity', () => import('@temporalio/activity'));
  const adapt =
    (activity: Activity): TemporalActivity =>
    async (input, attempts) => {
      const context = temporal.Context.current();
      const { workflowExecution, activityId, attempt } = context.info;
      const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
      try {
        return await activity(input, `${workflowExecution?.workflowId}/${activityId}`, context.cancellationSignal);
      } catch (error) {
        // The cancellation as Temporal knows it tells a cancelled workflow from a worker that is stopped.
        if (context.cancellationSignal.aborted) return await context.cancelled;
        const type = isFlowgridError(error) ? error.code : 'internal';
        throw temporal.ApplicationFailure.create({
          message: messageOf(error),
          type,
          nonRetryable: isDefinitive(error) || (attempts !== UNLIMITED && attempt >= attempts),
        });
      } finally {
        clearInterval(beat);
      }
    };
  return Object.fromEntries(Object.entries(activities).map(([name, activity]) => [name, adapt(activity)]));
}
