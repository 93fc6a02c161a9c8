/**
 * Records the histories of workflows as a Temporal server stores them, into a folder of the present version:
 *
 *   node -r ./test/services/register.cjs test/histories/record.ts
 *
 * Every scenario runs to its end in a real worker, over the real definitions and activities.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection, WorkflowClient } from '@temporalio/client';
import { createActivities } from '../../workflows/activities';
import { createTemporalEngine } from '../../workflows/temporal/engine';
import { startTemporalWorker } from '../../workflows/temporal/worker';
import { startTemporal, type TemporalServer } from '../services/temporal';
import { GridWorld } from '../unit/workflows/grid-world';
import { historyText, type History } from './history';
import { disturbed, scenarios, type Scenario } from './scenarios';

async function record(server: TemporalServer, scenario: Scenario): Promise<string> {
  const { address, namespace } = server;
  const { workflow, ending, input } = scenario;
  const id = `${workflow}-${ending}`;
  const world = new GridWorld();
  let reached!: () => void;
  const isReached = new Promise<void>((resolve) => (reached = resolve));
  const place = { address, namespace, taskQueue: id };
  const worker = await startTemporalWorker({
    ...place,
    workflowsPath: require.resolve('../../workflows/temporal/workflows'),
    activities: disturbed(createActivities(world), scenario, reached),
  });
  const engine = await createTemporalEngine({ ...place, workflows: [workflow] });
  await engine.start(workflow, id, input);
  if (ending === 'cancelled') {
    await isReached;
    await engine.cancel(id);
  }
  const { status, error } = await world.drive(engine.result(id));
  if (status !== ending) throw new Error(`${id} ended as ${status}: ${String(error)}`);
  await engine.close();
  await worker.stop();
  return historyText(await historyOf(server, id));
}

async function historyOf({ address, namespace }: TemporalServer, id: string): Promise<History> {
  const connection = await Connection.connect({ address });
  try {
    return await new WorkflowClient({ connection, namespace }).getHandle(id).fetchHistory();
  } finally {
    await connection.close();
  }
}

async function main(): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { version: string };
  const dir = join(__dirname, version);
  mkdirSync(dir, { recursive: true });
  const server = await startTemporal();
  try {
    for (const scenario of scenarios) {
      const file = join(dir, `${scenario.workflow}-${scenario.ending}.json`);
      writeFileSync(file, await record(server, scenario));
      process.stdout.write(`${file}\n`);
    }
  } finally {
    await server.stop();
  }
}

main().then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
