import fc from 'fast-check';
import { Worker } from 'node:worker_threads';
import { createPrng } from '../../../../domain/base/prng';
import { Arena } from '../../../../dataplane/frames/arena';
import { NO_SLOT, SlotPool } from '../../../../dataplane/frames/slots';

describe('slot pools', () => {
  it('give each slot to one owner at a time and lose none, over any interleaving of pools', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer(), (slots, seed) => {
        const arena = Arena.create({ slots, bytes: 0 });
        const pools = [1, 2, 3].map(() => new SlotPool(arena));
        const prng = createPrng(seed);
        const owned: number[] = [];
        const owners = new Set<number>();
        for (let step = 0; step < 4000; step++) {
          const pool = pools[prng.below(3)];
          if (prng.below(1000) < 500 + 300 * Math.sin(step / 300)) {
            const slot = pool.allocate();
            if (slot === NO_SLOT) continue;
            expect(slot >= 0 && slot < slots && !owners.has(slot)).toBe(true);
            owners.add(slot);
            owned.push(slot);
          } else if (owned.length > 0) {
            const slot = owned.splice(prng.below(owned.length), 1)[0];
            owners.delete(slot);
            pool.free(slot);
          }
          if (prng.below(200) === 0) pool.flush();
        }
        pools.forEach((pool) => pool.flush());
        expect(pools[0].countFree() + owned.length).toBe(slots);
        // With all caches returned, one pool can have every slot.
        for (let rest = slots - owned.length; rest > 0; rest--) expect(pools[1].allocate()).not.toBe(NO_SLOT);
        expect(pools[1].allocate()).toBe(NO_SLOT);
      }),
      { numRuns: 40 },
    );
  });

  it('leave most slots to others when there are few', () => {
    const arena = Arena.create({ slots: 64, bytes: 0 });
    const pools = Array.from({ length: 8 }, () => new SlotPool(arena));
    const slots = pools.map((pool) => pool.allocate());
    expect(new Set(slots).size).toBe(8);
    expect(slots).not.toContain(NO_SLOT);
  });

  it('keep their promise between threads that pass slots around at full speed', async () => {
    const arena = Arena.create({ slots: 512, bytes: 1 << 16 });
    const owners = arena.allocate(4 * 512);
    const clashes = arena.allocate(4);
    const run = (seed: number): Promise<void> =>
      new Promise((resolve, reject) => {
        const worker = new Worker(WORKER, {
          eval: true,
          workerData: { ...arena.share(), owners, clashes, seed, root: process.cwd() },
        });
        worker.on('error', reject);
        worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`worker ended with ${code}`))));
      });
    await Promise.all([run(1), run(2), run(3)]);
    expect(arena.u32[clashes >>> 2]).toBe(0);
    expect(new SlotPool(arena).countFree()).toBe(512);
  });
});

/** Takes and returns slots at random, marking each with its owner; a mark that is there already is a clash. */
const WORKER = `
  const { workerData: { memory, owners, clashes, seed, root } } = require('node:worker_threads');
  const { readFileSync } = require('node:fs');
  const { transformSync } = require(root + '/node_modules/@swc/core');
  const Module = require('node:module');
  Module._extensions['.ts'] = (module, path) => module._compile(
    transformSync(readFileSync(path, 'utf8'), {
      filename: path, jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' },
    }).code, path);
  const { Arena } = require(root + '/dataplane/frames/arena.ts');
  const { SlotPool } = require(root + '/dataplane/frames/slots.ts');
  const { createPrng } = require(root + '/domain/base/prng.ts');
  const arena = Arena.attach({ memory });
  const pool = new SlotPool(arena);
  const prng = createPrng(seed);
  const held = [];
  for (let step = 0; step < 300000; step++) {
    if (prng.below(2) === 0) {
      const slot = pool.allocate();
      if (slot < 0) continue;
      if (Atomics.exchange(arena.i32, (owners >>> 2) + slot, seed) !== 0) Atomics.add(arena.i32, clashes >>> 2, 1);
      held.push(slot);
    } else if (held.length > 0) {
      const slot = held.splice(prng.below(held.length), 1)[0];
      if (Atomics.exchange(arena.i32, (owners >>> 2) + slot, 0) !== seed) Atomics.add(arena.i32, clashes >>> 2, 1);
      pool.free(slot);
    }
  }
  for (const slot of held) {
    Atomics.store(arena.i32, (owners >>> 2) + slot, 0);
    pool.free(slot);
  }
  pool.flush();
`;
