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

  test('FG-443: closed while its server is away, an engine leaves what it has asked unanswered, and the program alive', async () => {
    const lost = await startTemporal();
    const { address, namespace } = lost;
    const names = Object.keys(contractDefinitions);
    const other = await createTemporalEngine({ address, namespace, taskQueue: 'nobody', workflows: names });
    await other.start(names[0]!, 'w/1', {});
    const waiting = other.result('w/1').then(
      () => 'ended',
      () => 'unanswered',
    );
    await lost.kill();
    await other.close();
    expect(await waiting).toBe('unanswered');
    await lost.stop();
  });

  describeWorkflowEngine(() => {
    site = new Site();
    return { engine, site };
  });
});
