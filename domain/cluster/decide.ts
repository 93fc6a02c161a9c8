import { autoscaleProblem } from '../autoscale/settings';
import { canonical, type Canonical } from '../base/canonical';
import { isFlowgridError } from '../base/errors';
import { CLUSTER_ID_MAX, type ClusterId } from '../base/ids';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import { unknownPackage } from '../package/decide';
import type { ClusterEvent, ClusterSettings } from './events';
import { nodesOf } from './state';

type ClusterDecision = Decision<ClusterEvent>;

export function createCluster(state: GridState, settings: ClusterSettings): ClusterDecision {
  const refusal = invalidSettings(state, settings);
  if (refusal !== undefined) return refusal;
  const present = state.clusters[settings.id];
  if (present !== undefined) {
    if (text(present.settings) === text(settings)) return NOTHING_TO_DO;
    return reject('exists', `cluster ${settings.id} exists already, as ${present.settings.name}`);
  }
  return [{ type: 'ClusterCreated', v: 1, data: settings }];
}

export function reconfigureCluster(state: GridState, settings: ClusterSettings): ClusterDecision {
  const present = state.clusters[settings.id];
  if (present === undefined) return reject('not-found', `there is no cluster ${settings.id}`);
  // A grid that is being made may name packages before they are published: its nodes wait for them.
  const refusal = invalidSettings(state, settings) ?? unknownPackage(state, settings.function);
  if (refusal !== undefined) return refusal;
  if (settings.role !== present.settings.role) {
    return reject(
      'not-allowed',
      `cluster ${present.settings.name} is of role ${present.settings.role} for its whole life`,
    );
  }
  if (text(present.settings) === text(settings)) return NOTHING_TO_DO;
  return [{ type: 'ClusterReconfigured', v: 1, data: settings }];
}

export function deleteCluster(state: GridState, cluster: ClusterId): ClusterDecision {
  const present = state.clusters[cluster];
  if (present === undefined) return NOTHING_TO_DO;
  const { name } = present.settings;
  const member = nodesOf(present).find((node) => node.status !== 'removed');
  if (member !== undefined)
    return reject('in-use', `cluster ${name} still has node ${name}-${member.node} (${member.status})`);
  const path = Object.values(state.paths).find((candidate) => candidate.clusters.includes(cluster));
  if (path !== undefined) return reject('in-use', `cluster ${name} is on path ${path.name}`);
  const network = state.grid?.networks.find((candidate) => candidate.cluster === cluster);
  if (network !== undefined) return reject('in-use', `network ${network.name} connects through cluster ${name}`);
  return [{ type: 'ClusterDeleted', v: 1, data: { cluster } }];
}

function invalidSettings(state: GridState, settings: ClusterSettings): Rejection | undefined {
  const { id, name } = settings;
  if (state.grid === null) return reject('not-found', 'there is no grid yet');
  if (!Number.isInteger(id) || id < 1 || id > CLUSTER_ID_MAX) {
    return reject('invalid', `cluster ${name}: ID ${id} is not in 1–${CLUSTER_ID_MAX}`);
  }
  const namesake = Object.values(state.clusters).find(
    (other) => other.settings.name === name && other.settings.id !== id,
  );
  if (namesake !== undefined) return reject('exists', `cluster ${namesake.settings.id} is called ${name} already`);
  if (!isCanonical(settings)) {
    return reject('invalid', `cluster ${name}: a function's configuration holds texts, integers and truth values only`);
  }
  return invalidAutoscale(settings);
}

function invalidAutoscale({ name, role, autoscale }: ClusterSettings): Rejection | undefined {
  if (autoscale === undefined) return undefined;
  if (role !== 'anode') return reject('not-allowed', `cluster ${name}: only clusters of role anode are autoscaled`);
  const problem = autoscaleProblem(autoscale);
  return problem === undefined ? undefined : reject('invalid', `cluster ${name}: autoscale: ${problem}`);
}

function text(settings: ClusterSettings): string {
  return canonical(settings as unknown as Canonical);
}

/** Whether the settings can be hashed: no fraction may slip into the state. */
function isCanonical(settings: ClusterSettings): boolean {
  try {
    text(settings);
    return true;
  } catch (error) {
    if (isFlowgridError(error, 'internal')) return false;
    throw error;
  }
}
