import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { NODE_ID_MAX } from '../../domain/base/ids';
import { definitions } from '../../workflows/definitions';
import { historyFrom, type History } from './history';
import { nameOf, scenarios } from './scenarios';

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
    const names = readdirSync(join(__dirname, version)).map((file) => file.replace('.json', ''));
    const workflows = [...new Set(names.map((name) => name.split('-')[0]))];
    const wanted = workflows.flatMap((name) => ['cancelled', 'failed', 'succeeded'].map((end) => `${name}-${end}`));
    expect(workflows.length).toBeGreaterThan(0);
    expect(names).toEqual(expect.arrayContaining(wanted));
  });

  test('the newest was recorded with every workflow there is, and every way through it', () => {
    const names = readdirSync(join(__dirname, versions.at(-1)!)).map((file) => file.replace('.json', ''));
    expect(names.sort()).toEqual(scenarios.map(nameOf).sort());
    expect(new Set(scenarios.map(({ workflow }) => workflow))).toEqual(new Set(Object.keys(definitions)));
  });
});

/** Where Temporal's server suggests to continue as new: so many events. */
const EVENTS_SUGGESTED = 4_096;
/** A step: asked for, begun, ended, and what the workflow makes of it. */
const EVENTS_A_STEP = 6;
/** An upgrade of as many nodes as a cluster can have, rolled back behind the last: 13 steps beside those of the nodes. */
const STEPS_MAX = 13 + NODE_ID_MAX;

test('FG-438: no workflow can grow so long that it would have to continue as new', () => {
  for (const [version, file] of histories) {
    const events = history(version!, file!).events!;
    const steps = events.filter(
      (event) => event.activityTaskScheduledEventAttributes || event.timerStartedEventAttributes,
    );
    // Beside its steps: begun, its first turn, a signal or a cancellation and the turn behind it, ended.
    expect(events.length).toBeLessThanOrEqual(EVENTS_A_STEP * steps.length + 12);
    expect(events.some((event) => event.workflowTaskStartedEventAttributes?.suggestContinueAsNew)).toBe(false);
  }
  expect(EVENTS_A_STEP * STEPS_MAX + 12).toBeLessThan(EVENTS_SUGGESTED / 4);
});

test.each(['scaleOut', 'replaceNode', 'upgradeFunction', 'cloneEnvironment'])(
  'FG-410: a %s whose steps have changed places is found out',
  async (workflow) => {
    const workflowBundle = await bundled(require.resolve('./reordered.temporal'));
    const replayed = Worker.runReplayHistory(
      { workflowBundle },
      history('0.1.0', `${workflow}-succeeded.json`),
      'replayed',
    );
    await expect(replayed).rejects.toThrow(DeterminismViolationError);
  },
);
