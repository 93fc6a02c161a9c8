import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs something and returns how many seconds it took. */
export async function seconds(run: () => unknown): Promise<number> {
  const begin = process.hrtime.bigint();
  await run();
  return Number(process.hrtime.bigint() - begin) / 1e9;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value that a share of all, from 0 to 1, do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

/**
 * Measures two things turn by turn, so that a machine that gets slower or busier does so for both; returns the median
 * seconds of each. The first rounds, in which code is still being compiled, do not count.
 */
export async function sideBySide(
  rounds: number,
  ours: (round: number) => Promise<number>,
  theirs: (round: number) => Promise<number>,
): Promise<{ readonly ours: number; readonly theirs: number; readonly oursP99: number }> {
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  const uncounted = rounds >> 1;
  for (let round = -uncounted; round < rounds; round++) {
    const pair = [await ours(round + uncounted), await theirs(round + uncounted)] as const;
    if (round < 0) continue;
    times.ours.push(pair[0]);
    times.theirs.push(pair[1]);
  }
  return { ours: median(times.ours), theirs: median(times.theirs), oursP99: quantile(times.ours, 0.99) };
}

/** Gives `use` a new directory and removes it afterwards. */
export async function inTemporaryDir<Result>(use: (dir: string) => Promise<Result>): Promise<Result> {
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-bench-'));
  try {
    return await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
