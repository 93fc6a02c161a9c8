import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { WorkflowStatus } from '../../../domain/seams/workflow-engine';
import { createTemporalEngine, type TemporalEngine } from '../../../workflows/temporal/engine';
import type { Site } from '../../services/site';
import { startTemporal, type TemporalServer } from '../../services/temporal';

const ASK_AGAIN_MS = 50;

/** One who asked a task queue for work, as Temporal's command line tells of it. */
interface Poller {
  readonly identity: string;
  readonly lastAccessTime: string;
}

/** A Temporal server on a host of its own, and how a test sees what it does for a grid. */
export class LabTemporal {
  private constructor(
    readonly server: TemporalServer,
    private readonly taskQueue: string,
    private readonly engine: TemporalEngine,
  ) {}

  static async start(site: Site, grid: string): Promise<LabTemporal> {
    const server = await startTemporal(site);
    const { address, namespace } = server;
    const taskQueue = `flowgrid-${grid}`;
    return new LabTemporal(
      server,
      taskQueue,
      await createTemporalEngine({ address, namespace, taskQueue, workflows: [] }),
    );
  }

  /** How an MNODE is told of it. */
  get access(): readonly string[] {
    return ['--temporal', this.server.address, '--temporal-namespace', this.server.namespace];
  }

  /** The name of the worker that asked for work last; waits for one. */
  async worker(): Promise<string> {
    const { cli, address, namespace } = this.server;
    const at = ['--address', address, '--namespace', namespace, '--output', 'json'];
    const queue = ['--task-queue', this.taskQueue, '--task-queue-type', 'activity'];
    for (;;) {
      const { stdout } = await promisify(execFile)(cli, ['task-queue', 'describe', ...queue, ...at]);
      const { pollers } = JSON.parse(stdout) as { pollers?: readonly Poller[] | null };
      const [newest] = [...(pollers ?? [])].sort((a, b) => b.lastAccessTime.localeCompare(a.lastAccessTime));
      if (newest !== undefined) return newest.identity;
      await delay(ASK_AGAIN_MS);
    }
  }

  /** How Temporal says that a workflow stands; undefined for one that it does not know. */
  async statusOf(workflow: string): Promise<WorkflowStatus | undefined> {
    return (await this.engine.describe(workflow))?.status;
  }

  async end(): Promise<void> {
    await this.engine.close();
    await this.server.stop();
  }
}
