import type { CloneEnvironmentInput, UpgradeFunctionInput } from '../../../../workflows/definitions';
import { GridWorld } from '../grid-world';
import { atEveryPoint, runWithDeath } from './deaths';

const within = { healthyWithinMs: 5_000, drainWithinMs: 5_000, publishedWithinMs: 5_000 };
const upgrade: UpgradeFunctionInput = {
  cluster: 'AB',
  function: { name: 'ids', config: {} },
  frames: 500,
  differingMax: 0,
  comparedWithinMs: 10_000,
  approveWithinMs: 0,
  ...within,
};
const clone: CloneEnvironmentInput = { clusters: ['AB'], name: 'test', nodes: 2, forMs: 60_000, ...within };

const functionOf = (world: GridWorld): string => world.state.clusters[2]!.settings.function.name;
const lives = (world: GridWorld): number[] => [1, 2].map((node) => world.node(node).incarnation);

describe('FG-387: upgradeFunction, killed before, inside and after every step, and resumed', () => {
  test('ends with every node in a new life, with the function that the canary ran', async () => {
    const points = await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const before = world.outline();
      const run = await runWithDeath(world, 'upgradeFunction', upgrade, at);
      expect(run.state).toMatchObject({
        status: 'succeeded',
        result: { cluster: 'AB', compared: 1_000, differing: 0, nodes: ['AB-1', 'AB-2'] },
      });
      expect(functionOf(world)).toBe('ids');
      expect(lives(world)).toEqual([2, 2]);
      const settings = { ...world.state.clusters[2]!.settings, function: { name: 'pass', config: {} } };
      await world.submit({ id: 'back', by: 'test', body: { type: 'ReconfigureCluster', data: settings } });
      expect(world.outline()).toEqual(before);
      return run;
    });
    // started and ended, and three for each step: the plan, four of the canary, three behind it, two nodes.
    expect(points).toBe(2 + 3 * 10);
  });

  test.each([
    // Either recorder tells of it.
    ['frames differ', { compared: 400, differing: 1 }, '2 of 400 frames differ'],
    ['too few frames come', { compared: 499, differing: 0 }, '499 of 500 frames came to be compared'],
  ])('leaves everything as it was when %s', async (_, counts, why) => {
    await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const before = world.outline();
      world.counts = counts;
      const run = await runWithDeath(world, 'upgradeFunction', upgrade, at);
      expect(run.state).toMatchObject({ status: 'failed', error: expect.stringContaining(why) });
      expect(world.outline()).toEqual(before);
      expect(lives(world)).toEqual([1, 1]);
      return run;
    });
  });

  test('rolls the nodes back that have it when one does not come up with it', async () => {
    await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const before = world.outline();
      world.works = (node, name) => node !== 2 || name !== 'ids';
      const run = await runWithDeath(world, 'upgradeFunction', upgrade, at);
      expect(run.state).toMatchObject({ status: 'failed', error: expect.stringContaining('upgrade AB-2') });
      expect(world.outline()).toEqual(before);
      expect(lives(world)[0]).toBeGreaterThan(2);
      return run;
    });
  });

  test('cancelled by the next process leaves everything as it was', async () => {
    let cancelled = 0;
    await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const before = world.outline();
      const run = await runWithDeath(world, 'upgradeFunction', upgrade, at, 0);
      if (run.state.status === 'succeeded') return run;
      cancelled++;
      expect(run.state).toMatchObject({ status: 'cancelled' });
      expect(world.outline()).toEqual(before);
      return run;
    });
    expect(cancelled).toBeGreaterThan(25);
  });

  test('that nobody approves in time leaves everything as it was', async () => {
    const world = new GridWorld();
    const before = world.outline();
    const run = await runWithDeath(world, 'upgradeFunction', { ...upgrade, approveWithinMs: 1_000 }, Infinity);
    expect(run.state).toMatchObject({ status: 'failed', error: 'approve: nobody did in time' });
    expect(world.outline()).toEqual(before);
  });
});

describe('FG-388: cloneEnvironment, killed before, inside and after every step, and resumed', () => {
  test('has a copy that flows are replicated into, and takes it away again', async () => {
    let built = 0;
    const points = await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const before = world.outline();
      let during: unknown;
      world.beforeCommand = (type) => {
        if (type !== 'DrainNode' || during !== undefined) return;
        built++;
        const { clusters } = world.state;
        during = Object.values(clusters).map(({ settings, nodes }) => [settings.name, Object.keys(nodes).length]);
      };
      const run = await runWithDeath(world, 'cloneEnvironment', clone, at);
      expect(run.state).toMatchObject({ status: 'succeeded', result: { clusters: ['AB~test'], signalled: false } });
      expect(during).toContainEqual(['AB~test', 2]);
      expect(world.outline()).toEqual(before);
      return run;
    });
    expect(built).toBe(points + 1);
    expect(points).toBe(2 + 3 * 6 + 1);
  });

  test('cancelled by the next process leaves everything as it was', async () => {
    await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const before = world.outline();
      const run = await runWithDeath(world, 'cloneEnvironment', clone, at, 0);
      expect(run.state.status).toMatch(/cancelled|succeeded/);
      expect(world.outline()).toEqual(before);
      return run;
    });
  });
});
