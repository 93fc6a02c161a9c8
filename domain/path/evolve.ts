import { withEntry, withoutEntry } from '../base/entries';
import { unreachable } from '../base/errors';
import type { FlowPath } from '../topology/topology';
import type { PathEvent } from './events';

/** Flow paths by ID. */
export interface Paths {
  readonly [path: number]: FlowPath;
}

export function evolvePaths(paths: Paths, event: PathEvent): Paths {
  switch (event.type) {
    case 'FlowPathDefined':
      return withEntry(paths, event.data.id, event.data);
    case 'FlowPathDeleted':
      return withoutEntry(paths, event.data.path);
    default:
      return unreachable(event);
  }
}
