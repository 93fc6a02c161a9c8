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
      return { ...policies, [event.data.id]: event.data };
    case 'PolicyDeleted': {
      const { [event.data.policy]: _gone, ...others } = policies;
      return others;
    }
    default:
      return unreachable(event);
  }
}
