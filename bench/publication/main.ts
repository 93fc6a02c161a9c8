import type { BenchOptions, BenchResult } from '../result';
import { LARGE, oneChange, wholePublication } from './change';
import { memoryOfVersions } from './memory';

/** What a topology costs to make and to take up: the first of a large grid, the next after one change, and all that live. */
export async function run({ smoke }: BenchOptions = { smoke: false }): Promise<BenchResult[]> {
  const size = smoke ? { clusters: 10, members: 10 } : LARGE;
  return [
    ...(await wholePublication({ ...size, rounds: smoke ? 1 : 5 })),
    ...(await oneChange({ ...size, rounds: smoke ? 1 : 15 })),
    ...memoryOfVersions(smoke),
  ];
}
