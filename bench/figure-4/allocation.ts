import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { BenchResult } from '../result';
import type { PublishedTopology } from '../../domain/topology/topology';
import { establish, MemoryGrid } from './memory-grid';
import type { Traffic } from './recording';

const BUDGET = 0.01;
/** Frames between two looks at the heap for what was allocated, garbage included: too few to fill a nursery. */
const STRIDE = 10_000;
const STRETCHES = 9;

/** Collects all garbage, now. */
export function forcedCollection(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/**
 * Bytes that established frames leave on the JavaScript heap, hello rounds included: kept ones between two forced
 * collections, and those that were allocated at all, as far as no collection came between.
 */
export function allocation(
  published: PublishedTopology,
  traffic: Traffic,
  places: number,
  frames: number,
): BenchResult[] {
  const collect = forcedCollection();
  const grid = new MemoryGrid(published, { flows: places });
  establish(grid, traffic);
  const { established } = traffic;
  const play = (n: number): void => {
    for (let left = n; left > 0; left -= established.length) {
      grid.send(established, 0, Math.min(left, established.length));
    }
  };
  play(frames >> 2);
  const before = heapAfter(collect);
  play(frames);
  const kept = Math.max(0, heapAfter(collect) - before) / frames;
  const allocated = allocatedBytes(collect, () => play(STRIDE)) / STRIDE;
  grid.check();
  return [
    {
      name: `bytes kept per frame, over ${frames.toLocaleString('en-US')} frames`,
      unit: 'B/frame',
      value: kept,
      ratio: { of: 'a byte', value: kept, budget: `≤ ${BUDGET}`, ok: kept <= BUDGET },
      note: 'between two forced collections',
    },
    {
      name: 'bytes allocated per frame, garbage included',
      unit: 'B/frame',
      value: allocated,
      note: `median of ${STRETCHES} stretches, hello rounds included; reported, not judged`,
    },
  ];
}

function heapAfter(collect: () => void): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** The median of what several runs allocate; runs that a collection interrupted show less than nothing, and are left out. */
function allocatedBytes(collect: () => void, run: () => void): number {
  const grown: number[] = [];
  for (let i = 0; i < STRETCHES; i++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    run();
    const bytes = process.memoryUsage().heapUsed - before;
    if (bytes >= 0) grown.push(bytes);
  }
  grown.sort((a, b) => a - b);
  return grown[grown.length >> 1] ?? Number.NaN;
}
