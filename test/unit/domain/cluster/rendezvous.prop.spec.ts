import fc from 'fast-check';
import { backupBound, backupCounts, balanceBackups } from '../../../../domain/cluster/backup-balance';
import { BUCKET_COUNT, flowBucket, ORDER_WIDTH, RendezvousTable } from '../../../../domain/cluster/rendezvous';

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const memberships = fc
  .uniqueArray(fc.integer({ min: 1, max: 127 }), { minLength: 1, maxLength: 12 })
  .map((nodes) => nodes.map((node) => ({ node, incarnation: 1 })));
const runs = { numRuns: 20 };

const primariesOf = (table: RendezvousTable): number[] =>
  Array.from({ length: BUCKET_COUNT }, (_, bucket) => table.first[bucket * ORDER_WIDTH]!);

describe('rendezvous tables', () => {
  it('rank every bucket by all members, each once', () => {
    fc.assert(
      fc.property(memberships, seeds, fc.integer({ min: 0, max: BUCKET_COUNT - 1 }), (members, seed, bucket) => {
        const table = RendezvousTable.build(9, members, seed);
        const order = table.order(bucket);
        expect([...order].sort((a, b) => a - b)).toEqual(table.nodes);
        const held = Array.from(table.first.subarray(bucket * ORDER_WIDTH, (bucket + 1) * ORDER_WIDTH));
        expect(held.filter((node) => node !== 0)).toEqual(order.slice(0, ORDER_WIDTH));
      }),
      runs,
    );
  });

  it('move only the buckets of a member that leaves, and spread them over all others', () => {
    fc.assert(
      fc.property(
        memberships.filter((m) => m.length > 2),
        seeds,
        (members, seed) => {
          const table = RendezvousTable.build(3, members, seed);
          const leaving = members[0]!.node;
          const { table: after, moved } = table.changeTo(members.slice(1));
          const before = primariesOf(table);
          const now = primariesOf(after);
          const heirs = new Set(now.filter((_, bucket) => before[bucket] === leaving));
          expect(before.filter((node, bucket) => node !== leaving && now[bucket] !== node)).toEqual([]);
          expect(moved).toBe(before.filter((node) => node === leaving).length);
          expect(heirs.size).toBe(members.length - 1);
        },
      ),
      runs,
    );
  });

  it('give a joining member its share and move nothing else', () => {
    fc.assert(
      fc.property(
        memberships.filter((m) => m.length > 2),
        seeds,
        (members, seed) => {
          const joining = members[0]!.node;
          const { table: after, moved } = RendezvousTable.build(3, members.slice(1), seed).changeTo(members);
          const share = primariesOf(after).filter((node) => node === joining).length;
          expect(moved).toBe(share);
          expect(share).toBeGreaterThan((BUCKET_COUNT / members.length) * 0.8);
          expect(share).toBeLessThan((BUCKET_COUNT / members.length) * 1.2);
        },
      ),
      runs,
    );
  });

  it('changed step by step equal tables built from nothing', () => {
    fc.assert(
      fc.property(fc.array(memberships, { minLength: 2, maxLength: 4 }), seeds, (steps, seed) => {
        let table = RendezvousTable.build(200, steps[0]!, seed);
        for (const members of steps) table = table.changeTo(members).table;
        const fresh = RendezvousTable.build(200, steps[steps.length - 1]!, seed);
        expect(Buffer.compare(table.first, fresh.first)).toBe(0);
      }),
      runs,
    );
  });

  it('name the next live member after the primary as backup, cyclically', () => {
    fc.assert(
      fc.property(
        memberships,
        seeds,
        fc.integer({ min: 0, max: BUCKET_COUNT - 1 }),
        fc.infiniteStream(fc.boolean()),
        (members, seed, bucket, coin) => {
          const table = RendezvousTable.build(7, members, seed);
          const live = new Uint8Array(128);
          for (const { node } of members) live[node] = coin.next().value ? 1 : 0;
          const order = table.order(bucket);
          for (const primary of order) {
            const at = order.indexOf(primary);
            const cyclic = [...order.slice(at + 1), ...order.slice(0, at)];
            expect(table.nextLive(bucket, primary, live)).toBe(cyclic.find((node) => live[node] === 1) ?? 0);
          }
          expect(table.firstLive(bucket, live)).toBe(order.find((node) => live[node] === 1) ?? 0);
        },
      ),
      { numRuns: 20 },
    );
  });

  it.each([3, 5, 24, 29, 127])('keep the backups of %i members within 1.25 × the mean', (count) => {
    const members = Array.from({ length: count }, (_, i) => ({ node: i + 1, incarnation: 1 }));
    const counts = backupCounts(RendezvousTable.build(1, members, 42).first);
    const most = Math.max(...members.map(({ node }) => counts[node]!));
    expect(most).toBeLessThanOrEqual(backupBound(count));
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(BUCKET_COUNT);
  });

  it('bring a lopsided order within the bound without touching first places', () => {
    const nodes = [1, 2, 3, 4, 5];
    const lopsided = new Uint8Array(BUCKET_COUNT * ORDER_WIDTH);
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const primary = 2 + (bucket % 4);
      const rest = nodes.filter((node) => node !== primary && node !== 1);
      lopsided.set([primary, 1, rest[0]!, rest[1]!], bucket * ORDER_WIDTH);
    }
    const balanced = balanceBackups(lopsided, nodes, backupBound(5));
    const counts = backupCounts(balanced);
    expect(Math.max(...nodes.map((node) => counts[node]!))).toBeLessThanOrEqual(backupBound(5));
    let spoiled = 0;
    for (let at = 0; at < balanced.length; at += ORDER_WIDTH) {
      const isPermuted = new Set(balanced.subarray(at, at + ORDER_WIDTH)).size === ORDER_WIDTH;
      if (balanced[at] !== lopsided[at] || !isPermuted) spoiled++;
    }
    expect(spoiled).toBe(0);
  });
});

describe('flow buckets', () => {
  it('are independent between clusters, so that one stage does not polarise the next', () => {
    const joint = new Map<string, number>();
    for (let flow = 0; flow < 40_000; flow++) {
      const pair = `${flowBucket(flow, 1, 5) & 3}${flowBucket(flow, 2, 5) & 3}`;
      joint.set(pair, (joint.get(pair) ?? 0) + 1);
    }
    expect(joint.size).toBe(16);
    for (const count of joint.values()) expect(Math.abs(count - 2500)).toBeLessThan(250);
  });

  it('stay within 16 bits', () => {
    fc.assert(
      fc.property(seeds, seeds, fc.integer({ min: 1, max: 255 }), (flow, seed, cluster) => {
        const bucket = flowBucket(flow, cluster, seed);
        expect(Number.isInteger(bucket) && bucket >= 0 && bucket < BUCKET_COUNT).toBe(true);
      }),
    );
  });
});
