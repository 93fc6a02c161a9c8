/** Lets plain Node run the tests' TypeScript: `node -r ./test/services/register.cjs file.ts`. Types are not checked. */
const { transformSync } = require('@swc/core');

require.extensions['.ts'] = (module, filename) => {
  const source = require('node:fs').readFileSync(filename, 'utf8');
  const { code } = transformSync(source, {
    filename,
    sourceMaps: 'inline',
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
  });
  module._compile(code, filename);
};
