import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { availability } from '../../services/availability';
import { cached, onPath, run } from '../../services/cache';

const READER = join(__dirname, 'openconfig.py');
/** The models as those who publish them have compiled them, and what the result needs to run. */
const PACKAGES = [
  'oc-config-validate==2.10.0.post1',
  'pyangbind==0.8.7',
  'lxml==6.1.3',
  'regex==2026.11.19',
  'bitarray==3.12.3',
];
const OUTPUT_BYTES_MAX = 1 << 27;

/** Whether documents can be held against the published OpenConfig models: that takes Python and its packages. */
export const openconfigAvailable = availability(() => {
  if (!onPath('python3')) throw new Error('the OpenConfig models need Python: no python3 on the PATH');
  models();
  return PACKAGES[0]!;
});

/** What the models make of a document. */
export type OpenconfigReading = { readonly read: unknown } | { readonly refused: string };

/** Reads documents by the published models. */
export function readOpenconfig(documents: readonly unknown[]): OpenconfigReading[] {
  const input = documents.map((document) => `${JSON.stringify(document)}\n`).join('');
  const options = { input, maxBuffer: OUTPUT_BYTES_MAX, env: { ...process.env, PYTHONPATH: models() } };
  const told = execFileSync('python3', [READER], { ...options, encoding: 'utf8' });
  return told
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as OpenconfigReading);
}

function models(): string {
  return cached('openconfig-models', (fresh) => {
    run('python3', ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', fresh, ...PACKAGES]);
  });
}
