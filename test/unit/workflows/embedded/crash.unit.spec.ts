import { type ReplaceNodeInput, type ScaleInInput, type ScaleOutInput } from '../../../../workflows/definitions';
import { GridWorld } from '../grid-world';
import { atEveryPoint, runWithDeath } from './deaths';

const scaleOut: ScaleOutInput = { cluster: 2, node: 0, weight: 10, healthyWithinMs: 5_000, publishedWithinMs: 5_000 };
const scaleIn: ScaleInInput = { cluster: 2, node: 2, drainWithinMs: 5_000, publishedWithinMs: 5_000 };
const replaceNode: ReplaceNodeInput = {
  cluster: 2,
  node: 2,
  by: 0,
  keep: true,
  healthyWithinMs: 5_000,
  drainWithinMs: 5_000,
  publishedWithinMs: 5_000,
};

describe('killed before, inside and after every step, and resumed', () => {
  test('scaleOut ends with the spare in the cluster', async () => {
    const points = await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const run = await runWithDeath(world, 'scaleOut', scaleOut, at);
      expect(run.state).toMatchObject({ status: 'succeeded', result: { cluster: 2, node: 3 } });
      expect(world.node(3)).toMatchObject({ status: 'active', spare: false, reservedBy: '' });
      expect(world.linked()).toEqual([1, 2, 3]);
      expect(world.listed()).toEqual([1, 2, 3]);
      return run;
    });
    // started and ended, and three for each of five steps.
    expect(points).toBe(2 + 3 * 5);
  });

  test('scaleOut of a spare that stays silent leaves everything as it was', async () => {
    const points = await atEveryPoint(async (at) => {
      const world = new GridWorld();
      world.mute.add(3);
      const run = await runWithDeath(world, 'scaleOut', scaleOut, at);
      expect(run.state).toMatchObject({ status: 'failed', error: expect.stringContaining('check health') });
      expect(world.node(3)).toMatchObject({ status: 'admitted', spare: true, reservedBy: '' });
      expect(world.linked()).toEqual([1, 2]);
      expect(world.listed()).toEqual([1, 2]);
      return run;
    });
    // Three steps done, one that never comes to its effect, three undone.
    expect(points).toBeGreaterThanOrEqual(2 + 3 * 3 + 2 + 3 * 3);
  });

  test('scaleOut cancelled by the next process leaves everything as it was', async () => {
    let cancelled = 0;
    await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const run = await runWithDeath(world, 'scaleOut', scaleOut, at, 0);
      if (run.state.status === 'succeeded') {
        // Nothing was left to cancel: the last step, or the end, was journalled.
        expect(world.listed()).toEqual([1, 2, 3]);
        return run;
      }
      cancelled++;
      expect(run.state).toMatchObject({ status: 'cancelled', error: 'workflow w/1 was cancelled' });
      expect(world.node(3)).toMatchObject({ status: 'admitted', spare: true, reservedBy: '' });
      expect(world.linked()).toEqual([1, 2]);
      expect(world.listed()).toEqual([1, 2]);
      return run;
    });
    expect(cancelled).toBeGreaterThan(10);
  });

  test('scaleIn ends with the node among the spares', async () => {
    const points = await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const run = await runWithDeath(world, 'scaleIn', scaleIn, at);
      expect(run.state).toMatchObject({ status: 'succeeded', result: { cluster: 2, node: 2 } });
      expect(world.node(2)).toMatchObject({ status: 'admitted', spare: true, reservedBy: '' });
      expect(world.listed()).toEqual([1]);
      return run;
    });
    expect(points).toBe(2 + 3 * 4);
  });

  test('scaleIn cancelled by the next process ends with the node back in its cluster', async () => {
    let cancelled = 0;
    await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const run = await runWithDeath(world, 'scaleIn', scaleIn, at, 0);
      if (run.state.status === 'succeeded') return run;
      cancelled++;
      expect(run.state).toMatchObject({ status: 'cancelled', error: 'workflow w/1 was cancelled' });
      expect(world.node(2)).toMatchObject({ status: 'active', spare: false, weight: 10 });
      expect(world.listed()).toEqual([1, 2]);
      return run;
    });
    expect(cancelled).toBeGreaterThan(5);
  });

  test.each([true, false])(
    'FG-382: replaceNode ends with the spare in the place of the node (kept: %s)',
    async (keep) => {
      const points = await atEveryPoint(async (at) => {
        const world = new GridWorld();
        const run = await runWithDeath(world, 'replaceNode', { ...replaceNode, keep }, at);
        expect(run.state).toMatchObject({ status: 'succeeded', result: { cluster: 2, node: 2, by: 3 } });
        expect(world.node(2)).toMatchObject(
          keep ? { status: 'admitted', spare: true, reservedBy: '' } : { status: 'removed' },
        );
        expect(world.node(3)).toMatchObject({ status: 'active', spare: false, reservedBy: '', weight: 10 });
        expect(world.linked()).toEqual([1, 3]);
        expect(world.listed()).toEqual([1, 3]);
        return run;
      });
      expect(points).toBe(2 + 3 * (keep ? 10 : 11));
    },
  );

  test('FG-382: replaceNode of a node that has failed has the cluster forget it', async () => {
    const world = new GridWorld();
    world.fail(2);
    const run = await runWithDeath(world, 'replaceNode', { ...replaceNode, keep: false }, Infinity);
    expect(run.state).toMatchObject({ status: 'succeeded', result: { by: 3 } });
    expect(world.node(2).status).toBe('removed');
    expect(world.listed()).toEqual([1, 3]);
  });

  test('FG-382: replaceNode by a spare that stays silent leaves everything as it was', async () => {
    await atEveryPoint(async (at) => {
      const world = new GridWorld();
      world.mute.add(3);
      const run = await runWithDeath(world, 'replaceNode', replaceNode, at);
      expect(run.state).toMatchObject({ status: 'failed', error: expect.stringContaining('check health') });
      expectUntouched(world);
      return run;
    });
  });

  test('FG-382: replaceNode cancelled by the next process leaves everything as it was', async () => {
    let cancelled = 0;
    await atEveryPoint(async (at) => {
      const world = new GridWorld();
      const run = await runWithDeath(world, 'replaceNode', replaceNode, at, 0);
      if (run.state.status === 'succeeded') {
        expect(world.listed()).toEqual([1, 3]);
        return run;
      }
      cancelled++;
      expect(run.state).toMatchObject({ status: 'cancelled' });
      expectUntouched(world);
      return run;
    });
    expect(cancelled).toBeGreaterThan(20);
  });
});

/** Members, spare and links are those that the world began with. */
function expectUntouched(world: GridWorld): void {
  expect(world.node(2)).toMatchObject({ status: 'active', spare: false, weight: 10 });
  expect(world.node(3)).toMatchObject({ status: 'admitted', spare: true, reservedBy: '' });
  expect(world.linked().sort()).toEqual([1, 2]);
  expect(world.listed()).toEqual([1, 2]);
}
