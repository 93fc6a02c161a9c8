import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { WorkflowEngine } from '../../domain/seams/workflow-engine';
import { createTemporalEngine } from '../../workflows/temporal/engine';
import { type TemporalWorker, startTemporalWorker } from '../../workflows/temporal/worker';
import { describeWithServer } from '../services/suite';
import { type TemporalServer, startTemporal, temporalAvailable } from '../services/temporal';
import { contractDefinitions } from './workflow-definitions';
import { Site, describeWorkflowEngine } from './workflow.contract';

describeWithServer('Temporal workflow engine', temporalAvailable, () => {
  let server: TemporalServer;
  let worker: TemporalWorker;
  let engine: WorkflowEngine;
  /** The worker lives as long as the suite; each test has its own site behind the same activities. */
  let site = new Site();
  const taskQueue = 'contract';

  beforeAll(async () => {
    // Failing steps are what the suite is about; what it expects need not be logged.
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    server = await startTemporal();
    const { address, namespace } = server;
    engine = await createTemporalEngine({ address, namespace, taskQueue, workflows: Object.keys(contractDefinitions) });
    worker = await startTemporalWorker({
      address,
      namespace,
      taskQueue,
      workflowsPath: require.resolve('./workflow-definitions.temporal'),
      activities: Object.fromEntries(
        Object.keys(site.activities).map((name) => [name, (...args) => site.activities[name]!(...args)]),
      ),
    });
  });
  afterAll(async () => {
    await worker?.stop();
    await engine?.close();
    await server?.stop();
  });

  describeWorkflowEngine(() => {
    site = new Site();
    return { engine, site };
  });
});
