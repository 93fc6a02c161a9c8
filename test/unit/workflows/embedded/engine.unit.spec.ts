import { SimClock } from '../../../../adapters/sim/sim-clock';
import { FlowgridError } from '../../../../domain/base/errors';
import type { Activities, WorkflowDefinition, WorkflowJournalEntry } from '../../../../domain/seams/workflow-engine';
import { type EmbeddedEngine, createEmbeddedEngine } from '../../../../workflows/embedded/engine';
import { MemoryJournal } from '../../../contract/memory-journal';

const START = 1_000;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Says which of two waits got a signal, and when. */
const waiter: WorkflowDefinition = async (ctx) => {
  const first = await ctx.waitSignal<string>('go', 100);
  const between = await ctx.now();
  const second = await ctx.waitSignal<string>('go', 100);
  return { first: first ?? null, between, second: second ?? null };
};
const sleeper: WorkflowDefinition = async (ctx) => {
  await ctx.sleep('nap', 100);
  return ctx.now();
};
const twice: WorkflowDefinition = async (ctx) => {
  await ctx.step('same', 'act', 1);
  await ctx.step('same', 'act', 2);
};
const worker: WorkflowDefinition = async (ctx) => {
  try {
    return await ctx.step('work', 'act', null);
  } catch (error) {
    await ctx.undo('undo work', 'undo', null);
    throw error;
  }
};
const definitions = { waiter, sleeper, twice, worker };

class Bench {
  readonly clock = new SimClock(START);
  readonly journal = new MemoryJournal();
  readonly ran: string[] = [];
  readonly stuck: string[] = [];
  act: () => Promise<unknown> = async () => 'acted';

  /** A new engine over the same journal: the process after a restart. */
  engine(): EmbeddedEngine {
    const activities: Activities = {
      act: (_input, id) => {
        this.ran.push(id);
        return this.act();
      },
      undo: async (_input, id) => void this.ran.push(id),
    };
    const { clock, journal } = this;
    return createEmbeddedEngine({
      journal,
      definitions,
      activities,
      clock,
      timers: clock,
      onStuck: (id) => this.stuck.push(id),
    });
  }

  kinds(id: string): WorkflowJournalEntry['kind'][] {
    return this.journal.entries.get(id)!.map(({ kind }) => kind);
  }

  async at(ms: number): Promise<void> {
    await turn();
    this.clock.advanceTo(START + ms);
    await turn();
  }
}

describe('waiting', () => {
  test('a crash does not lengthen a sleep', async () => {
    const bench = new Bench();
    const first = bench.engine();
    await first.start('sleeper', 'w', null);
    await bench.at(60);
    await first.close();
    const second = bench.engine();
    await second.resume();
    await bench.at(99);
    expect(await second.describe('w')).toMatchObject({ status: 'running' });
    await bench.at(100);
    expect(await second.result('w')).toMatchObject({ status: 'succeeded', result: START + 100 });
  });

  test.each([
    ['before the first deadline', [50], { first: 'go 50', between: START + 50, second: null }],
    ['at the first deadline: too late for it', [100], { first: null, between: START + 100, second: 'go 100' }],
    ['in both', [50, 120], { first: 'go 50', between: START + 50, second: 'go 120' }],
    ['two at once', [50, 50], { first: 'go 50', between: START + 50, second: 'go 50' }],
    ['never', [], { first: null, between: START + 100, second: null }],
  ])('signals %s: a replay after the end of the waits gives what the live run gave', async (_when, times, expected) => {
    const bench = new Bench();
    const live = bench.engine();
    await live.start('waiter', 'w', null);
    for (const time of times) {
      await bench.at(time);
      await live.signal('w', 'go', `go ${time}`);
    }
    for (const time of [100, 150, 200, 250]) await bench.at(Math.max(time, ...times));
    expect((await live.result('w')).result).toEqual(expected);

    // The same journal without its end: a process that died just before.
    const entries = bench.journal.entries.get('w')!;
    bench.journal.entries.set('w', entries.slice(0, -1));
    bench.clock.advanceTo(START + 10_000);
    const replay = bench.engine();
    expect(await replay.resume()).toEqual(['w']);
    expect((await replay.result('w')).result).toEqual(expected);
    expect(bench.clock.nextDue()).toBeUndefined();
  });
});

describe('steps', () => {
  test('a journalled step does not run again', async () => {
    const bench = new Bench();
    const first = bench.engine();
    await first.start('worker', 'w', null);
    await first.result('w');
    const entries = bench.journal.entries.get('w')!;
    bench.journal.entries.set('w', entries.slice(0, -1));
    const second = bench.engine();
    expect(await second.start('worker', 'w', null)).toMatchObject({ status: 'running' });
    expect(await second.result('w')).toMatchObject({ status: 'succeeded', result: 'acted' });
    expect(bench.ran).toEqual(['w/work']);
  });

  test('two steps of one name fail the workflow: its journal could not tell them apart', async () => {
    const bench = new Bench();
    const engine = bench.engine();
    await engine.start('twice', 'w', null);
    expect(await engine.result('w')).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('two steps named same'),
    });
  });

  test('an error that can pass is tried five times, with growing pauses', async () => {
    const bench = new Bench();
    const engine = bench.engine();
    bench.act = () => Promise.reject(new FlowgridError('timeout', 'slow', { canRetry: true }));
    await engine.start('worker', 'w', null);
    const due: number[] = [];
    for (await turn(); bench.clock.nextDue() !== undefined; await turn()) {
      due.push(bench.clock.nextDue()! - bench.clock.now());
      bench.clock.advanceTo(bench.clock.nextDue()!);
    }
    expect(due).toEqual([100, 200, 400, 800]);
    expect(await engine.result('w')).toMatchObject({ status: 'failed', error: 'work: slow' });
    expect(bench.ran.filter((id) => id === 'w/work')).toHaveLength(5);
  });
});

describe('a journal that cannot be written', () => {
  test('stops the workflow without undoing anything, and it goes on when the journal is back', async () => {
    const bench = new Bench();
    const engine = bench.engine();
    const append = bench.journal.append.bind(bench.journal);
    bench.journal.append = async (id, entry) => {
      if (entry.kind === 'step') throw new FlowgridError('log-failed', 'disk full', { canRetry: true });
      await append(id, entry);
    };
    await engine.start('worker', 'w', null);
    await expect(engine.result('w')).rejects.toMatchObject({ code: 'closed', canRetry: true });
    expect(bench.stuck).toEqual(['w']);
    expect(bench.ran).toEqual(['w/work']);
    bench.journal.append = append;
    await engine.resume();
    expect(await engine.result('w')).toMatchObject({ status: 'succeeded', result: 'acted' });
    expect(bench.ran).toEqual(['w/work', 'w/work']);
    expect(bench.kinds('w')).toEqual(['started', 'step', 'ended']);
  });
});

describe('closing', () => {
  test('leaves workflows unfinished, undoes nothing and refuses everything else', async () => {
    const bench = new Bench();
    const engine = bench.engine();
    bench.act = () => new Promise(() => undefined);
    await engine.start('worker', 'w', null);
    await turn();
    const result = engine.result('w').catch((error: unknown) => error);
    await turn();
    await engine.close();
    expect(await result).toMatchObject({ code: 'closed' });
    expect(bench.kinds('w')).toEqual(['started']);
    expect(bench.ran).toEqual(['w/work']);
    const closed = expect.objectContaining({ code: 'closed' });
    await expect(engine.start('worker', 'x', null)).rejects.toEqual(closed);
    await expect(engine.describe('w')).rejects.toEqual(closed);
    await expect(engine.cancel('w')).rejects.toEqual(closed);
  });
});

test('many starts of one id, with questions in between, are one workflow', async () => {
  const bench = new Bench();
  const engine = bench.engine();
  await Promise.all([
    engine.describe('w'),
    engine.start('worker', 'w', null),
    engine.describe('w'),
    engine.start('worker', 'w', null),
    engine.start('worker', 'w', null),
  ]);
  await engine.result('w');
  expect(bench.kinds('w')).toEqual(['started', 'step', 'ended']);
  expect(bench.ran).toEqual(['w/work']);
});
