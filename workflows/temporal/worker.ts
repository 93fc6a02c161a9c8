import type { Worker } from '@temporalio/worker';
import { isFlowgridError } from '../../domain/base/errors';
import type { Activities, Activity } from '../../domain/seams/workflow-engine';
import { isDefinitive, messageOf } from '../definitions/failures';
import { HEARTBEAT_MS } from './names';
import { optional } from './packages';

export interface TemporalWorkerOptions {
  /** `host:port` of Temporal's front end. */
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly activities: Activities;
  /** File whose exports are the workflows; default: flowgrid's own. */
  readonly workflowsPath?: string;
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

/** Connects a worker and starts it. @throws FlowgridError `unsupported` without the optional packages. */
export async function startTemporalWorker(options: TemporalWorkerOptions): Promise<TemporalWorker> {
  const { NativeConnection, Worker } = await optional('@temporalio/worker', () => import('@temporalio/worker'));
  const connection = await NativeConnection.connect({ address: options.address });
  let worker: Worker;
  try {
    worker = await Worker.create({
      connection,
      namespace: options.namespace,
      taskQueue: options.taskQueue,
      workflowsPath: options.workflowsPath ?? require.resolve('./workflows'),
      activities: await temporalActivities(options.activities),
      shutdownGraceTime: options.stopWithinMs ?? STOP_WITHIN_MS,
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

type TemporalActivity = (input: unknown) => Promise<unknown>;

/** flowgrid's activities as Temporal calls them. */
async function temporalActivities(activities: Activities): Promise<Record<string, TemporalActivity>> {
  const temporal = await optional('@temporalio/activity', () => import('@temporalio/activity'));
  const adapt =
    (activity: Activity): TemporalActivity =>
    async (input) => {
      const context = temporal.Context.current();
      const { workflowExecution, activityId } = context.info;
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
          nonRetryable: isDefinitive(error),
        });
      } finally {
        clearInterval(beat);
      }
    };
  return Object.fromEntries(Object.entries(activities).map(([name, activity]) => [name, adapt(activity)]));
}
