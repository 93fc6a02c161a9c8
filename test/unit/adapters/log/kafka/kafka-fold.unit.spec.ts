import { sha256 } from '../../../../../adapters/codec/hash';
import { encodeBatch, encodeSnapshotValue, KafkaFold } from '../../../../../adapters/log/kafka/kafka-fold';
import { NO_HASH, type FlowBatchRecord } from '../../../../../domain/seams/event-log';
import { batchAfter, commitAfter } from '../../../../contract/log-records';

const RECENT_BYTES = 100_000;

/** Batches of some chains in turns, each a chain's next. */
function* batchesOf(chains: readonly string[], rounds: number): Iterable<FlowBatchRecord> {
  const heads = new Map(chains.map((chain) => [chain, { chain, number: 0, hash: NO_HASH }]));
  for (let round = 0; round < rounds; round++) {
    for (const [chain, head] of heads) {
      const batch = batchAfter(head);
      heads.set(chain, { chain, number: batch.number, hash: sha256(batch.bytes) });
      yield batch;
    }
  }
}

describe("what is kept of a grid's topics", () => {
  test('FG-432: 200,000 commits, whatever their size, leave their places and a bounded number of bytes', () => {
    const fold = new KafkaFold(RECENT_BYTES);
    let written = 0;
    const held: number[] = [];
    for (let seq = 1; seq <= 200_000; seq++) {
      const bytes = commitAfter(fold.head);
      written += bytes.length;
      // Each is a transaction, whose end takes up an offset too.
      fold.takeCommit(bytes, 2 * seq);
      if (seq % 100_000 === 0) held.push(fold.historyBytes);
    }
    expect(fold.head.seq).toBe(200_000);
    expect(written).toBeGreaterThan(200_000 * 100);
    expect(held[1]).toBeLessThan(RECENT_BYTES + 2 * 200_000);
    expect(held[1]! - held[0]!).toBeLessThan(1.1 * 100_000);
    const newest = fold.recentCommits.from(fold.recentCommits.first, 200_000);
    expect(newest.length).toBeGreaterThan(100);
    expect(newest.at(-1)).toMatchObject({ seq: 200_000, hash: fold.head.hash });
    expect(fold.commitOffsets.slice(123_455, 2)).toEqual([2 * 123_456, 2 * 123_457]);
  });

  test('FG-432: orphans leave their places and reasons', () => {
    const fold = new KafkaFold(RECENT_BYTES);
    for (let i = 0; i < 10_000; i++) fold.takeCommit(Buffer.from('no commit'), i);
    expect(fold.orphans.reasons.length).toBe(10_000);
    expect(fold.orphans.reasons.at(-1)).toBe('undecodable');
    expect(fold.historyBytes).toBeLessThan(2 * 10_000);
  });

  test('FG-432: batches of many chains share the bytes; of each the newest are there, or none', () => {
    const fold = new KafkaFold(RECENT_BYTES);
    const chains = Array.from({ length: 10 }, (_, i) => `2/${i + 1}@1`);
    let offset = 0;
    for (const batch of batchesOf(chains, 1_000)) {
      fold.takeBatch(encodeBatch(batch), { partition: offset % 2, offset: offset++ });
    }
    expect(fold.historyBytes).toBeLessThan(RECENT_BYTES + 5 * offset);
    let kept = 0;
    for (const { head, recent, runs } of fold.chains.values()) {
      expect(head).toMatchObject({ number: 1_000, oldest: 1 });
      const newest = recent.from(recent.first, 1_000);
      expect(newest.map(({ number }) => number)).toEqual(newest.map((_, i) => 1_001 - newest.length + i));
      expect(runs).toHaveLength(1);
      kept += newest.length;
    }
    expect(kept).toBeGreaterThan(50);
  });

  test('FG-432: of snapshots the newest is kept, of the others the places', () => {
    const fold = new KafkaFold(RECENT_BYTES);
    const put = (seq: number, offset: number): void =>
      fold.takeSnapshot(
        String(seq),
        encodeSnapshotValue({ seq, commitHash: '', foldVersion: 1, bytes: Buffer.from([seq]) }),
        offset,
      );
    [10, 30, 20].forEach(put);
    expect(fold.newestSnapshot?.seq).toBe(30);
    expect([...fold.snapshots]).toEqual([
      [10, 0],
      [30, 1],
      [20, 2],
    ]);
    fold.takeSnapshot('30', null, 3);
    expect(fold.newestSnapshot).toBeUndefined();
    expect([...fold.snapshots.keys()]).toEqual([10, 20]);
  });

  test('FG-435: what retention has let go of in one partition is older than the oldest of the chains there', () => {
    const fold = new KafkaFold(RECENT_BYTES);
    let offset = 0;
    for (const batch of batchesOf(['1/1@1', '1/2@1'], 2_000)) {
      fold.takeBatch(encodeBatch(batch), { partition: offset % 2, offset: offset++ });
    }
    fold.trim(1, 3_001);
    const oldest = (chain: string): number => fold.chains.get(chain)!.head.oldest;
    // The second chain's batch n stands at 2n − 1.
    expect([oldest('1/1@1'), oldest('1/2@1')]).toEqual([1, 1_501]);
    fold.trim(1, 2_000);
    expect(oldest('1/2@1')).toBe(1_501);
    fold.trim(1, 4_000);
    expect(fold.chains.get('1/2@1')!.head).toMatchObject({ number: 2_000, oldest: 2_001 });
    const [, next] = [...batchesOf(['1/2@1'], 2_001)].slice(-2);
    fold.takeBatch(encodeBatch(next!), { partition: 1, offset: 4_001 });
    expect(fold.chains.get('1/2@1')!.head).toMatchObject({ number: 2_001, oldest: 2_001 });
    fold.trim(1, 4_001);
    expect(oldest('1/2@1')).toBe(2_001);
  });

  test('FG-435: a chain that goes on in another partition is trimmed where its oldest stand', () => {
    const fold = new KafkaFold(RECENT_BYTES);
    const batches = [...batchesOf(['1/1@1'], 20)];
    batches.forEach((batch, i) =>
      fold.takeBatch(encodeBatch(batch), i < 10 ? { partition: 0, offset: 100 + i } : { partition: 3, offset: i }),
    );
    const chain = fold.chains.get('1/1@1')!;
    expect(chain.runs.map(({ partition, first }) => [partition, first])).toEqual([
      [0, 1],
      [3, 11],
    ]);
    fold.trim(3, 15);
    expect(chain.head.oldest).toBe(1);
    fold.trim(0, 105);
    expect(chain.head.oldest).toBe(6);
    fold.trim(0, 200);
    expect(chain.head.oldest).toBe(16);
    fold.trim(3, 16);
    expect(chain.head.oldest).toBe(17);
  });
});
