/**
 * Records the histories of workflows as a Temporal server stores them, into a folder of the present version:
 *
 *   node -r ./test/services/register.cjs test/histories/record.ts [NAME…]
 *
 * Every scenario, or those that are named, runs to its end in a real worker, over the real definitions and activities.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection, WorkflowClient } from '@temporalio/client';
import type { WorkflowEngine } from '../../domain/seams/workflow-engine';
import { createActivities } from '../../workflows/activities';
import { createTemporalEngine } from '../../workflows/temporal/engine';
import { startTemporalWorker } from '../../workflows/temporal/worker';
import { startTemporal, type TemporalServer } from '../services/temporal';
import { GridWorld } from '../unit/workflows/grid-world';
import { historyText, type History } from './history';
import { disturbed, nameOf, scenarios, type Scenario } from './scenarios';

async function record(server: TemporalServer, scenario: Scenario): Promise<string> {
  const { address, namespace } = server;
  const { workflow, ending, input, at, waits, counts } = scenario;
  const id = nameOf(scenario);
  const world = new GridWorld();
  if (counts !== undefined) world.counts = counts;
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
  if (at !== undefined) await world.drive(isReached);
  if (waits !== undefined) await world.drive(isAt(engine, id, waits.step));
  if (waits?.signal !== undefined) await engine.signal(id, waits.signal, waits.payload);
  if (ending === 'cancelled') await engine.cancel(id);
  const { status, error } = await world.drive(engine.result(id));
  if (status !== ending) throw new Error(`${id} ended as ${status}: ${String(error)}`);
  await engine.close();
  await worker.stop();
  return historyText(await historyOf(server, id));
}

async function isAt(engine: WorkflowEngine, id: string, step: string): Promise<void> {
  while ((await engine.describe(id))?.progress?.step !== step);
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
    const named = process.argv.slice(2);
    for (const scenario of scenarios.filter((each) => named.length === 0 || named.includes(nameOf(each)))) {
      const file = join(dir, `${nameOf(scenario)}.json`);
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
