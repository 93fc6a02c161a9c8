import type { ClusterId } from '../base/ids';
import type { GridState } from '../grid-state';
import { isRejection, NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import { lackOf, unlinkedSteps } from '../path/steps';
import { isTopologyStale } from '../topology/content';
import type { LiveFlowsSwitched } from '../topology/events';
import { CLUSTER_MODES, type ClusterMode } from '../topology/topology';
import type { SwitchClusterMode } from './commands';
import { reconfigureCluster } from './decide';
import type { ClusterEvent, ClusterSettings } from './events';

/**
 * Gives a cluster another mode, for flows that begin after it and, with `existing`, for those that live. What paths could
 * not carry is refused.
 */
export function switchClusterMode(
  state: GridState,
  { cluster: name, mode, existing = false }: SwitchClusterMode['data'],
): Decision<ClusterEvent | LiveFlowsSwitched> {
  if (!CLUSTER_MODES.includes(mode)) {
    return reject('invalid', `${mode} is no mode; a cluster's mode is one of ${CLUSTER_MODES.join(', ')}`);
  }
  const clusters = Object.values(state.clusters).map(({ settings }) => settings);
  const present = clusters.find((settings) => settings.name === name);
  if (present === undefined) {
    const names = clusters.map((settings) => settings.name).join(', ');
    return reject('not-found', `there is no cluster ${name}; clusters of this grid: ${names}`);
  }
  const wanted = { ...present, mode };
  const switched =
    present.mode === mode
      ? NOTHING_TO_DO
      : (unsuitable(wanted) ?? unlinked(state, present, wanted) ?? reconfigureCluster(state, wanted));
  if (isRejection(switched) || !existing) return switched;
  return [...switched, ...liveFlowsSwitched(state, present.id, mode, switched.length > 0)];
}

/** Flows under topologies that have the cluster in another mode; none where all were told so before. */
function liveFlowsSwitched(
  state: GridState,
  cluster: ClusterId,
  mode: ClusterMode,
  isNew: boolean,
): readonly LiveFlowsSwitched[] {
  const { topology } = state;
  const upTo = isNew || isTopologyStale(state) ? topology.version : topology.version - 1;
  const isLive = topology.live.some(({ version }) => version <= upTo && version > (topology.modesUpTo ?? 0));
  return isLive ? [{ type: 'LiveFlowsSwitched', v: 1, data: { cluster, mode, upTo } }] : [];
}

function unsuitable({ name, role, mode }: ClusterSettings): Rejection | undefined {
  if (role === 'mnode') return reject('not-allowed', `cluster ${name} carries no flows`);
  if (role === 'inode' && (mode === 'bypass' || mode === 'copy')) {
    return reject('not-allowed', `flows begin and end in cluster ${name}: it can be in mode through or drop only`);
  }
  return undefined;
}

/** Refuses a mode that sends frames past the cluster where no link carries them; what was missing before is no reason. */
function unlinked(state: GridState, present: ClusterSettings, wanted: ClusterSettings): Rejection | undefined {
  const links = Object.values(state.links.links);
  const settingsOf = (id: ClusterId): ClusterSettings | undefined => state.clusters[id]?.settings;
  const nameOf = (id: ClusterId): string => settingsOf(id)?.name ?? String(id);
  for (const path of Object.values(state.paths)) {
    const before = unlinkedSteps(path, settingsOf, links);
    const missing = unlinkedSteps(path, (id) => (id === present.id ? wanted : settingsOf(id)), links).find(
      ({ from, past }) => !before.some((step) => step.from === from && step.past.length === past.length),
    );
    if (missing === undefined) continue;
    const past = missing.past.map(nameOf).join(', ');
    return reject('not-allowed', `path ${path.name}: ${lackOf(missing, nameOf)}, for frames that go past ${past}`);
  }
  return undefined;
}
