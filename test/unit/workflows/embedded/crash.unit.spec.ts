import type { Activities, WorkflowJournal, WorkflowState } from '../../../../domain/seams/workflow-engine';
import { createActivities } from '../../../../workflows/activities';
import {
  type ReplaceNodeInput,
  type ScaleInInput,
  type ScaleOutInput,
  definitions,
} from '../../../../workflows/definitions';
import { type EmbeddedEngine, createEmbeddedEngine } from '../../../../workflows/embedded/engine';
import { MemoryJournal } from '../../../contract/memory-journal';
import { GridWorld } from '../grid-world';

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
const ID = 'w/1';

/** The process dies at the given point: whatever reaches it, and everything after it, never comes back. */
class Death {
  passed = 0;
  private die: () => void = () => undefined;
  readonly died = new Promise<'died'>((resolve) => (this.die = () => resolve('died')));

  constructor(private readonly at: number) {}

  async point(): Promise<void> {
    if (this.passed++ < this.at) return;
    this.die();
    await new Promise(() => undefined);
  }
}

/** An engine whose every step passes three points: before it, after its effect, and after its journal entry. */
function engineThatDies(world: GridWorld, store: MemoryJournal, death: Death): EmbeddedEngine {
  const journal: WorkflowJournal = {
    load: (id) => store.load(id),
    unfinished: () => store.unfinished(),
    async append(id, entry) {
      await store.append(id, entry);
      await death.point();
    },
  };
  const activities: Activities = Object.fromEntries(
    Object.entries(createActivities(world)).map(([name, activity]) => [
      name,
      async (input, activityId, cancelled) => {
        await death.point();
        const result = await activity(input, activityId, cancelled);
        await death.point();
        return result;
      },
    ]),
  );
  const { clock } = world;
  return createEmbeddedEngine({ journal, definitions, activities, clock, timers: clock });
}

/** Runs a workflow in a process that dies at the given point, then in a second one that does not; how many points were passed. */
async function runWithDeath(
  world: GridWorld,
  name: string,
  input: unknown,
  at: number,
  cancelAfter = Infinity,
): Promise<{ state: WorkflowState; points: number }> {
  const store = new MemoryJournal();
  const first = new Death(at);
  const doomed = engineThatDies(world, store, first);
  const ended = doomed.start(name, ID, input).then(() => doomed.result(ID));
  const outcome = await world.drive(Promise.race([ended, first.died]));
  if (outcome !== 'died') return { state: outcome, points: first.passed };
  const second = engineThatDies(world, store, new Death(Infinity));
  if (at >= cancelAfter) await second.cancel(ID);
  await second.start(name, ID, input);
  await second.resume();
  const state = await world.drive(second.result(ID));
  await second.close();
  return { state, points: first.passed };
}

/** Every point at which the workflow can die, found by running it until a run does not reach the point any more. */
async function atEveryPoint(run: (at: number) => Promise<{ points: number }>): Promise<number> {
  let at = 0;
  while ((await run(at)).points > at) at++;
  return at;
}

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
