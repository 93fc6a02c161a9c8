import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The C source, seen from `dist/bench/packet-path` and from the sources. */
const SOURCES = [join(__dirname, 'yardstick.c'), join(__dirname, '../../../bench/packet-path/yardstick.c')];

/** The compiled yardstick, see yardstick.c. */
export interface Yardstick {
  /** Median nanoseconds per frame of ingress push. */
  push(flows: number, frameBytes: number, batches: number): number;
  dispose(): void;
}

/** Compiles the yardstick, or undefined where there is no C compiler. */
export function buildYardstick(): Yardstick | undefined {
  const source = SOURCES.find((path) => existsSync(path));
  if (source === undefined) return undefined;
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-bench-'));
  const program = join(dir, 'yardstick');
  const dispose = (): void => rmSync(dir, { recursive: true, force: true });
  try {
    execFileSync('cc', ['-O3', '-o', program, source], { stdio: 'ignore' });
  } catch {
    dispose();
    return undefined;
  }
  return {
    push: (flows, frameBytes, batches) =>
      Number(execFileSync(program, [String(flows), String(frameBytes), String(batches)], { encoding: 'utf8' })),
    dispose,
  };
}
