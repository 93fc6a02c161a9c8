import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FlowgridError } from '../../domain/base/errors';

/** Length of the grid's secret, bytes. Node keys are derived from it (`nodeKey`). */
export const SECRET_BYTES = 32;

/** Where a grid keeps its secret unless told otherwise. */
export function defaultKeyPath(dataDir: string): string {
  return join(dataDir, 'grid.key');
}

/**
 * The grid's secret, read from a file of 64 hex digits.
 *
 * @throws FlowgridError `not-found` without the file, `usage` when its content is no key or others may read it.
 */
export function readGridKey(path: string): Uint8Array {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new FlowgridError('not-found', `${path}: no grid key there`, {
      remedy: 'Start the grid once with `flowgrid up`, or name a key file with --key.',
      cause,
    });
  }
  if (!/^[0-9a-fA-F]{64}$/.test(text)) {
    throw new FlowgridError('usage', `${path}:1:1: not a grid key: want ${SECRET_BYTES * 2} hex digits`, {
      remedy: 'Restore the file, or start with an empty --data directory.',
    });
  }
  if ((statSync(path).mode & 0o077) !== 0) {
    throw new FlowgridError('usage', `${path}: others than its owner may read the grid key`, {
      remedy: `chmod 600 ${path}`,
    });
  }
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** {@link readGridKey}, but makes and keeps a new random secret (mode 600) when there is no file yet. */
export function readOrCreateGridKey(path: string): Uint8Array {
  const secret = randomBytes(SECRET_BYTES);
  mkdirSync(dirname(path), { recursive: true });
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return readGridKey(path);
    throw new FlowgridError('usage', `${path}: cannot write the grid key`, {
      remedy: 'Name a writable directory with --data, or an existing key with --key.',
      cause: error,
    });
  }
  try {
    writeSync(file, `${secret.toString('hex')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(path, 0o600);
  return Uint8Array.from(secret);
}
