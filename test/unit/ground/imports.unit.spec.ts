import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(__dirname, '../../..');

interface Planted {
  path: string;
  source: string;
  /** Part of the expected message; undefined when the line is allowed. */
  expected?: string;
}

const impure = ['Date.now()', 'new Date()', 'Math.random()', 'setTimeout(() => undefined, 1)'].flatMap((expression) => [
  ...['domain/grid', 'dataplane/node', 'runtime/control', 'actors'].map((room) => ({
    path: `${room}/planted.ts`,
    source: `export const planted = ${expression};\n`,
    expected: 'injected',
  })),
  { path: 'runtime/programs/planted.ts', source: `export const planted = ${expression};\n` },
]);

const cases: Planted[] = [
  {
    path: 'domain/grid/planted.ts',
    source: "import '../../dataplane/frames/layout';\n",
    expected: 'domain may not import dataplane',
  },
  { path: 'domain/grid/planted.ts', source: "import 'node:fs';\n", expected: 'domain may not import the Node builtin' },
  {
    path: 'domain/grid/planted.ts',
    source: "export * from 'xstate';\n",
    expected: 'domain may not import the package',
  },
  {
    path: 'dataplane/node/planted.ts',
    source: "import '../../adapters/log/lmdb';\n",
    expected: 'dataplane may not import adapters/log',
  },
  {
    path: 'runtime/control/planted.ts',
    source: "import '../../adapters/log/lmdb';\n",
    expected: 'runtime/control may not import adapters/log',
  },
  {
    path: 'runtime/agent/planted.ts',
    source: "import '../../actors/runtime';\n",
    expected: 'runtime/agent may not import actors',
  },
  {
    path: 'projections/planted.ts',
    source: "import '../dataplane/frames/layout';\n",
    expected: 'projections may not import dataplane',
  },
  {
    path: 'workflows/definitions/planted.ts',
    source: "import 'node:timers';\n",
    expected: 'may not import the Node builtin',
  },
  {
    path: 'interface/cli/planted.ts',
    source: "import '../../runtime/agent/agent';\n",
    expected: 'interface may not import runtime',
  },
  {
    path: 'actors/planted.ts',
    source: 'export const planted = { after: { 1000: "x" } };\n',
    expected: 'put dueAt in the context',
  },
  { path: 'dataplane/node/planted.ts', source: "import '../../domain/base/ids';\n" },
  { path: 'runtime/programs/planted.ts', source: "import '../../adapters/log/lmdb';\n" },
  ...impure,
];

describe('the table of allowed imports and the pure core', () => {
  let messages: string[][];
  beforeAll(() => {
    const script = join(root, 'test/support/lint-texts.mjs');
    messages = JSON.parse(execFileSync(process.execPath, [script], { input: JSON.stringify(cases), encoding: 'utf8' }));
  });

  it.each(cases.map((planted, index) => ({ ...planted, index })))(
    'judges in $path the line $source',
    ({ index, expected }) => {
      if (expected === undefined) expect(messages[index]).toEqual([]);
      else expect(messages[index]!.join('\n')).toContain(expected);
    },
  );
});
