import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { optional } from './packages';

/** flowgrid's workflows as they run inside Temporal's isolated world, for any number of workers. */
export interface WorkflowBundle {
  readonly code: string;
}

/**
 * The bundle that the build has kept, or a new one, which takes seconds of a processor: a program that is started again in
 * place of a dead one has better to do.
 *
 * @throws FlowgridError `unsupported` without the optional packages.
 */
export async function bundleWorkflows(): Promise<WorkflowBundle> {
  const file = await keptFile();
  return existsSync(file) ? { code: readFileSync(file, 'utf8') } : makeBundle();
}

/** Makes the bundle and keeps it beside this file. @throws FlowgridError `unsupported` without the optional packages. */
export async function keepBundle(): Promise<void> {
  const file = await keptFile();
  const { code } = await makeBundle();
  // A program that starts meanwhile reads all of it or nothing.
  writeFileSync(`${file}.new`, code);
  renameSync(`${file}.new`, file);
}

async function makeBundle(): Promise<WorkflowBundle> {
  const { bundleWorkflowCode, DefaultLogger } = await optional(
    '@temporalio/worker',
    () => import('@temporalio/worker'),
  );
  return bundleWorkflowCode({ workflowsPath: require.resolve('./workflows'), logger: new DefaultLogger('ERROR') });
}

/** Where it is kept. It holds Temporal's half too: programs with another version of that make their own. */
export async function keptFile(): Promise<string> {
  const packageFile = await optional('@temporalio/worker', async () =>
    require.resolve('@temporalio/worker/package.json'),
  );
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
  return join(__dirname, `workflows-${version}.bundle.js`);
}
