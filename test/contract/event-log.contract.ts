import { NO_HASH, type EventLog, type StoredCommit } from '../../domain/seams/event-log';
import { EMPTY_HEAD } from '../../domain/seams/event-log';
import { sha256 } from '../../adapters/codec/hash';
import { decodeCommit } from '../../adapters/codec/records';
import { batchAfter, commitAfter, commitsAfter } from './log-records';

/** One log that can be closed and opened again over what it had stored. */
export interface LogUnderTest {
  open(): Promise<EventLog>;
  /** Removes what was stored. */
  dispose(): Promise<void>;
}

/** What every event log must do, on every adapter (DESIGN.md section 3). `create` gives an empty log each time. */
export function describeEventLog(name: string, create: () => Promise<LogUnderTest>): void {
  describe(`event log contract: ${name}`, () => {
    let subject: LogUnderTest;
    let log: EventLog;

    beforeEach(async () => {
      subject = await create();
      log = await subject.open();
    });
    afterEach(async () => {
      await log.close();
      await subject.dispose();
    });

    const reopen = async (): Promise<void> => {
      await log.close();
      log = await subject.open();
    };
    const append = (count: number) => log.append(commitsAfter(log.head(), count));

    describe('commits', () => {
      test('an empty log has the empty head and nothing to read', async () => {
        expect(log.head()).toEqual(EMPTY_HEAD);
        expect(await log.read(1, 10)).toEqual([]);
        expect(await log.orphans()).toEqual([]);
      });

      test('what was appended is read back byte for byte, with seq and hash, after reopening too', async () => {
        const records = commitsAfter(log.head(), 5);
        const result = await log.append(records);
        expect(result.accepted).toEqual([1, 2, 3, 4, 5]);
        expect(result.head).toEqual(log.head());
        const expected = records.map((bytes, i) => ({ seq: i + 1, hash: sha256(bytes), hex: hex(bytes) }));
        expect((await log.read(1, 100)).map(readable)).toEqual(expected);
        const head = log.head();
        await reopen();
        expect(log.head()).toEqual(head);
        expect((await log.read(1, 100)).map(readable)).toEqual(expected);
      });

      test('a read begins at its seq and ends at its limit', async () => {
        await append(5);
        expect((await log.read(2, 3)).map((commit) => commit.seq)).toEqual([2, 3, 4]);
        expect((await log.read(5, 9)).map((commit) => commit.seq)).toEqual([5]);
        expect(await log.read(6, 9)).toEqual([]);
        expect((await log.read(0, 1)).map((commit) => commit.seq)).toEqual([1]);
      });

      test('the bytes appended belong to the log: changing them afterwards changes nothing', async () => {
        // A Buffer on purpose: its `slice` is a view, no copy.
        const record = Buffer.from(commitAfter(log.head()));
        const expected = hex(record);
        const appended = log.append([record]);
        record.fill(0);
        await appended;
        const [stored] = await log.read(1, 1);
        expect(hex(stored!.bytes)).toBe(expected);
      });

      test('appends of one turn keep their order', async () => {
        const records = commitsAfter(log.head(), 20);
        const results = await Promise.all(records.map((bytes) => log.append([bytes])));
        expect(results.map((result) => result.accepted)).toEqual(records.map((_, i) => [i + 1]));
        expect(log.head().seq).toBe(20);
      });
    });

    describe('the acceptance rule', () => {
      test.each([
        ['a seq that was taken', 'seq', { seq: 2 }],
        ['a seq too far on', 'seq', { seq: 4 }],
        ['another predecessor', 'prev', { prev: 'ab'.repeat(32) }],
        ['an older epoch', 'epoch', { epoch: 6 }],
      ])('%s makes an orphan, listed and never applied', async (_, reason, options) => {
        await log.append(commitsAfter(log.head(), 2, { epoch: 7 }));
        const head = log.head();
        const bytes = commitAfter(head, options);
        expect(await log.append([bytes])).toEqual({ accepted: [], head });
        const check = async (): Promise<void> => {
          expect((await log.orphans()).map((orphan) => [orphan.reason, hex(orphan.bytes)])).toEqual([
            [reason, hex(bytes)],
          ]);
          expect((await log.read(1, 100)).length).toBe(2);
          expect(log.head()).toEqual(head);
        };
        await check();
        await reopen();
        await check();
      });

      test('bytes that are no commit make an orphan', async () => {
        const { accepted } = await log.append([Buffer.from('no commit')]);
        expect(accepted).toEqual([]);
        expect((await log.orphans()).map((orphan) => orphan.reason)).toEqual(['undecodable']);
      });

      test('in one append the refused records do not hinder the others', async () => {
        const [first, second] = commitsAfter(log.head(), 2) as [Uint8Array, Uint8Array];
        const result = await log.append([first, first, Buffer.from('noise'), second]);
        expect(result.accepted).toEqual([1, 2]);
        expect((await log.orphans()).map((orphan) => orphan.reason)).toEqual(['seq', 'undecodable']);
        expect((await append(1)).accepted).toEqual([3]);
      });

      test('of two commits that extend one head the first counts', async () => {
        const rivals = [commitAfter(log.head(), { commandId: 'a' }), commitAfter(log.head(), { commandId: 'b' })];
        const [a, b] = await Promise.all(rivals.map((bytes) => log.append([bytes])));
        expect(a!.accepted).toEqual([1]);
        expect(b!.accepted).toEqual([]);
        expect(decodeCommit((await log.read(1, 1))[0]!.bytes).commandId).toBe('a');
      });
    });

    describe('tails', () => {
      test('a tail gets history, then what is appended, without gap or repeat, in order', async () => {
        await append(3);
        const seen: number[] = [];
        const stop = log.tail(2, (commit) => seen.push(commit.seq));
        await append(2);
        await append(1);
        await until(() => seen.length >= 5);
        stop();
        await append(1);
        await log.read(1, 100);
        expect(seen).toEqual([2, 3, 4, 5, 6]);
      });

      test('a tail may begin beyond the head', async () => {
        const seen: number[] = [];
        log.tail(3, (commit) => seen.push(commit.seq));
        await append(4);
        await until(() => seen.length >= 2);
        expect(seen).toEqual([3, 4]);
      });

      test('orphans are not delivered', async () => {
        const seen: string[] = [];
        log.tail(1, (commit) => seen.push(commit.hash));
        const [first, second] = commitsAfter(log.head(), 2) as [Uint8Array, Uint8Array];
        await log.append([first, Buffer.from('noise'), second]);
        await until(() => seen.length >= 2);
        expect(seen).toEqual([sha256(first), sha256(second)]);
      });

      test('a listener may append and gets its own commits after the present one', async () => {
        const seen: number[] = [];
        let nested: Promise<unknown> | undefined;
        log.tail(1, (commit) => {
          seen.push(commit.seq);
          if (commit.seq === 1) nested = log.append([commitAfter({ ...log.head(), seq: 1, hash: commit.hash })]);
        });
        await append(1);
        await until(() => nested !== undefined);
        await nested;
        await until(() => seen.length >= 2);
        expect(seen).toEqual([1, 2]);
      });

      test('a listener that was stopped inside a delivery is not called again', async () => {
        await append(3);
        const seen: number[] = [];
        const stop = log.tail(1, (commit) => {
          seen.push(commit.seq);
          stop();
        });
        await until(() => seen.length > 0);
        await append(1);
        expect(seen).toEqual([1]);
      });
    });

    describe('flow chains', () => {
      const start = { chain: '2/1@1', number: 0, hash: NO_HASH };

      test('batches are read back in order, per chain, after reopening too', async () => {
        const a1 = batchAfter(start);
        const a2 = batchAfter({ ...a1, hash: sha256(a1.bytes) });
        const b1 = batchAfter({ ...start, chain: '2/10@1' });
        for (const batch of [a1, b1, a2]) expect(await log.appendFlows(batch)).toBe('appended');
        const check = async (): Promise<void> => {
          expect((await log.readFlows('2/1@1', 1, 10)).map(readableBatch)).toEqual([a1, a2].map(readableBatch));
          expect((await log.readFlows('2/1@1', 2, 10)).map((batch) => batch.number)).toEqual([2]);
          expect((await log.readFlows('2/1@1', 1, 1)).map((batch) => batch.number)).toEqual([1]);
          expect((await log.readFlows('2/10@1', 1, 10)).map(readableBatch)).toEqual([b1].map(readableBatch));
          expect(await log.readFlows('2/2@1', 1, 10)).toEqual([]);
          expect(await log.chains()).toEqual([
            { chain: '2/10@1', number: 1, hash: sha256(b1.bytes), oldest: 1 },
            { chain: '2/1@1', number: 2, hash: sha256(a2.bytes), oldest: 1 },
          ]);
        };
        await check();
        await reopen();
        await check();
      });

      test('a repeated batch is dropped, a gap is refused, a fork is an error', async () => {
        const first = batchAfter(start);
        await log.appendFlows(first);
        expect(await log.appendFlows(first)).toBe('duplicate');
        expect(await log.appendFlows({ ...first, bytes: Buffer.from('other') })).toBe('duplicate');
        const head = { ...first, hash: sha256(first.bytes) };
        expect(await log.appendFlows({ ...batchAfter(head), number: 3 })).toBe('gap');
        await expect(log.appendFlows({ ...batchAfter(head), prev: NO_HASH })).rejects.toMatchObject({
          code: 'invalid-record',
        });
        expect(await log.appendFlows(batchAfter(head))).toBe('appended');
        expect((await log.readFlows(start.chain, 1, 10)).map((batch) => batch.number)).toEqual([1, 2]);
      });

      test('batches of one turn keep their order', async () => {
        const batches = [batchAfter(start)];
        for (let i = 1; i < 10; i++) {
          const last = batches[i - 1]!;
          batches.push(batchAfter({ ...last, hash: sha256(last.bytes) }));
        }
        const verdicts = await Promise.all(batches.map((batch) => log.appendFlows(batch)));
        expect(verdicts).toEqual(batches.map(() => 'appended'));
      });
    });

    describe('snapshots', () => {
      const snapshotAt = (seq: number) => ({
        seq,
        commitHash: 'cd'.repeat(32),
        foldVersion: 3,
        bytes: Buffer.from(`state at ${seq}`),
      });

      test('the newest at or before a seq is found, after reopening too', async () => {
        for (const seq of [10, 30, 20]) await log.putSnapshot(snapshotAt(seq));
        const check = async (): Promise<void> => {
          expect(await log.snapshot(9)).toBeUndefined();
          for (const [asked, found] of [
            [10, 10],
            [29, 20],
            [30, 30],
            [1000, 30],
          ] as const) {
            const snapshot = await log.snapshot(asked);
            expect({ ...snapshot, bytes: hex(snapshot!.bytes) }).toEqual({
              ...snapshotAt(found),
              bytes: hex(snapshotAt(found).bytes),
            });
          }
        };
        await check();
        await reopen();
        await check();
      });

      test('many snapshots are not kept for ever, the newest is', async () => {
        for (let seq = 1; seq <= 12; seq++) await log.putSnapshot(snapshotAt(seq));
        expect((await log.snapshot(12))?.seq).toBe(12);
        expect(await log.snapshot(1)).toBeUndefined();
      });
    });

    describe('checkpoints', () => {
      test('the newest of a name is found, after reopening too', async () => {
        expect(await log.checkpoint('one')).toBeUndefined();
        for (const text of ['first', 'second']) await log.putCheckpoint('one', Buffer.from(text));
        await log.putCheckpoint('other', Buffer.from('x'.repeat(100_000)));
        const check = async (): Promise<void> => {
          expect(hex((await log.checkpoint('one'))!)).toBe(hex(Buffer.from('second')));
          expect((await log.checkpoint('other'))!.length).toBe(100_000);
          expect(await log.checkpoint('none')).toBeUndefined();
          expect(await log.snapshot(1000)).toBeUndefined();
        };
        await check();
        await reopen();
        await check();
      });
    });

    test('the size grows with the log', async () => {
      const before = await log.sizeBytes();
      await log.append(commitsAfter(log.head(), 1, { events: [{ type: 'Big', v: 1, data: 'x'.repeat(200_000) }] }));
      expect((await log.sizeBytes()) - before).toBeGreaterThan(100_000);
    });

    test('a closed log refuses everything with `closed`, and closing twice is fine', async () => {
      const record = commitAfter(log.head());
      await log.close();
      await log.close();
      const calls: (() => unknown)[] = [
        () => log.append([record]),
        () => log.read(1, 1),
        () => log.orphans(),
        () => log.appendFlows(batchAfter({ chain: '1/1@1', number: 0, hash: NO_HASH })),
        () => log.readFlows('1/1@1', 1, 1),
        () => log.chains(),
        () => log.snapshot(1),
        () => log.putSnapshot({ seq: 1, commitHash: '', foldVersion: 1, bytes: record }),
        () => log.checkpoint('one'),
        () => log.putCheckpoint('one', record),
        () => log.sizeBytes(),
      ];
      for (const call of calls) await expect((async () => call())()).rejects.toMatchObject({ code: 'closed' });
      expect(() => log.tail(1, () => undefined)).toThrow(expect.objectContaining({ code: 'closed' }));
    });
  });
}

/** Waits for a condition, turn by turn of the event loop; the test's own timeout ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1));
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function readable(commit: StoredCommit): unknown {
  return { seq: commit.seq, hash: commit.hash, hex: hex(commit.bytes) };
}

function readableBatch(batch: { chain: string; number: number; prev: string; bytes: Uint8Array }): unknown {
  return { ...batch, bytes: hex(batch.bytes) };
}
