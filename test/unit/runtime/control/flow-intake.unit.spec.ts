import { sha256 } from '../../../../adapters/codec/hash';
import { createWorkflowJournal } from '../../../../runtime/control/workflow-journal';
import { ANCHOR_EVERY_BATCHES } from '../../../../runtime/control/flow-intake';
import type { FlowBatchRecord } from '../../../../domain/seams/event-log';
import { SmallGrid } from './small-grid';

/** A chain of `count` batches; what is in them is nobody's business here. */
function chain(name: string, count: number): FlowBatchRecord[] {
  let prev = '0'.repeat(64);
  return Array.from({ length: count }, (_, i) => {
    const batch = { chain: name, number: i + 1, prev, bytes: Uint8Array.from([i & 0xff, i >> 8]) };
    prev = sha256(batch.bytes);
    return batch;
  });
}

describe('flow batches', () => {
  it('are appended unchanged; repeats drop and gaps are refused', async () => {
    const grid = await new SmallGrid().up();
    const [first, second, third] = chain('1/1@1', 3) as [FlowBatchRecord, FlowBatchRecord, FlowBatchRecord];
    expect(await grid.plane.appendFlows(first)).toBe('appended');
    expect(await grid.plane.appendFlows(first)).toBe('duplicate');
    expect(await grid.plane.appendFlows(third)).toBe('gap');
    expect(await grid.plane.appendFlows(second)).toBe('appended');
    expect(await grid.log.readFlows('1/1@1', 1, 10)).toEqual([first, second]);
  });

  it('are anchored when enough have come and when asked, only where chains grew', async () => {
    const grid = await new SmallGrid().up();
    for (const batch of chain('1/1@1', ANCHOR_EVERY_BATCHES)) await grid.plane.appendFlows(batch);
    await grid.plane.settle();
    const anchored = grid.plane.state.anchors['1/1@1']!;
    expect(anchored.number).toBe(ANCHOR_EVERY_BATCHES);
    expect((await grid.log.chains())[0]!.hash).toBe(anchored.hash);
    const { seq } = grid.plane.head;
    await grid.plane.anchor();
    expect(grid.plane.head.seq).toBe(seq);
    await grid.plane.appendFlows(chain('3/1@1', 1)[0]!);
    await grid.plane.anchor();
    expect(Object.keys(grid.plane.state.anchors)).toEqual(['1/1@1', '3/1@1']);
  });

  it('FG-316: are anchored after a bounded time, however few they are, those that an earlier leader left included', async () => {
    const grid = await new SmallGrid(3, undefined, 1_000, undefined, 5_000).up();
    await grid.plane.appendFlows(chain('1/1@1', 1)[0]!);
    await grid.pass(4_000);
    expect(grid.plane.state.anchors).toEqual({});
    await grid.pass(1_100);
    expect(grid.plane.state.anchors).toMatchObject({ '1/1@1': { number: 1 } });
    await grid.plane.appendFlows(chain('3/1@1', 1)[0]!);
    await grid.plane.standDown();
    await grid.pass(6_000);
    expect(grid.plane.state.anchors).not.toHaveProperty('3/1@1');
    await grid.plane.start();
    await grid.pass(6_000);
    expect(grid.plane.state.anchors).toMatchObject({ '3/1@1': { number: 1 } });
  });

  it('settle waits for batches under way', async () => {
    const grid = await new SmallGrid().up();
    const results: string[] = [];
    for (const batch of chain('1/1@1', 5)) void grid.plane.appendFlows(batch).then((result) => results.push(result));
    await grid.plane.settle();
    expect(results).toEqual(Array(5).fill('appended'));
  });
});

describe('the workflow journal', () => {
  it('is durable, ordered and found again; settled steps stand once', async () => {
    const grid = await new SmallGrid().up();
    const journal = createWorkflowJournal(grid.plane, grid.log, grid.clock);
    const started = { kind: 'started', name: 'scaleOut', input: { cluster: 2, share: 0.5 }, at: 1 } as const;
    const step = { kind: 'step', step: 'reserve', result: { node: 4 }, at: 2 } as const;
    const signal = { kind: 'signal', name: 'go', payload: 1, at: 3 } as const;
    await journal.append('w1', started);
    await journal.append('w1', step);
    await journal.append('w1', { ...step, at: 9 });
    await journal.append('w1', signal);
    await journal.append('w1', signal);
    await journal.append('w2', { ...started, name: 'scaleIn' });
    expect(await journal.load('w1')).toEqual([started, step, signal, signal]);
    expect(await journal.unfinished()).toEqual(['w1', 'w2']);
    await journal.append('w1', { kind: 'ended', status: 'succeeded', result: 7, at: 4 });
    expect(await journal.unfinished()).toEqual(['w2']);
    await expect(journal.append('w1', signal)).rejects.toMatchObject({ code: 'rejected' });
    await expect(journal.append('w9', step)).rejects.toMatchObject({ code: 'rejected' });
  });
});
