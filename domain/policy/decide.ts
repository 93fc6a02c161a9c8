import { canonical, type Canonical } from '../base/canonical';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision } from '../message';
import type { FlowPolicy } from '../topology/topology';
import type { PolicyEvent } from './events';

export function definePolicy(state: GridState, policy: FlowPolicy): Decision<PolicyEvent> {
  const { id, name, flowType } = policy;
  if (!Number.isInteger(flowType) || flowType < 1 || flowType > 65_535) {
    return reject('invalid', `policy ${name}: flow type ${flowType} is not in 1–65535`);
  }
  if (policy.paths.length === 0) return reject('invalid', `policy ${name} names no path`);
  const pathNames = new Set(Object.values(state.paths).map((path) => path.name));
  const wanted = policy.replicateTo === undefined ? policy.paths : [...policy.paths, policy.replicateTo];
  const missing = wanted.find((path) => !pathNames.has(path));
  if (missing !== undefined) return reject('not-found', `policy ${name}: there is no path ${missing}`);
  const present = state.policies[id];
  if (present !== undefined && text(present) === text(policy)) return NOTHING_TO_DO;
  return [{ type: 'PolicyDefined', v: 1, data: policy }];
}

export function deletePolicy(state: GridState, policy: number): Decision<PolicyEvent> {
  return state.policies[policy] === undefined ? NOTHING_TO_DO : [{ type: 'PolicyDeleted', v: 1, data: { policy } }];
}

function text(policy: FlowPolicy): string {
  return canonical(policy as unknown as Canonical);
}
