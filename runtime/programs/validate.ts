import { isFlowgridError } from '../../domain/base/errors';
import { EXIT, type Io, type ValidateOptions } from '../../interface/cli/programs';
import { loadGridFile } from '../control/grid-file';
import { readGridFile } from './grid-text';

/**
 * Reads and checks a grid file.
 *
 * @throws FlowgridError `invalid-grid` with a line `file:line:column: what (remedy)` for each problem in its message;
 *   `not-found` where there is no such file.
 */
export type GridFileLoader = (path: string) => unknown;

/** Something wrong in a grid file; lines and columns count from 1, 0 where the whole file is meant. */
interface FileProblem {
  readonly line: number;
  readonly column: number;
  readonly what: string;
  readonly remedy: string;
}

/** `flowgrid validate`: every problem of a grid file, a line each with its place and its remedy; exit 4 if there is one. */
export async function validate(
  { grid, json }: ValidateOptions,
  io: Io,
  load: GridFileLoader = (path) => loadGridFile(readGridFile(path), path),
): Promise<number> {
  const problems = problemsOf(grid, load);
  if (json) io.out(JSON.stringify({ grid, valid: problems.length === 0, problems }));
  else for (const { line, column, what, remedy } of problems) io.out(`${grid}:${line}:${column}: ${what} (${remedy})`);
  if (problems.length > 0) return EXIT.findings;
  if (!json) io.out(`${grid}: valid`);
  return EXIT.ok;
}

function problemsOf(path: string, load: GridFileLoader): FileProblem[] {
  try {
    load(path);
    return [];
  } catch (error) {
    if (!isFlowgridError(error, 'invalid-grid')) throw error;
    const placed = error.message.split('\n').flatMap((line) => placedProblem(path, line));
    return placed.length > 0 ? placed : [{ line: 0, column: 0, what: error.message, remedy: error.remedy ?? '' }];
  }
}

function placedProblem(path: string, text: string): FileProblem[] {
  const match = text.startsWith(`${path}:`) ? /^:(\d+):(\d+): (.*) \((.*)\)$/.exec(text.slice(path.length)) : null;
  if (match === null) return [];
  return [{ line: Number(match[1]), column: Number(match[2]), what: match[3]!, remedy: match[4]! }];
}
