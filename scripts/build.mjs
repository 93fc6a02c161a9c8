/**
 * Builds `dist/`: the kernels (AssemblyScript to one WebAssembly module), then every room (TypeScript to CommonJS), then the
 * workflows as Temporal's workers run them, where Temporal's packages are installed.
 * Types are the business of `npm run types`: an install without optional packages lacks some, and must build all the same.
 * All steps are skipped when their inputs are older than their output, so that `npm test` builds only what changed.
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const bin = (name) => join(root, 'node_modules', '.bin', name);

/** The newest modification time below `dir`, in milliseconds; 0 when there is nothing. */
function newest(dir) {
  if (!existsSync(dir)) return 0;
  return readdirSync(dir, { withFileTypes: true }).reduce((latest, entry) => {
    const path = join(dir, entry.name);
    return Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }, 0);
}

function buildKernels() {
  const source = join(root, 'dataplane/kernels/assembly');
  const output = join(root, 'dist/dataplane/kernels/kernels.wasm');
  if (newest(source) === 0 || (existsSync(output) && statSync(output).mtimeMs > newest(source))) return;
  mkdirSync(join(root, 'dist/dataplane/kernels'), { recursive: true });
  execFileSync(bin('asc'), ['--config', join(source, 'asconfig.json'), '--target', 'release'], {
    cwd: root,
    stdio: 'inherit',
  });
}

function buildRooms() {
  execFileSync(bin('tsc'), ['-p', join(root, 'tsconfig.build.json')], { cwd: root, stdio: 'inherit' });
}

async function bundleWorkflows() {
  if (!existsSync(join(root, 'node_modules/@temporalio/worker'))) return;
  const require = createRequire(import.meta.url);
  const { keepBundle, keptFile } = require(join(root, 'dist/workflows/temporal/bundle.js'));
  const file = await keptFile();
  const changed = Math.max(newest(join(root, 'workflows')), newest(join(root, 'domain')));
  if (existsSync(file) && statSync(file).mtimeMs > changed) return;
  await keepBundle();
}

buildKernels();
buildRooms();
await bundleWorkflows();
