import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEnvironment, type Environment } from '../../../../../adapters/log/lmdb/environment';

const made: string[] = [];

/** A new directory for a log, removed after the test file; `below` adds further levels. */
export function temporaryDir(...below: string[]): string {
  const root = mkdtempSync(join(tmpdir(), 'flowgrid-log-'));
  made.push(root);
  const dir = join(root, ...below);
  mkdirSync(dir, { recursive: true });
  return dir;
}

afterAll(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** Does something to the stored databases behind the log's back, which must be closed. */
export async function tamper(dir: string, change: (env: Environment) => void): Promise<void> {
  const env = openEnvironment(dir, false);
  env.root.transactionSync(() => change(env));
  await env.root.close();
}
