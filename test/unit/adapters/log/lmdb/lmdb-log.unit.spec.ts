import { NO_HASH } from '../../../../../domain/seams/event-log';
import { openLmdbLog, type LmdbLog } from '../../../../../adapters/log/lmdb';
import { until } from '../../../../contract/event-log.contract';
import { batchAfter, commitAfter, commitsAfter } from '../../../../contract/log-records';
import { temporaryDir } from './temporary-log';

describe('readers of a log on LMDB', () => {
  let dir: string;
  let writer: LmdbLog;
  let reader: LmdbLog;

  beforeEach(async () => {
    dir = temporaryDir();
    writer = await openLmdbLog({ dir, mode: 'writer' });
    await writer.append(commitsAfter(writer.head(), 3));
    reader = await openLmdbLog({ dir, mode: 'reader', refreshMs: 2 });
  });
  afterEach(async () => {
    await reader.close();
    await writer.close();
  });

  test('see what the writer has made durable, while it writes', async () => {
    expect(reader.head()).toEqual(writer.head());
    await writer.append([commitAfter(writer.head()), Buffer.from('noise')]);
    const batch = batchAfter({ chain: '1/1@1', number: 0, hash: NO_HASH });
    await writer.appendFlows(batch);
    await writer.putSnapshot({ seq: 4, commitHash: 'ab', foldVersion: 1, bytes: Buffer.from('state') });
    expect(reader.head()).toEqual(writer.head());
    expect((await reader.read(1, 9)).map((commit) => commit.seq)).toEqual([1, 2, 3, 4]);
    expect((await reader.orphans()).length).toBe(1);
    expect((await reader.readFlows('1/1@1', 1, 9)).length).toBe(1);
    expect(await reader.chains()).toEqual(await writer.chains());
    expect((await reader.snapshot(9))?.seq).toBe(4);
  });

  test('tail what is appended after them', async () => {
    const seen: number[] = [];
    const stop = reader.tail(2, (commit) => seen.push(commit.seq));
    await until(() => seen.length === 2);
    await writer.append(commitsAfter(writer.head(), 2));
    await until(() => seen.length === 4);
    stop();
    expect(seen).toEqual([2, 3, 4, 5]);
  });

  test('cannot write', async () => {
    await expect(reader.append([commitAfter(reader.head())])).rejects.toMatchObject({ code: 'unsupported' });
    await expect(reader.trimFlows('1/1@1', 2)).rejects.toMatchObject({ code: 'unsupported' });
    expect(writer.head().seq).toBe(3);
  });

  test('find no log where there is none', async () => {
    await expect(openLmdbLog({ dir: temporaryDir(), mode: 'reader' })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a log on LMDB', () => {
  test('tails a history longer than a chunk, and reads it back in one piece', async () => {
    const log = await openLmdbLog({ dir: temporaryDir(), mode: 'writer' });
    await log.append(commitsAfter(log.head(), 2500));
    const seen: number[] = [];
    log.tail(1, (commit) => seen.push(commit.seq));
    await until(() => seen.length >= 2500);
    expect(seen).toEqual(Array.from({ length: 2500 }, (_, i) => i + 1));
    expect((await log.read(1, 5000)).length).toBe(2500);
    await log.close();
  });

  test('a record of a later release makes its append fail alone', async () => {
    const log = await openLmdbLog({ dir: temporaryDir(), mode: 'writer' });
    const later = Buffer.from(commitAfter(log.head()));
    later[1] = 9;
    const outcomes = await Promise.allSettled([log.append([later]), log.append(commitsAfter(log.head(), 2))]);
    expect(outcomes[0]).toMatchObject({ status: 'rejected', reason: { code: 'unsupported' } });
    expect(outcomes[1]).toMatchObject({ status: 'fulfilled', value: { accepted: [1, 2] } });
    expect(await log.orphans()).toEqual([]);
    await log.close();
  });

  test('closing waits for what is on its way', async () => {
    const dir = temporaryDir();
    const log = await openLmdbLog({ dir, mode: 'writer' });
    const appended = log.append(commitsAfter(log.head(), 3));
    await log.close();
    expect((await appended).accepted).toEqual([1, 2, 3]);
    const again = await openLmdbLog({ dir, mode: 'writer' });
    expect(again.head().seq).toBe(3);
    await again.close();
  });
});
