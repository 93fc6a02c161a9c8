import type { ClusterId, Incarnation, NodeId } from '../base/ids';
import type { GridState } from '../grid-state';
import type { NodeAddress } from '../node/address';
import type { FunctionSpec } from '../topology/topology';
import type { Trial } from './trial';

/** The workflow that gives a cluster another function. */
export const UPGRADE = 'upgradeFunction';

/** Whether some cluster's function is about to become another, or the old one again. */
export function isUpgrading({ workflows }: Pick<GridState, 'workflows'>): boolean {
  return Object.values(workflows).some(({ name, status }) => name === UPGRADE && status === 'running');
}

/** A member whose function is to be another, and the life in which it has the old one. */
export interface OldMember {
  readonly node: NodeId;
  readonly name: string;
  readonly incarnation: Incarnation;
  readonly weight: number;
}

/** All that an upgrade is carried out by. */
export interface UpgradePlan {
  readonly cluster: ClusterId;
  readonly before: FunctionSpec;
  readonly after: FunctionSpec;
  readonly members: readonly OldMember[];
  readonly trial: Trial;
  /** Nodes whose recorders compare. */
  readonly recorders: readonly NodeAddress[];
}

/** What recorders have found. */
export interface Comparison {
  /** Frames that came out of both. */
  readonly compared: number;
  /** How many were not the same, or came out of one alone. */
  readonly differing: number;
}
