import { withEntry, withoutEntry } from '../base/entries';
import { unreachable } from '../base/errors';
import type { Replication } from '../topology/topology';
import type { ReplicationEvent } from './events';

/** What flows are to be replicated, by flow ID. */
export interface Replications {
  readonly [flow: number]: Replication;
}

export function evolveReplications(replications: Replications, event: ReplicationEvent): Replications {
  switch (event.type) {
    case 'ReplicationRequested':
      return withEntry(replications, event.data.flow, event.data);
    case 'ReplicationStopped':
      return withoutEntry(replications, event.data.flow);
    default:
      return unreachable(event);
  }
}
