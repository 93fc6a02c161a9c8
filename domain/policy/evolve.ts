import { withEntry, withoutEntry } from '../base/entries';
import { unreachable } from '../base/errors';
import type { FlowPolicy } from '../topology/topology';
import type { PolicyEvent } from './events';

/** Policies by ID, which is also their order. */
export interface Policies {
  readonly [policy: number]: FlowPolicy;
}

export function evolvePolicies(policies: Policies, event: PolicyEvent): Policies {
  switch (event.type) {
    case 'PolicyDefined':
      return withEntry(policies, event.data.id, event.data);
    case 'PolicyDeleted':
      return withoutEntry(policies, event.data.policy);
    default:
      return unreachable(event);
  }
}
