import fc from 'fast-check';
import { createPrng } from '../../../../domain/base/prng';
import { LOOK_MS, reversals, settings, SteeredCluster } from './steered-cluster';

const NODES = 24;
const RUNS = 60;

const weights = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: NODES, maxLength: NODES });
const bands = fc
  .tuple(fc.integer({ min: 60, max: 90 }), fc.integer({ min: 25, max: 35 }))
  .map(([above, width]) => ({ above, below: above - width }));
const rests = fc.record({
  outMs: fc.integer({ min: 0, max: 10_000 }),
  inMs: fc.integer({ min: 0, max: 20_000 }),
});

function candidates(each: readonly number[]): { node: number; weight: number }[] {
  return each.map((weight, i) => ({ node: i + 1, weight }));
}

/** Runs a cluster from 0 on under a load that depends on time. */
function run(cluster: SteeredCluster, ms: number, load: (at: number) => number): void {
  for (let at = 0; at <= ms; at += LOOK_MS) cluster.look(at, load(at));
}

describe('assessing a cluster of many loads', () => {
  it('FG-351: the count stays within its limits and its spares, whatever the load does', () => {
    let changes = 0;
    fc.assert(
      fc.property(
        weights,
        bands,
        rests,
        fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 20, maxLength: 80 }),
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 0, max: 60 }),
        (each, band, cooldown, loads, min, more) => {
          const steering = settings({ ...band, cooldown, min, max: min + more });
          const cluster = new SteeredCluster(steering, candidates(each), 5);
          const isWithin = (): boolean => cluster.count >= Math.min(min, 5) && cluster.count <= Math.max(5, min + more);
          loads.forEach((load, i) => {
            cluster.look(4 * i * LOOK_MS, load);
            expect(isWithin()).toBe(true);
          });
          changes += cluster.changes.length;
          for (const { decision } of cluster.changes) {
            expect(decision.to).toBeLessThanOrEqual(Math.min(NODES, min + more));
            expect(decision.to).toBeGreaterThanOrEqual(min);
            expect(decision.nodes).toHaveLength(Math.abs(decision.to - decision.from));
          }
        },
      ),
      { numRuns: RUNS },
    );
    expect(changes).toBeGreaterThan(RUNS);
  });

  it('FG-352: a change is followed by no other before its cool-down is over', () => {
    let followed = 0;
    fc.assert(
      fc.property(weights, bands, rests, fc.integer(), (each, band, cooldown, seed) => {
        const prng = createPrng(seed);
        const cluster = new SteeredCluster(settings({ ...band, cooldown }), candidates(each), 5);
        run(cluster, 120_000, () => prng.below(60_000));
        cluster.changes.forEach(({ at, decision }, i) => {
          if (i === 0) return;
          followed++;
          const rest = decision.verdict === 'out' ? cooldown.outMs : cooldown.inMs;
          expect(at - cluster.changes[i - 1]!.at).toBeGreaterThanOrEqual(rest);
        });
      }),
      { numRuns: RUNS },
    );
    expect(followed).toBeGreaterThan(RUNS);
  });

  it('FG-353: at a steady load that trembles by a tenth the size changes in one direction and comes to rest', () => {
    let changed = 0;
    fc.assert(
      fc.property(
        weights,
        bands,
        rests,
        fc.integer({ min: 0, max: 14_000 }),
        fc.integer({ min: 1, max: NODES }),
        fc.integer(),
        (each, band, cooldown, load, count, seed) => {
          const prng = createPrng(seed);
          const cluster = new SteeredCluster(settings({ ...band, cooldown }), candidates(each), count);
          run(cluster, 300_000, () => Math.round(load * (0.9 + prng.unit() / 5)));
          changed += cluster.changes.length;
          expect(reversals(cluster.changes)).toBe(0);
          // A rare coincidence of trembles may lead out of the band late, but not again and again.
          expect(cluster.changes.length).toBeLessThanOrEqual(4);
        },
      ),
      { numRuns: RUNS },
    );
    expect(changed).toBeGreaterThan(RUNS / 2);
  });

  it('FG-353: a load that rises and falls fourfold, over and over, turns the size once each time, and it stays in its band', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_500, max: 3_000 }),
        fc.integer({ min: 60_000, max: 240_000 }),
        fc.integer(),
        (least, halfMs, seed) => {
          const prng = createPrng(seed);
          const one = Array.from({ length: NODES }, () => 1);
          const cluster = new SteeredCluster(settings(), candidates(one), Math.ceil(least / 650));
          const turns = 5;
          for (let at = 0; at <= turns * halfMs; at += LOOK_MS) {
            const phase = at / halfMs;
            const rise = Math.floor(phase) % 2 === 0 ? phase % 1 : 1 - (phase % 1);
            const load = least * (1 + 3 * rise);
            cluster.look(at, Math.round(load * (0.97 + 0.06 * prng.unit())));
            // The mean of a window and a cool-down lag behind a load that moves.
            expect(cluster.utilisation(load)).toBeLessThan(900);
            expect(cluster.utilisation(load)).toBeGreaterThan(400);
          }
          expect(reversals(cluster.changes)).toBe(turns - 1);
        },
      ),
      { numRuns: RUNS / 4 },
    );
  });

  it('FG-354: where latency decides, nodes are added and taken one by one, and none is taken at a load that it was added for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 500, max: 8_000 }),
        fc.integer({ min: 2, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        (load, knee, count) => {
          const one = Array.from({ length: NODES }, () => 1);
          const buckets = Array<number>(11).fill(0);
          // Beyond what the nodes can take they are slow at once; below, fast: the count says nothing of the latency.
          const latencies = (now: number, capacity: number): readonly number[] => {
            buckets[now > knee * capacity * 20 ? 10 : 0]! += now;
            return [...buckets];
          };
          const steering = settings({ target: { latencyUs: 1_000 }, cooldown: { outMs: 2_000, inMs: 2_000 } });
          const cluster = new SteeredCluster(steering, candidates(one), count, latencies);
          run(cluster, 200_000, () => load);
          for (const { decision } of cluster.changes) expect(Math.abs(decision.to - decision.from)).toBe(1);
          expect(reversals(cluster.changes)).toBeLessThanOrEqual(1);
          expect(cluster.changes.filter(({ at }) => at > 150_000)).toEqual([]);
        },
      ),
      { numRuns: RUNS / 4 },
    );
  });
});
