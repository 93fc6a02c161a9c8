/**
 * Lint: the usual TypeScript rules, the table of allowed imports (imports.table.json) and the purity of the core
 * (no clock, randomness, timers or console outside `runtime/programs/`).
 */
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import tseslint from 'typescript-eslint';
import { roomImports } from './scripts/eslint-room-imports.mjs';

const table = JSON.parse(readFileSync(new URL('./imports.table.json', import.meta.url), 'utf8'));

/** The host world that pure rooms take as parameters (DESIGN: injected world). */
const impure = [
  {
    selector: "MemberExpression[object.name='Date'][property.name='now']",
    message: 'Take the time from an injected Clock.',
  },
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: 'Take the time from an injected Clock.',
  },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'Take randomness from an injected Prng.',
  },
  {
    selector: 'CallExpression[callee.name=/^set(Timeout|Interval|Immediate)$/]',
    message: 'Take timers from injected Timers.',
  },
  {
    selector: "MemberExpression[object.name='performance'][property.name='now']",
    message: 'Take the time from an injected Clock.',
  },
  {
    selector: "MemberExpression[object.name='crypto'][property.name=/^random/]",
    message: 'Take randomness from an injected Prng.',
  },
];

/** XState does not restore timers or invoked work (statelyai/xstate#5331): deadlines are data (`dueAt`). */
const statefulMachines = ['after', 'delay', 'invoke', 'spawn', 'sendTo'].flatMap((name) => [
  {
    selector: `Property[key.name='${name}']`,
    message: `No '${name}' in a persisted machine: put dueAt in the context.`,
  },
  {
    selector: `CallExpression[callee.name='${name}']`,
    message: `No '${name}' in a persisted machine: put dueAt in the context.`,
  },
]);

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'dataplane/kernels/assembly/**', '.services/**', '**/*.d.ts'] },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    plugins: { flowgrid: { rules: { 'room-imports': roomImports(table, builtinModules) } } },
    rules: {
      'flowgrid/room-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { prefer: 'type-imports', fixStyle: 'inline-type-imports' },
      ],
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-console': 'error',
    },
  },
  {
    files: [
      '{domain,dataplane,actors,projections,workflows,adapters}/**/*.ts',
      'runtime/{control,agent}/**/*.ts',
      'interface/**/*.ts',
    ],
    ignores: ['adapters/{log,bus}/**', 'workflows/temporal/**'],
    rules: { 'no-restricted-syntax': ['error', ...impure] },
  },
  {
    files: ['actors/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', ...impure, ...statefulMachines] },
  },
  { files: ['bench/**/*.ts', 'runtime/programs/**/*.ts', 'test/**/*.ts'], rules: { 'no-console': 'off' } },
  { files: ['**/*.js', '**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
);
