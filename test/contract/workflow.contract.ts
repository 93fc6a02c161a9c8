import { randomUUID } from 'node:crypto';
import { FlowgridError } from '../../domain/base/errors';
import type { Activities, WorkflowEngine, WorkflowState } from '../../domain/seams/workflow-engine';

/** What activities do, and what they noted. */
export class Site {
  /** `do <name>` and `undo <name>`, in order. */
  readonly noted: string[] = [];
  readonly activityIds: string[] = [];
  /** Names whose `do` fails, with how often; Infinity = by an answer that is not tried again. */
  readonly failing = new Map<string, number>();
  /** Names whose `undo` fails that often before it succeeds. */
  readonly stubborn = new Map<string, number>();
  /** Names whose `do` notes itself and then waits until it is cancelled. */
  readonly waiting = new Set<string>();

  readonly activities: Activities = {
    do: async (input, activityId, cancelled) => {
      const { name } = input as { name: string };
      this.noted.push(`do ${name}`);
      this.activityIds.push(activityId);
      const failures = this.failing.get(name) ?? 0;
      if (failures === Infinity) throw new FlowgridError('rejected', `no ${name} today`);
      if (failures > 0) {
        this.failing.set(name, failures - 1);
        throw new FlowgridError('timeout', `${name} is slow`, { canRetry: true });
      }
      if (this.waiting.has(name)) await interrupted(cancelled);
      return `${name} done`;
    },
    'put back': async (input) => {
      const { name } = input as { name: string };
      const failures = this.stubborn.get(name) ?? 0;
      if (failures > 0) {
        this.stubborn.set(name, failures - 1);
        throw new Error(`${name} clings`);
      }
      this.noted.push(`undo ${name}`);
    },
  };
}

function interrupted(cancelled: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(new FlowgridError('interrupted', 'stopped waiting'));
    if (cancelled?.aborted) stop();
    else cancelled?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * What every workflow engine guarantees: steps run at least once, in order, under `workflow/step`, and their results
 * stay; a saga that fails or is cancelled puts everything back, last first; starting an id again starts nothing.
 */
export function describeWorkflowEngine(open: () => { engine: WorkflowEngine; site: Site }): void {
  let engine: WorkflowEngine;
  let site: Site;
  let id: string;
  let over = false;
  beforeEach(() => {
    over = false;
    ({ engine, site } = open());
    id = `test/${randomUUID()}`;
  });

  // A test that failed must not leave its waiting behind.
  afterEach(() => {
    over = true;
  });

  const runChain = async (...names: string[]): Promise<WorkflowState> => {
    await engine.start('chain', id, { names });
    return engine.result(id);
  };
  const until = async <Value>(look: () => Value | undefined | Promise<Value | undefined>): Promise<Value> => {
    for (;;) {
      const value = await look();
      if (value !== undefined) return value;
      if (over) throw new Error('the test ended before what it waited for');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const noted = (what: string): Promise<true> => until(() => (site.noted.includes(what) ? true : undefined));

  test('WF-1: steps run in order under workflow/step, and their results arrive', async () => {
    const state = await runChain('a', 'b', 'c');
    expect(state).toMatchObject({ id, name: 'chain', status: 'succeeded', result: ['a done', 'b done', 'c done'] });
    expect(site.noted).toEqual(['do a', 'do b', 'do c']);
    expect(site.activityIds).toEqual([`${id}/a`, `${id}/b`, `${id}/c`]);
  });

  test('WF-2: a step that fails in passing is tried again, and runs more than once', async () => {
    site.failing.set('b', 2);
    const state = await runChain('a', 'b');
    expect(state).toMatchObject({ status: 'succeeded', result: ['a done', 'b done'] });
    expect(site.noted).toEqual(['do a', 'do b', 'do b', 'do b']);
  });

  test('WF-3: a step that is refused is not tried again, and every step begun is undone in reverse order', async () => {
    site.failing.set('c', Infinity);
    const state = await runChain('a', 'b', 'c', 'd');
    expect(state).toMatchObject({ status: 'failed', error: expect.stringContaining('no c today') });
    expect(site.noted).toEqual(['do a', 'do b', 'do c', 'undo c', 'undo b', 'undo a']);
  });

  test('WF-4: undoing is tried until it succeeds', async () => {
    site.failing.set('b', Infinity);
    site.stubborn.set('a', 2);
    const state = await runChain('a', 'b');
    expect(state.status).toBe('failed');
    expect(site.noted).toEqual(['do a', 'do b', 'undo b', 'undo a']);
  });

  test('WF-5: cancelling interrupts a waiting step, and everything begun is undone', async () => {
    site.waiting.add('b');
    await engine.start('chain', id, { names: ['a', 'b', 'c'] });
    await noted('do b');
    await engine.cancel(id);
    expect(await engine.result(id)).toMatchObject({ status: 'cancelled' });
    expect(site.noted).toEqual(['do a', 'do b', 'undo b', 'undo a']);
  });

  test('WF-6: cancelling ends a wait for a signal; the undoing after it runs all the same', async () => {
    await engine.start('patient', id, null);
    await noted('do reserve');
    await engine.cancel(id);
    expect(await engine.result(id)).toMatchObject({ status: 'cancelled' });
    expect(site.noted).toEqual(['do reserve', 'undo reserve']);
  });

  test('WF-7: signals arrive with their payload; a wait without one ends in time; time and sleeps move on', async () => {
    await engine.start('approval', id, null);
    await engine.signal(id, 'other', { by: 'nobody' });
    await engine.signal(id, 'approve', { by: 'alice' });
    const state = await engine.result(id);
    expect(state).toMatchObject({ status: 'succeeded', result: { by: 'alice', second: 'none', moved: true } });
  });

  test('WF-8: progress is what the workflow last said', async () => {
    await engine.start('approval', id, null);
    const progress = await until(async () => (await engine.describe(id))?.progress);
    expect(progress).toEqual({ step: 'waiting', done: 0, of: 2, note: 'for approval' });
    await engine.signal(id, 'approve', { by: 'bob' });
    expect(await engine.result(id)).toMatchObject({ status: 'succeeded' });
  });

  test('WF-9: starting an id again returns its state and starts nothing, while it runs and after it ended', async () => {
    site.waiting.add('b');
    const states = await Promise.all([1, 2, 3].map(() => engine.start('chain', id, { names: ['a', 'b'] })));
    expect(states.map((state) => [state.id, state.name, state.status])).toEqual(
      Array(3).fill([id, 'chain', 'running']),
    );
    await noted('do b');
    await engine.cancel(id);
    await engine.result(id);
    expect(await engine.start('chain', id, { names: ['x'] })).toMatchObject({ id, name: 'chain', status: 'cancelled' });
    expect(site.noted.filter((entry) => entry.startsWith('do'))).toEqual(['do a', 'do b']);
  });

  test('WF-10: branches run beside each other and results keep their order', async () => {
    await engine.start('pair', id, null);
    expect(await engine.result(id)).toMatchObject({ status: 'succeeded', result: ['left done', 'right done'] });
  });

  test('WF-11: one branch failing waits for the other before the workflow fails', async () => {
    site.failing.set('left', Infinity);
    site.failing.set('right', 1);
    await engine.start('pair', id, null);
    expect(await engine.result(id)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('no left today'),
    });
    expect(site.noted.filter((entry) => entry === 'do right')).toHaveLength(2);
  });

  test('WF-12: what does not exist is not found; what has ended can be described, and cancelling it does nothing', async () => {
    const notFound = expect.objectContaining({ name: 'FlowgridError', code: 'not-found' });
    expect(await engine.describe(id)).toBeUndefined();
    await expect(engine.result(id)).rejects.toEqual(notFound);
    await expect(engine.signal(id, 'a', null)).rejects.toEqual(notFound);
    await expect(engine.cancel(id)).rejects.toEqual(notFound);
    await runChain('a');
    await engine.cancel(id);
    expect(await engine.describe(id)).toMatchObject({ id, name: 'chain', status: 'succeeded', result: ['a done'] });
    await expect(engine.signal(id, 'a', null)).rejects.toEqual(notFound);
  });

  test('WF-13: a workflow nobody defined is refused', async () => {
    await expect(engine.start('no such workflow', id, null)).rejects.toMatchObject({ code: 'not-found' });
  });
}
