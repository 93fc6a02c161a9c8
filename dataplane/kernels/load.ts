import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlowgridError } from '../../domain/base/errors';
import type { Arena } from '../frames/arena';
import type { Kernels } from './kernels';
import { createTsKernels } from './ts';

/** The built module, seen from `dist/` and from the sources. */
const PATHS = [
  join(__dirname, 'kernels.wasm'),
  join(__dirname, '..', '..', 'dist', 'dataplane', 'kernels', 'kernels.wasm'),
];

let compiled: WebAssembly.Module | undefined;

/**
 * The kernels over an arena: WebAssembly where the built module is found, else the TypeScript twin.
 * @param prefer asks for one kind; without it the faster one that is there is taken.
 * @throws FlowgridError `unsupported` if `wasm` is asked for and there is no built module.
 */
export function loadKernels(arena: Arena, prefer?: 'wasm' | 'ts'): Kernels {
  if (prefer === 'ts') return createTsKernels(arena);
  const path = PATHS.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    if (prefer === undefined) return createTsKernels(arena);
    throw new FlowgridError('unsupported', 'dist/dataplane/kernels/kernels.wasm is not there', {
      remedy: 'run `npm run build`',
    });
  }
  compiled ??= new WebAssembly.Module(readFileSync(path));
  const instance = new WebAssembly.Instance(compiled, { env: { memory: arena.memory } });
  return { ...(instance.exports as unknown as Omit<Kernels, 'kind'>), kind: 'wasm' };
}
