import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { historyFrom, type History } from './history';

const logger = new DefaultLogger('ERROR');

const bundled = (workflowsPath: string) => bundleWorkflowCode({ workflowsPath, logger });
const versions = readdirSync(__dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const histories = versions.flatMap((version) => readdirSync(join(__dirname, version)).map((file) => [version, file]));
const history = (version: string, file: string): History =>
  historyFrom(readFileSync(join(__dirname, version, file), 'utf8'));

beforeAll(() => {
  Runtime.install({ logger, telemetryOptions: { logging: { filter: 'ERROR' } } });
});

describe('FG-410: workflows that an earlier version began run on', () => {
  let workflowBundle: Awaited<ReturnType<typeof bundled>>;
  beforeAll(async () => {
    workflowBundle = await bundled(require.resolve('../../workflows/temporal/workflows'));
  });

  test.each(histories)('%s %s', async (version, file) => {
    const replayed = Worker.runReplayHistory({ workflowBundle }, history(version!, file!), 'replayed');
    await expect(replayed).resolves.toBeUndefined();
  });

  test.each(versions)('%s was recorded with every ending of every workflow that it has', (version) => {
    const names = readdirSync(join(__dirname, version));
    const workflows = [...new Set(names.map((name) => name.split('-')[0]))];
    const wanted = workflows.flatMap((name) =>
      ['cancelled', 'failed', 'succeeded'].map((end) => `${name}-${end}.json`),
    );
    expect(workflows.length).toBeGreaterThan(0);
    expect(names.sort()).toEqual(wanted.sort());
  });
});

test('FG-410: a definition whose steps have changed places is found out', async () => {
  const workflowBundle = await bundled(require.resolve('./reordered.temporal'));
  const replayed = Worker.runReplayHistory({ workflowBundle }, history('0.1.0', 'scaleOut-succeeded.json'), 'replayed');
  await expect(replayed).rejects.toThrow(DeterminismViolationError);
});
