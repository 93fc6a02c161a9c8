import { sha256 } from '../../../../adapters/codec/hash';
import { copyLog } from '../../../../adapters/log/copy';
import { createMemoryLog } from '../../../../adapters/log/memory';
import { createPrng } from '../../../../domain/base/prng';
import { NO_HASH, type EventLog } from '../../../../domain/seams/event-log';
import { batchAfter, commitAfter, commitsAfter } from '../../../contract/log-records';

async function fill(log: EventLog, commits: number, batches: number): Promise<void> {
  await log.append(commitsAfter(log.head(), commits));
  for (const chain of ['2/1@1', '2/10@3']) {
    let head = { chain, number: 0, hash: NO_HASH };
    for (let i = 0; i < batches; i++) {
      const batch = batchAfter(head);
      await log.appendFlows(batch);
      head = { ...batch, hash: sha256(batch.bytes) };
    }
  }
}

describe('FG-270: copying a log', () => {
  it('gives the same head and chains, over many chunks', async () => {
    const from = createMemoryLog();
    await fill(from, 1_100, 600);
    const to = createMemoryLog();
    const copied = await copyLog(from, to);
    expect(copied).toEqual({ head: from.head(), commits: 1_100, chains: 2, batches: 1_200, skipped: [] });
    expect(to.head()).toEqual(from.head());
    expect(await to.chains()).toEqual(await from.chains());
    expect(await to.read(1_099, 2)).toEqual(await from.read(1_099, 2));
  });

  it('goes on where an earlier copy was interrupted, and repeats nothing', async () => {
    const from = createMemoryLog();
    await fill(from, 10, 2);
    const to = createMemoryLog();
    await copyLog(from, to);
    await from.append(commitsAfter(from.head(), 3));
    expect(await copyLog(from, to)).toMatchObject({ commits: 3, batches: 0, head: from.head() });
    expect(await to.orphans()).toEqual([]);
  });

  it('goes on after appends of unknown outcome', async () => {
    const from = createMemoryLog();
    await fill(from, 1_600, 3);
    const to = createMemoryLog({ faults: { prng: createPrng(5), rate: 0.3 } });
    await copyLog(from, to);
    expect(to.head()).toEqual(from.head());
    expect(await to.chains()).toEqual(await from.chains());
  });

  it('refuses to mix two histories', async () => {
    const [from, to] = [createMemoryLog(), createMemoryLog()];
    await from.append([commitAfter(from.head(), { commandId: 'a' }), Buffer.from('noise')]);
    await to.append([commitAfter(to.head(), { commandId: 'b' })]);
    await expect(copyLog(from, to)).rejects.toMatchObject({ code: 'log-conflict' });
    expect(to.head().seq).toBe(1);
  });

  it('names chains whose beginning is gone', async () => {
    const from = createMemoryLog();
    await fill(from, 1, 3);
    await from.trimFlows('2/1@1', 3);
    const copied = await copyLog(from, createMemoryLog());
    expect(copied).toMatchObject({ chains: 1, skipped: ['2/1@1'] });
  });
});
