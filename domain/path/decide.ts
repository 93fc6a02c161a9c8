import { canonical, type Canonical } from '../base/canonical';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision } from '../message';
import type { FlowPath } from '../topology/topology';
import type { PathEvent } from './events';

/** A longer path does not fit a descriptor: 42 + 2 × count bytes in one length byte, and room for what follows. */
export const PATH_CLUSTERS_MAX = 104;

export function defineFlowPath(state: GridState, path: FlowPath): Decision<PathEvent> {
  const { id, name, clusters } = path;
  if (clusters.length < 2)
    return reject('invalid', `path ${name}: a path leads from an INODE's cluster to an INODE's cluster`);
  if (clusters.length > PATH_CLUSTERS_MAX) {
    return reject(
      'invalid',
      `path ${name} crosses ${clusters.length} clusters; a descriptor holds ${PATH_CLUSTERS_MAX}`,
    );
  }
  const unknown = clusters.find((cluster) => state.clusters[cluster] === undefined);
  if (unknown !== undefined) return reject('not-found', `path ${name}: there is no cluster ${unknown}`);
  const networks = new Set(state.grid?.networks.map((network) => network.id));
  const missing = [...path.from, path.to].find((network) => !networks.has(network));
  if (missing !== undefined) return reject('not-found', `path ${name}: there is no network ${missing}`);
  const mixed = path.from.find((network) => isRouted(state, network) !== isRouted(state, path.to));
  if (mixed !== undefined)
    return reject('invalid', `path ${name} joins network ${mixed} to ${path.to}: one is routed, the other bridged`);
  const namesake = Object.values(state.paths).find((other) => other.name === name && other.id !== id);
  if (namesake !== undefined) return reject('exists', `path ${namesake.id} is called ${name} already`);
  const present = state.paths[id];
  if (present !== undefined && text(present) === text(path)) return NOTHING_TO_DO;
  return [{ type: 'FlowPathDefined', v: 1, data: path }];
}

export function deleteFlowPath(state: GridState, path: number): Decision<PathEvent> {
  const present = state.paths[path];
  if (present === undefined) return NOTHING_TO_DO;
  const user = Object.values(state.policies).find(
    (policy) => policy.paths.includes(present.name) || policy.replicateTo === present.name,
  );
  if (user !== undefined) return reject('in-use', `path ${present.name}: policy ${user.name} assigns flows to it`);
  return [{ type: 'FlowPathDeleted', v: 1, data: { path } }];
}

/** Whether the grid is a router on a network. */
function isRouted({ grid }: GridState, network: number): boolean {
  return grid?.networks.find(({ id }) => id === network)?.router !== undefined;
}

function text(path: FlowPath): string {
  return canonical(path as unknown as Canonical);
}
