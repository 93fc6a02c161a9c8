import type { Activities, WorkflowJournal, WorkflowState } from '../../../../domain/seams/workflow-engine';
import { createActivities } from '../../../../workflows/activities';
import { definitions } from '../../../../workflows/definitions';
import { type EmbeddedEngine, createEmbeddedEngine } from '../../../../workflows/embedded/engine';
import { MemoryJournal } from '../../../contract/memory-journal';
import type { GridWorld } from '../grid-world';

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
export async function runWithDeath(
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
export async function atEveryPoint(run: (at: number) => Promise<{ points: number }>): Promise<number> {
  let at = 0;
  while ((await run(at)).points > at) at++;
  return at;
}
