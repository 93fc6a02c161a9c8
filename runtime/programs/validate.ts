import { isFlowgridError } from '../../domain/base/errors';
import { EXIT, type Io, type ValidateOptions } from '../../interface/cli/programs';

/**
 * Reads and checks a grid file.
 *
 * @throws FlowgridError `invalid-grid` with every problem in its message, a line each (`file:line:column: what`);
 *   `not-found` where there is no such file.
 */
export type GridFileLoader = (path: string) => unknown;

/** `flowgrid validate`: every problem of a grid file, a line each; exit 4 if there is one. */
export async function validate({ grid, json }: ValidateOptions, io: Io, load: GridFileLoader): Promise<number> {
  const problems = problemsOf(grid, load);
  if (json) io.out(JSON.stringify({ grid, valid: problems.length === 0, problems }));
  else for (const problem of problems) io.out(problem);
  if (problems.length > 0) return EXIT.findings;
  if (!json) io.out(`${grid}: valid`);
  return EXIT.ok;
}

function problemsOf(path: string, load: GridFileLoader): string[] {
  try {
    load(path);
    return [];
  } catch (error) {
    if (!isFlowgridError(error, 'invalid-grid')) throw error;
    const lines = error.message.split('\n').filter((line) => line.trim() !== '');
    return error.remedy === undefined ? lines : [...lines, `remedy: ${error.remedy}`];
  }
}
