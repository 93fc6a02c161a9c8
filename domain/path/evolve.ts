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
      return { ...paths, [event.data.id]: event.data };
    case 'FlowPathDeleted': {
      const { [event.data.path]: _gone, ...others } = paths;
      return others;
    }
    default:
      return unreachable(event);
  }
}
