import { type ExecFileSyncOptions, execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Where downloads and builds are kept between runs (git-ignored). */
export const cacheDir = resolve(__dirname, '../../.services');

/**
 * The folder `.services/<name>`, made by `build` when it is not there yet. `build` fills a fresh folder that gets its
 * name only when complete, so that an interrupted build leaves nothing that looks finished. A lock keeps concurrent
 * test processes from building the same thing twice; it only saves work: correctness rests on the rename.
 */
export function cached(name: string, build: (dir: string) => void): string {
  const target = join(cacheDir, name);
  if (existsSync(target)) return target;
  mkdirSync(cacheDir, { recursive: true });
  const unlock = lock(join(cacheDir, `${name}.lock`));
  try {
    if (existsSync(target)) return target;
    const fresh = join(cacheDir, `${name}.tmp-${process.pid}`);
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh);
    try {
      build(fresh);
      renameSync(fresh, target);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
    return target;
  } finally {
    unlock();
  }
}

/** Whether a program is on the PATH. */
export function onPath(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v "$1"`, 'sh', program], { stdio: 'ignore' }).status === 0;
}

/**
 * Runs a program to its end and returns what it printed.
 *
 * @throws Error with the program's last lines when it fails.
 */
export function run(program: string, args: readonly string[], options: ExecFileSyncOptions = {}): string {
  try {
    const output = execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26, ...options });
    return output.toString('utf8').trim();
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: Uint8Array; stderr?: Uint8Array };
    const printed = [stdout, stderr].map((bytes) => (bytes === undefined ? '' : Buffer.from(bytes).toString('utf8')));
    const lastLines = printed.join('\n').trim().split('\n').slice(-8).join('\n');
    throw new Error(`${program} ${args.slice(0, 3).join(' ')} failed:\n${lastLines || (error as Error).message}`);
  }
}

/** Takes a lock file that names its owner's process; the lock of a process that is gone counts as free. */
function lock(path: string): () => void {
  for (;;) {
    try {
      const file = openSync(path, 'wx');
      writeSync(file, String(process.pid));
      closeSync(file);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (!ownerLives(path)) rmSync(path, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function ownerLives(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    // An empty file is an owner between open and write.
    if (pid > 0) process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
