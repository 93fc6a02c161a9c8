import { readFileSync } from 'node:fs';
import { FlowgridError } from '../../domain/base/errors';

/** The text of a grid file. @throws FlowgridError `not-found` naming the path. */
export function readGridFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new FlowgridError('not-found', `${path}: cannot be read`, {
      remedy: 'Name a grid file, such as examples/figure-4.yaml.',
      cause,
    });
  }
}
